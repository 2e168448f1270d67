// The live view: redrawn in place on a terminal, plain lines elsewhere.
import type { EndpointState, Mesh } from 'fetchmesh';
import type { Tally } from './traffic.js';

export interface LogEntry {
  readonly atMs: number;
  readonly text: string;
}

const COLUMNS = ['endpoint', 'state', 'requests', 'failures', 'in flight', 'p50', 'p99'] as const;
const WIDTHS = [12, 9, 9, 9, 10, 9, 9];

export function draw(mesh: Mesh, tally: Tally, log: readonly LogEntry[], elapsedMs: number, terminal: boolean): void {
  const endpoints = endpointsOf(mesh);
  if (!terminal) {
    const states = endpoints.map(
      (each) => `${each.id} ${each.state} ${each.requests}/${each.failures} p99 ${milliseconds(each.latencyMs?.p99)}`,
    );
    console.log(`${seconds(elapsedMs)}  ${tally.answered} answered, ${tally.lost.length} lost | ${states.join(' | ')}`);
    return;
  }
  const lines = [
    `fetchmesh demo  ${seconds(elapsedMs)}   ${tally.sent} requests, ${tally.answered} answered, ${tally.lost.length} lost`,
    '',
    COLUMNS.map((name, index) => name.padEnd(WIDTHS[index] ?? 9)).join(' '),
    ...endpoints.map(row),
    '',
    ...log.slice(-12).map((entry) => `${seconds(entry.atMs)}  ${entry.text}`),
  ];
  process.stdout.write(`\u001b[H\u001b[J${lines.join('\n')}\n`);
}

/** Every endpoint as it was last seen, those that are gone included. */
export const seen = new Map<string, EndpointState>();

function endpointsOf(mesh: Mesh): readonly EndpointState[] {
  const endpoints = mesh.inspect().services.users?.endpoints ?? [];
  for (const endpoint of endpoints) seen.set(endpoint.id, endpoint);
  return endpoints;
}

function row(endpoint: EndpointState): string {
  const { id, state, requests, failures, inFlight, latencyMs } = endpoint;
  const cells = [
    id,
    state,
    String(requests),
    String(failures),
    String(inFlight),
    milliseconds(latencyMs?.p50),
    milliseconds(latencyMs?.p99),
  ];
  return cells.map((cell, index) => cell.padEnd(WIDTHS[index] ?? 9)).join(' ');
}

export function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1).padStart(5)} s`;
}

function milliseconds(value: number | undefined): string {
  return value === undefined ? '-' : `${value.toFixed(0)} ms`;
}
