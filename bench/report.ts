import type { FleetResults } from './fleet.js';
import { fleetLines, fleetTargets } from './fleet-report.js';
import type { MemoryResult } from './memory.js';
import type { BalancerResult } from './pick.js';
import { pickLines } from './pick-report.js';
import { IN_FLIGHT, type RequestResult } from './requests.js';
import type { StackResult } from './stack.js';
import { table } from './table.js';
import { memoryTargets, pickTargets, requestTargets, stackTargets, type Target } from './targets.js';

/** Everything that was measured with one Node. What was left out is absent. */
export interface NodeResults {
  readonly version: string;
  readonly requests?: readonly RequestResult[];
  readonly stacks?: readonly StackResult[];
  readonly picks?: readonly BalancerResult[];
  readonly memory?: MemoryResult;
  readonly fleets?: readonly FleetResults[];
}

/** The page that docs/benchmarks.md is. */
export function report(machine: readonly string[], date: string | undefined, nodes: readonly NodeResults[]): string {
  const versions = nodes.map(({ version }) => version).join(' and ');
  return [
    '# Benchmarks',
    '',
    'Written by `npm run bench`. Ratios come first: they carry over to other machines better than times do.',
    '',
    `- Node ${versions}${date === undefined ? '' : `, ${date}`}`,
    ...machine.map((line) => `- ${line}`),
    '',
    ...nodes.flatMap((results) => ofNode(results)),
  ].join('\n');
}

function ofNode({ version, requests, stacks, picks, memory, fleets }: NodeResults): string[] {
  const targets = [
    ...(requests === undefined ? [] : requestTargets(requests)),
    ...(stacks === undefined ? [] : stackTargets(stacks)),
    ...(picks === undefined ? [] : pickTargets(picks)),
    ...(memory === undefined ? [] : memoryTargets(memory)),
    ...(fleets === undefined ? [] : fleetTargets(fleets)),
  ];
  return [
    `## Node ${version}`,
    '',
    ...targetLines(targets),
    ...(requests === undefined ? [] : requestLines(requests)),
    ...(stacks === undefined ? [] : stackLines(stacks)),
    ...(picks === undefined ? [] : pickLines(picks)),
    ...(memory === undefined ? [] : memoryLines(memory)),
    ...(fleets === undefined ? [] : fleetLines(fleets)),
  ];
}

function targetLines(targets: readonly Target[]): string[] {
  return table(
    ['Target', 'Wanted', 'Measured', ''],
    targets.map(({ what, wanted, measured, met }) => [what, wanted, measured, met ? 'met' : '**missed**']),
  );
}

function requestLines(results: readonly RequestResult[]): string[] {
  const fetch = results.find(({ contender }) => contender === 'global-fetch');
  const rows = results.map(({ name, perSecond, cpuUs, heapBytes, serverShare }) => [
    name,
    (perSecond / (fetch?.perSecond ?? Number.NaN)).toFixed(2),
    (cpuUs / (fetch?.cpuUs ?? Number.NaN)).toFixed(2),
    perSecond.toFixed(0),
    cpuUs.toFixed(1),
    heapBytes === undefined ? 'not measured' : (heapBytes / 1_024).toFixed(1),
    `${(serverShare * 100).toFixed(0)} %`,
  ]);
  return [
    '### Requests',
    '',
    `GET of 100 bytes of JSON from four endpoints, read by \`.json()\`, ${IN_FLIGHT} in flight, processes of its own for each contender; medians of interleaved rounds.`,
    'Throughput and CPU time are given as multiples of global fetch, then as they are. The last column is how busy the server was meanwhile.',
    '',
    ...table(['', 'Throughput', 'CPU time', 'Requests/s', 'CPU µs/request', 'Heap KiB/request', 'Server'], rows),
  ];
}

function stackLines(results: readonly StackResult[]): string[] {
  const standard = results.find(({ stack }) => stack === 'standard')?.nsPerCall ?? Number.NaN;
  const rows = results.map(({ name, nsPerCall, cpuNsPerCall }) => [
    name,
    (nsPerCall / standard).toFixed(2),
    nsPerCall.toFixed(0),
    cpuNsPerCall.toFixed(0),
  ]);
  return [
    '### Stacks over nothing',
    '',
    'One call after the other, with no network. CPU time is that of the whole process: it includes the garbage and the event loop.',
    '',
    ...table(['', 'To the standard stack', 'ns/call', 'CPU ns/call'], rows),
  ];
}

function memoryLines({ endpoints, unusedBytes, idleBytes, connectionBytes, defaultBytes, requests, growthBytes }: MemoryResult): string[] {
  return [
    '### Memory',
    '',
    `With ${endpoints.toLocaleString('en')} endpoints: ${unusedBytes.toFixed(0)} bytes for one that was never used, ${idleBytes.toFixed(0)} for one that was used and is idle again; ${connectionBytes.toFixed(0)} more while a connection to it is open.`,
    `A mesh as it comes, with the tables of its default balancer, holds ${(defaultBytes / 2 ** 20).toFixed(1)} MiB for all of them before any connection.`,
    `Over ${requests.toLocaleString('en')} requests the heap grew by ${(growthBytes / 1_024).toFixed(0)} KiB.`,
    '',
  ];
}
