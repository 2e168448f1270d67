import {
  bulkhead,
  ConsecutiveBreaker,
  circuitBreaker,
  ExponentialBackoff,
  handleAll,
  retry,
  TimeoutStrategy,
  timeout,
  wrap,
} from 'cockatiel';
import CircuitBreaker from 'opossum';
import { Call } from '../src/core/call.js';
import { systemClock } from '../src/core/clock.js';
import { DeadlineQueue } from '../src/core/deadline-queue.js';
import { EventEmitter } from '../src/core/events.js';
import { systemRandom } from '../src/core/random.js';
import { createMesh, staticDiscovery } from '../src/index.js';
import { MeshClock } from '../src/mesh-clock.js';
import { meshSettings } from '../src/options.js';
import { Service } from '../src/service.js';
import { answer } from './child.js';
import { emptyReply, noWire } from './no-wire.js';
import type { StackName, StackResult } from './stack.js';
import { median } from './statistics.js';

/** Times one stack. Called by stack.ts with the stack's name. */

const BATCH = 200;
const stack = process.argv[2] as StackName;
const batches = process.argv[3] === 'quick' ? 1_000 : 8_000;

const nothing = () => Promise.resolve(1);
const urls = [1, 2, 3, 4].map((last) => `http://10.0.0.${last}`);

const MAKE: Record<StackName, () => Promise<() => Promise<unknown>>> = {
  nothing: async () => nothing,
  standard: async () => {
    const options = { discovery: staticDiscovery({ api: urls }), transport: noWire(emptyReply()) };
    const { defaults, cache } = meshSettings(options);
    const clock = new MeshClock(systemClock, (work) => work());
    const service = new Service('api', defaults, {
      ...options,
      host: { clock, random: systemRandom, skipped() {}, announcementFailed() {}, announced() {} },
      clock,
      random: systemRandom,
      events: new EventEmitter(),
      deadlines: new DeadlineQueue(clock),
      cache,
      hostOf: (name) => name,
      inMeshContext: (work) => work(),
      refusal: () => undefined,
    });
    const init = { service: 'api', method: 'GET', path: '/items/42', headers: [], idempotent: true };
    return () => {
      const call = new Call(init);
      return service.begin(call).then((reply) => service.answered(call, reply));
    };
  },
  'mesh-fetch': async () => {
    const mesh = createMesh({ discovery: staticDiscovery({ api: urls }), transport: noWire() });
    return () => mesh.fetch('http://api/items/42').then((response) => response.json());
  },
  opossum: async () => {
    const breaker = new CircuitBreaker(nothing);
    return () => breaker.fire();
  },
  cockatiel: async () => {
    const policy = wrap(
      retry(handleAll, { maxAttempts: 2, backoff: new ExponentialBackoff() }),
      circuitBreaker(handleAll, { halfOpenAfter: 10_000, breaker: new ConsecutiveBreaker(5) }),
      bulkhead(1_000, 1_000),
      timeout(10_000, { strategy: TimeoutStrategy.Cooperative, abortOnReturn: false }),
    );
    return () => policy.execute(nothing);
  },
};

async function batchNs(call: () => Promise<unknown>): Promise<number> {
  const startNs = process.hrtime.bigint();
  for (let i = 0; i < BATCH; i++) await call();
  return Number(process.hrtime.bigint() - startNs) / BATCH;
}

/** Timers run between two batches, as they would in a service. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

const call = await MAKE[stack]();
for (let batch = 0; batch < batches / 4; batch++) {
  await batchNs(call);
  await turn();
}
const samples: number[] = [];
const before = process.cpuUsage();
for (let batch = 0; batch < batches; batch++) {
  samples.push(await batchNs(call));
  await turn();
}
const { user, system } = process.cpuUsage(before);
const result: Omit<StackResult, 'name'> = {
  stack,
  nsPerCall: median(samples),
  cpuNsPerCall: ((user + system) * 1_000) / (batches * BATCH),
};
answer(result);
