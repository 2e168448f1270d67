// The main job, for real: replicas as processes of their own, announced in the embedded registry; traffic
// through `mesh.fetch`; and the things that happen to replicas. Ends by itself with a summary.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createMesh, fileDiscovery, p2c, peakEwma, standard } from 'fetchmesh';
import { Fleet } from './fleet.js';
import { sendTraffic, type Tally } from './traffic.js';
import { draw, type LogEntry, seconds, seen } from './view.js';

const REQUESTS_PER_SECOND = 300;
const terminal = process.stdout.isTTY === true;
const folder = await mkdtemp(join(tmpdir(), 'fetchmesh-demo-'));
const fleet = new Fleet(folder);
const tally: Tally = { sent: 0, answered: 0, lost: [], latenciesMs: [] };
const log: LogEntry[] = [];

console.log('starting four replicas of the service users, announced in a folder');
await Promise.all(['users-1', 'users-2', 'users-3', 'users-4'].map((name) => fleet.start(name)));

const mesh = createMesh({
  discovery: fileDiscovery({ path: folder, leaseMs: 3_000 }),
  // Slowness is forgotten sooner than by default (10 s), so that the demo can show who comes back.
  defaults: { balancer: p2c({ load: peakEwma({ decayMs: 2_000 }) }), policies: standard({ timeoutMs: 3_000, attemptTimeoutMs: 1_000 }) },
});
await mesh.ready(['users'], { minEndpoints: 4 });

const startedMs = performance.now();
function note(text: string): void {
  const atMs = performance.now() - startedMs;
  log.push({ atMs, text });
  if (!terminal) console.log(`${seconds(atMs)}  ${text}`);
}
mesh.on('endpointAdded', ({ endpoint }) => note(`registry: ${endpoint} joined`));
mesh.on('endpointRemoved', ({ endpoint }) => note(`registry: ${endpoint} left`));
mesh.on('breakerOpened', ({ endpoint, forMs }) => note(`breaker: ${endpoint} opened for ${seconds(forMs).trim()}`));
mesh.on('breakerClosed', ({ endpoint }) => note(`breaker: ${endpoint} closed`));
let retries = 0;
mesh.on('retry', () => {
  retries++;
});

/** What happens, and when. */
const timeline: [number, string, () => unknown][] = [
  [3_000, 'users-2 is killed', () => fleet.kill('users-2')],
  [8_000, 'users-3 turns slow (300 ms)', () => fleet.tell('users-3', 'slow')],
  [11_000, 'users-3 is fast again', () => fleet.tell('users-3', 'well')],
  [12_000, 'users-4 answers 503 from now on', () => fleet.tell('users-4', 'failing')],
  [16_000, 'users-4 is well again', () => fleet.tell('users-4', 'well')],
  [17_000, 'users-5 starts', () => fleet.start('users-5')],
];
const END_MS = 22_000;

const stop = new AbortController();
const view = setInterval(() => draw(mesh, tally, log, performance.now() - startedMs, terminal), terminal ? 250 : 2_000);
for (const [atMs, text, act] of timeline) {
  setTimeout(() => {
    note(`demo: ${text}`);
    void act();
  }, atMs);
}
setTimeout(() => stop.abort(), END_MS);
await sendTraffic(mesh, REQUESTS_PER_SECOND, tally, startedMs, stop.signal);
clearInterval(view);
draw(mesh, tally, log, performance.now() - startedMs, terminal);

const sorted = tally.latenciesMs.sort((a, b) => a - b);
const percentile = (share: number) => `${(sorted[Math.floor(share * (sorted.length - 1))] ?? 0).toFixed(1)} ms`;
const present = new Set(mesh.inspect().services.users?.endpoints.map(({ id }) => id));
await mesh.close();
await fleet.stop();
await rm(folder, { recursive: true, force: true });

console.log('\nSummary');
console.log(`  requests  ${tally.sent} sent, ${tally.answered} answered, ${tally.lost.length} lost, ${retries} attempts repeated`);
console.log(`  latency   p50 ${percentile(0.5)}, p99 ${percentile(0.99)}, p99.9 ${percentile(0.999)}`);
console.log('  endpoints');
for (const { id, state, requests, failures, latencyMs } of [...seen.values()].sort((a, b) => a.id.localeCompare(b.id))) {
  const p99 = latencyMs === undefined ? '' : `, p99 ${latencyMs.p99.toFixed(0)} ms`;
  console.log(`    ${id}: ${present.has(id) ? state : 'gone'}, ${requests} attempts, ${failures} failed${p99}`);
}
console.log('  what happened');
for (const { atMs, text } of log) console.log(`    ${seconds(atMs)}  ${text}`);
for (const { atMs, reason } of tally.lost.slice(0, 10)) console.log(`    ${seconds(atMs)}  lost: ${reason}`);
process.exitCode = tally.lost.length === 0 ? 0 : 1;
