import { writeFileSync } from 'node:fs';
import { availableParallelism, cpus, totalmem } from 'node:os';
import { type Latencies, latencies, type Spread } from './scenarios/latencies.js';
import { type ManyInstances, manyInstances } from './scenarios/many-instances.js';
import { type Outage, outages } from './scenarios/outages.js';
import { EVERY_REGISTRY, LARGE_REGISTRIES } from './support/every-registry.js';
import type { RegistryUnderTest, StartRegistry } from './support/registry-under-test.js';

/**
 * `npm run registries:soak`: holds each outage of each registry for two minutes, measures how soon changes come through
 * and what 10,000 instances cost, and writes docs/registries/measurements.md. Arguments: `--hold SECONDS`.
 */

const PAGE = 'docs/registries/measurements.md';
const holdArgument = process.argv.indexOf('--hold');
const holdMs = 1_000 * (holdArgument < 0 ? 120 : Number(process.argv[holdArgument + 1]));
if (!(holdMs >= 5_000)) throw new Error('--hold must be a number of seconds of at least 5: an outage must be long enough to be noticed');
const ROUNDS = 100;
const ROUNDS_OF_PERIODS = 10;

// What is measured goes first and one after the other; outages only last, and do so side by side.
const moving = await oneByOne(EVERY_REGISTRY, (registry) => latencies(registry, registry.traits.live ? ROUNDS : ROUNDS_OF_PERIODS));
const many = await oneByOne(LARGE_REGISTRIES, (registry) => manyInstances(registry));
const away = new Map(
  await Promise.all(
    Object.entries(EVERY_REGISTRY).map(
      async ([name, start]): Promise<[string, readonly Outage[]]> => [
        name,
        await withRegistry(start, (registry) => outages(registry, holdMs)),
      ],
    ),
  ),
);
writeFileSync(PAGE, page());
console.log(`${PAGE} is written`);

async function oneByOne<T>(registries: Readonly<Record<string, StartRegistry>>, measure: (registry: RegistryUnderTest) => Promise<T>) {
  const results = new Map<string, T>();
  for (const [name, start] of Object.entries(registries)) {
    results.set(name, await withRegistry(start, measure));
    console.log(`${name}: ${JSON.stringify(results.get(name))}`);
  }
  return results;
}

async function withRegistry<T>(start: StartRegistry, use: (registry: RegistryUnderTest) => Promise<T>): Promise<T> {
  const registry = await start();
  try {
    return await use(registry);
  } finally {
    await registry.stop();
  }
}

function page(): string {
  return [
    '# Registries, measured',
    '',
    `Written by \`npm run registries:soak\`, with the real servers on the same machine: ${cpus()[0]?.model}, ${availableParallelism()} cores, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}.`,
    '',
    '## How soon a change comes through',
    '',
    'An instance is announced and taken back again and again, while somebody calls its service one request after the other. On Kubernetes, where instances do not announce themselves, the EndpointSlice is written. *Served* is the time from the start of the announcement to the first request that the instance has answered; *left* that from the start of the removal to the last request that was sent to it; *after it was seen* counts the latter from the moment when the mesh heard of the removal.',
    '',
    ...table(
      ['', 'Rounds', 'Served p50', 'p99', 'Left p50', 'p99', 'After it was seen p99'],
      [...moving].map(([name, { rounds, announcedToServed, removedToLastSent, seenToLastSent }]: [string, Latencies]) => [
        name,
        `${rounds}`,
        ...both(announcedToServed),
        ...both(removedToLastSent),
        ms(seenToLastSent.p99Ms),
      ]),
    ),
    'Eureka and DNS are asked, so a change waits for the next question: every 0.2 s and every second here, 30 s and the TTL of the records otherwise.',
    '',
    '## 10,000 instances',
    '',
    'A process watches a service with 10,000 instances, of which a hundred change every second for five seconds. *Held* is the longest time that no timer of its event loop came through, for whatever reason: on a machine of few cores mostly because the registry, or a thread that helps with garbage collection, had the core. *Own* is the most CPU time of its main thread between two times that a timer came through, garbage collection on that thread included: for so long the event loop is held where nobody else wants the core. A timer comes every millisecond, and what that costs is part of the CPU of a change.',
    '',
    ...table(
      ['', 'First list', 'held', 'own', 'Bytes an instance', 'Changes/s', 'seen', 'CPU a change', 'held', 'own'],
      [...many].map(([name, result]: [string, ManyInstances]) => [
        name,
        ms(result.firstListMs),
        ms(result.firstListGaps.longest.wallMs),
        ms(result.firstListGaps.busiest.ownMs),
        result.bytesPerInstance.toFixed(0),
        result.changesPerSecond.toFixed(0),
        `${(100 * result.changesSeen).toFixed(0)} %`,
        `${result.cpuMsPerChange.toFixed(2)} ms`,
        ms(result.changeGaps.longest.wallMs),
        ms(result.changeGaps.busiest.ownMs),
      ]),
    ),
    'The memory is that of the source, the list and the endpoints together.',
    '',
    '## Outages',
    '',
    `Each lasts ${Math.round(holdMs / 1_000)} s, under 50 requests a second to the service. *Frozen* is a server that is stopped in the middle of what it does, *killed* one that is gone and comes back, *unreachable* a network that swallows everything, *failing* a server that answers errors. The sources ask after three seconds of silence whether the registry lives. *Current* is the time from the end of the outage until the mesh knew an instance that it could not have heard of before; in brackets, from the first connection that came through.`,
    '',
    ...table(
      ['', 'Outage', 'Requests', 'failed', 'p50', 'p99', 'slowest', 'Stale after', 'Current after'],
      [...away].flatMap(([name, each]) => each.map((outage) => [name, ...outageCells(outage)])),
    ),
  ].join('\n');
}

function outageCells({ kind, during, noticedAfterMs, currentAfterMs, currentAfterConnectionMs }: Outage): string[] {
  const { requests, failures, p50Ms, p99Ms, slowestMs } = during;
  const afterConnection = currentAfterConnectionMs === undefined ? '' : ` (${ms(currentAfterConnectionMs)})`;
  const noticed = noticedAfterMs === undefined ? 'never' : ms(noticedAfterMs);
  return [
    kind,
    `${requests}`,
    `${failures.length}`,
    ms(p50Ms),
    ms(p99Ms),
    ms(slowestMs),
    noticed,
    `${ms(currentAfterMs)}${afterConnection}`,
  ];
}

function both({ p50Ms, p99Ms }: Spread): string[] {
  return [ms(p50Ms), ms(p99Ms)];
}

function ms(value: number): string {
  return `${value < 10 ? value.toFixed(1) : value.toFixed(0)} ms`;
}

function table(header: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(header), line(header.map((_, index) => (index === 0 ? '---' : '---:'))), ...rows.map(line), ''];
}
