import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type Balancer, leastRequest, MeshError, type Policy, p2c, random, roundRobin, standard } from '../../src/index.js';
import type { MockAnswer, MockRequest } from '../../src/testing/index.js';
import { address, type VirtualMesh, virtualMesh } from '../support/virtual-mesh.js';

/**
 * Random traffic through a whole mesh, over endpoints that answer, fail, hang and break off at random, while the
 * registry adds, removes and fails. What must hold holds whatever happens.
 */

const BALANCERS: Record<string, () => Balancer> = {
  p2c: () => p2c(),
  leastRequest: () => leastRequest(),
  roundRobin: () => roundRobin(),
  random: () => random(),
};

type Step =
  | {
      readonly what: 'call';
      readonly method: 'GET' | 'POST';
      readonly timeoutMs: number;
      readonly abortAfterMs: number | undefined;
      readonly reads: boolean;
    }
  | { readonly what: 'add' | 'remove'; readonly nth: number }
  | { readonly what: 'fail' | 'recover' | 'goEmpty' };

interface Plan {
  readonly seed: number;
  readonly balancer: string;
  readonly endpoints: number;
  readonly attempts: number;
  readonly ratio: number;
  readonly tokens: number;
  readonly concurrency: number;
  readonly queue: number;
  readonly perEndpoint: number | undefined;
  readonly answers: readonly MockAnswer[];
  readonly steps: readonly (Step & { readonly afterMs: number })[];
}

const answers: fc.Arbitrary<MockAnswer> = fc.record(
  {
    status: fc.constantFrom(200, 200, 200, 404, 500, 503, 429),
    latencyMs: fc.integer({ min: 0, max: 300 }),
    bodyMs: fc.integer({ min: 0, max: 200 }),
    body: fc.constantFrom('', 'some bytes'),
    fault: fc.constantFrom('refuse', 'reset', 'resetBody', 'hang', 'garbage'),
    headers: fc.constantFrom({}, { 'retry-after': '1' }),
  },
  { requiredKeys: ['status', 'latencyMs', 'bodyMs', 'body'] },
);

const steps: fc.Arbitrary<Step & { readonly afterMs: number }> = fc
  .record({ afterMs: fc.integer({ min: 0, max: 60 }) })
  .chain(({ afterMs }) =>
    fc
      .oneof(
        {
          weight: 8,
          arbitrary: fc.record({
            what: fc.constant('call' as const),
            method: fc.constantFrom('GET' as const, 'POST' as const),
            timeoutMs: fc.integer({ min: 20, max: 1_000 }),
            abortAfterMs: fc.option(fc.integer({ min: 0, max: 400 }), { nil: undefined }),
            reads: fc.boolean(),
          }),
        },
        {
          weight: 2,
          arbitrary: fc.record({ what: fc.constantFrom('add' as const, 'remove' as const), nth: fc.integer({ min: 1, max: 8 }) }),
        },
        { weight: 1, arbitrary: fc.record({ what: fc.constantFrom('fail' as const, 'recover' as const, 'goEmpty' as const) }) },
      )
      .map((step) => ({ ...step, afterMs })),
  );

const plans: fc.Arbitrary<Plan> = fc.record({
  seed: fc.integer(),
  balancer: fc.constantFrom(...Object.keys(BALANCERS)),
  endpoints: fc.integer({ min: 0, max: 5 }),
  attempts: fc.integer({ min: 1, max: 4 }),
  ratio: fc.constantFrom(0, 0.1, 0.5),
  tokens: fc.integer({ min: 0, max: 5 }),
  concurrency: fc.integer({ min: 1, max: 6 }),
  queue: fc.integer({ min: 0, max: 4 }),
  perEndpoint: fc.option(fc.integer({ min: 1, max: 3 }), { nil: undefined }),
  answers: fc.array(answers, { minLength: 1, maxLength: 40 }),
  steps: fc.array(steps, { minLength: 1, maxLength: 40 }),
});

/** Sees every call and every attempt of it, from outside and inside of retry. */
class Witness {
  calls = 0;
  attempts = 0;
  inside = 0;
  most = 0;
  successes = 0;

  constructor(private readonly now: () => number) {}

  readonly call: Policy<'call'> = Object.defineProperty<Policy<'call'>>(
    (next) => (call) => {
      this.calls++;
      this.inside++;
      this.most = Math.max(this.most, this.inside);
      return next(call).then(
        (reply) => {
          if (call.verdict === 'success') this.successes++;
          reply.onEnd(() => this.inside--);
          return reply;
        },
        (error) => {
          this.inside--;
          throw error;
        },
      );
    },
    'name',
    { value: 'witness' },
  );

  readonly attempt: Policy<'attempt'> = Object.defineProperty<Policy<'attempt'>>(
    (next) => (call) => {
      this.attempts++;
      assert.ok(this.now() < call.deadlineMs, `an attempt at ${this.now()} of a call whose time ended at ${call.deadlineMs}`);
      assert.equal(call.parent?.cancelled ?? false, false, 'an attempt of a call that is over');
      return next(call);
    },
    'name',
    { value: 'witness' },
  );
}

async function run(plan: Plan): Promise<void> {
  const present = new Set<string>();
  const faults: unknown[] = [];
  const witness = new Witness(() => around.clock.now());
  const base = standard({
    attemptTimeoutMs: 250,
    timeoutMs: 1_000,
    bodyIdleTimeoutMs: 2_000,
    retry: { attempts: plan.attempts, budgetRatio: plan.ratio, budgetTokens: plan.tokens },
    bulkhead: { concurrency: plan.concurrency, queue: plan.queue, queueTimeoutMs: 500 },
    circuitBreaker: { openMs: 200, maxOpenMs: 400 },
    endpointConcurrency: plan.perEndpoint,
  });
  const [limit, line, ...inner] = base.perCall ?? [];
  assert.ok(limit && line);
  const policies = {
    perCall: [limit, line, witness.call, ...inner],
    perAttempt: [witness.attempt, ...(base.perAttempt ?? [])],
    perEndpoint: base.perEndpoint,
  };
  const around: VirtualMesh = virtualMesh({
    seed: plan.seed,
    endpoints: plan.endpoints,
    defaults: { balancer: BALANCERS[plan.balancer]?.() ?? p2c(), policies },
    cache: { holdMs: 300 },
  });
  const { mesh, clock, registry, far } = around;
  const known = new Set(Array.from({ length: plan.endpoints }, (_, index) => address(index + 1)));
  mesh.on('endpointAdded', ({ endpoint }) => present.add(endpoint));
  mesh.on('endpointRemoved', ({ endpoint }) => present.delete(endpoint));
  let served = 0;
  for (let nth = 1; nth <= 8; nth++) {
    far.on(address(nth), (request: MockRequest) => {
      if (!present.has(request.endpoint)) faults.push(`a request to ${request.endpoint}, which was removed`);
      return plan.answers[served++ % plan.answers.length] as MockAnswer;
    });
  }

  const outcomes: Promise<unknown>[] = [];
  for (const step of plan.steps) {
    await clock.advance(step.afterMs);
    switch (step.what) {
      case 'call': {
        const controller = new AbortController();
        const { method, timeoutMs, abortAfterMs, reads } = step;
        const call = mesh.fetch('http://users/', { method, signal: controller.signal, mesh: { timeoutMs, idempotent: method === 'GET' } });
        outcomes.push(
          call
            .then((response): Promise<unknown> | undefined => (reads ? response.text() : response.body?.cancel()))
            .catch((error) => {
              if (!(error instanceof MeshError) && (error as Error).message !== 'enough') faults.push(error);
            }),
        );
        if (abortAfterMs !== undefined) clock.setTimer(() => controller.abort(new Error('enough')), abortAfterMs);
        break;
      }
      case 'add':
        registry.add('users', address(step.nth));
        known.add(address(step.nth));
        break;
      case 'remove':
        if (known.delete(address(step.nth))) registry.remove('users', address(step.nth));
        break;
      case 'goEmpty':
        known.clear();
        registry.goEmpty('users');
        break;
      default:
        registry[step.what]();
    }
    checkSums(around);
  }
  await clock.advance(10_000);
  await Promise.all(outcomes);

  assert.deepEqual(faults, []);
  assert.ok(witness.most <= plan.concurrency, `${witness.most} calls at once, of at most ${plan.concurrency}`);
  assert.equal(witness.inside, 0);
  const retries = witness.attempts - witness.calls;
  assert.ok(retries <= plan.tokens + plan.ratio * witness.successes + 1e-6, `${retries} retries after ${witness.successes} successes`);
  assert.equal(far.open, 0, 'something is still open at the far end');
  checkSums(around);
  const { users } = mesh.inspect().services;
  assert.equal(users?.active ?? 0, 0);
  assert.ok((users?.endpoints ?? []).every(({ inFlight }) => inFlight === 0));
  const closing = mesh.close();
  await clock.settle();
  await closing;
  assert.equal(registry.watches, 0);
  assert.equal(clock.pendingTimers, 0);
}

/** What the endpoints have in flight is what is open at the far end, removed endpoints aside. */
function checkSums({ mesh, far }: VirtualMesh): void {
  const { users } = mesh.inspect().services;
  if (users === undefined) return;
  const inFlight = users.endpoints.reduce((sum, endpoint) => sum + endpoint.inFlight, 0);
  const { draining } = users.discovery as { draining: number };
  if (draining === 0) assert.ok(inFlight >= far.open, `${inFlight} in flight, ${far.open} open`);
  assert.ok(users.endpoints.every((endpoint) => endpoint.inFlight >= 0 && endpoint.failures <= endpoint.requests));
}

describe('a mesh, whatever happens to it', () => {
  it('keeps its sums, its budget, its limits and its times, sends nothing to who was removed, and leaves nothing behind', async () => {
    await fc.assert(fc.asyncProperty(plans, run), { numRuns: 250 });
  });
});
