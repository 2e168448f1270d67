import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { leastRequest, type MeshEventName, p2c, random, roundRobin, standard } from '../../src/index.js';
import { type MockAnswer, type MockRequest, seededRandom } from '../../src/testing/index.js';
import { address, virtualMesh } from '../support/virtual-mesh.js';

const MINUTES = 10;
const ENDPOINTS = 6;

const EVENTS: readonly MeshEventName[] = [
  'endpointAdded',
  'endpointRemoved',
  'endpointEjected',
  'endpointRecovered',
  'breakerOpened',
  'breakerHalfOpened',
  'breakerClosed',
  'retry',
  'retryBudgetExhausted',
  'registryFailed',
  'registryRecovered',
  'listHeld',
];

/** Whether an endpoint is in trouble at a time, and in which. Each has its own hours. */
function answerOf(nth: number, nowMs: number, chance: number): MockAnswer {
  const minute = Math.floor(nowMs / 60_000);
  const latencyMs = 5 + 20 * chance;
  if (minute % ENDPOINTS !== nth % ENDPOINTS) return { latencyMs, body: 'fine', bodyMs: 3 };
  switch (nth % 4) {
    case 0:
      return { status: 503, latencyMs: 1 + chance };
    case 1:
      return { fault: chance < 0.5 ? 'reset' : 'refuse', latencyMs: 2 };
    case 2:
      return { latencyMs: 600 };
    default:
      return chance < 0.3 ? { fault: 'hang' } : { latencyMs, body: 'broken', bodyMs: 5, fault: 'resetBody' };
  }
}

/** Ten minutes of a service in changing trouble, written down line by line. */
async function run(seed: number, balancer = p2c()): Promise<string[]> {
  const log: string[] = [];
  const policies = standard({
    timeoutMs: 2_000,
    attemptTimeoutMs: 400,
    bulkhead: { concurrency: 30, queue: 20 },
    circuitBreaker: { openMs: 2_000 },
  });
  const { mesh, clock, registry, far } = virtualMesh({ endpoints: ENDPOINTS, seed, defaults: { balancer, policies } });
  // The weather has a seed of its own: it is the same for every way of balancing.
  const weather = seededRandom(99);
  for (let nth = 1; nth <= ENDPOINTS; nth++) {
    far.on(address(nth), (request: MockRequest) => {
      log.push(`${clock.now().toFixed(3)} ${request.endpoint} ${request.path} attempt ${request.attempt}`);
      return answerOf(nth, clock.now(), weather.next());
    });
  }
  for (const name of EVENTS)
    mesh.on(name, (event) =>
      log.push(`${clock.now().toFixed(3)} ${name} ${JSON.stringify({ ...event, failed: undefined, error: undefined })}`),
    );
  let left = 0;
  for (let at = 0; at < MINUTES * 60_000; at += 250) {
    if (at === 120_000) registry.remove('users', address(3));
    if (at === 180_000) registry.add('users', address(3));
    if (at === 240_000) registry.fail();
    if (at === 300_000) registry.recover();
    left++;
    mesh
      .fetch(`http://users/${at}`, { method: at % 1_000 === 0 ? 'POST' : 'GET' })
      .then((response) => response.text().then((text) => `${response.status} ${text}`))
      .catch((error) => String(error.code))
      .then((outcome) => {
        left--;
        log.push(`${clock.now().toFixed(3)} /${at} ${outcome}`);
      });
    await clock.advance(250);
  }
  await clock.advance(120_000);
  assert.equal(left, 0);
  assert.equal(far.open, 0);
  log.push(JSON.stringify(mesh.inspect()));
  return log;
}

describe('ten minutes of failures in virtual time', () => {
  const balancers = { p2c: p2c(), leastRequest: leastRequest(), roundRobin: roundRobin(), random: random() };
  for (const [name, balancer] of Object.entries(balancers)) {
    it(`go the same way twice with the same seed: ${name}`, async () => {
      const first = await run(42, balancer);
      assert.ok(first.length > 4 * 60 * MINUTES, `${first.length} lines`);
      assert.ok(first.some((line) => line.includes('retry')));
      assert.ok(first.some((line) => line.includes('endpointRemoved')));
      assert.deepEqual(await run(42, balancer), first);
    });
  }

  it('go another way with another seed', async () => {
    const [one, other] = [await run(1), await run(2)];
    assert.notDeepEqual(one, other);
  });
});
