import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ClientErrors } from '../../src/balancing/client-errors.js';
import type { Endpoint } from '../../src/core/endpoint.js';
import { Reply } from '../../src/core/reply.js';
import { adaptive, type Balancer, leastRequest, p2c, pendingRequests, prequal, subset } from '../../src/index.js';
import { exponential, poisson, type SimulatedEndpointOptions, simulate } from '../../src/testing/simulation/index.js';
import { endpointOf, weightedView } from './endpoints.js';

describe('an endpoint that refuses what the others answer', () => {
  const balancers: Record<string, () => Balancer> = {
    'adaptive, the default': () => adaptive(),
    p2c: () => p2c(),
    'p2c by pending requests': () => p2c({ load: pendingRequests() }),
    leastRequest: () => leastRequest(),
    'prequal without probes': () => prequal({ probesPerRequest: 0 }),
    'p2c within a subset': () => subset(p2c(), { size: 10, name: 'a client' }),
  };
  for (const [name, balancer] of Object.entries(balancers)) {
    for (const count of [1, 11]) {
      test(`does not draw the traffic by being quick about it: ${name}, one of ${count + 1}`, async () => {
        const good: SimulatedEndpointOptions = { name: 'good', count, serviceMs: exponential(20), workers: Number.POSITIVE_INFINITY };
        const { endpoints, requests, successes } = await simulate({
          endpoints: [good, { name: 'refuses', serviceMs: 0.5, workers: 10, status: 401 }],
          arrivals: poisson(200),
          durationMs: 30_000,
          mesh: { defaults: { balancer: balancer() } },
        });
        const refused = endpoints.find((endpoint) => endpoint.name === 'refuses')?.received ?? 0;
        assert.ok(refused > 5 && refused < 0.03 * requests, `${refused} of ${requests}`);
        assert.equal(successes + refused, requests, 'a 401 is handed over, and nothing is sent twice');
      });
    }
  }

  test('is used again when it answers again', async () => {
    const { endpoints } = await simulate({
      endpoints: [
        { name: 'good', count: 3, serviceMs: exponential(20), workers: Number.POSITIVE_INFINITY },
        {
          name: 'recovers',
          serviceMs: exponential(20),
          workers: Number.POSITIVE_INFINITY,
          status: ({ nowMs }) => (nowMs < 20_000 ? 404 : 200),
        },
      ],
      arrivals: poisson(200),
      warmUpMs: 60_000,
      durationMs: 90_000,
    });
    const recovered = endpoints.find(({ name }) => name === 'recovers')?.received ?? 0;
    assert.ok(recovered > 0.15 * endpoints.reduce((sum, { received }) => sum + received, 0), String(recovered));
  });
});

test('calls that are pinned to an endpoint, and refused there, say nothing about it', async () => {
  let sent = 0;
  const { endpoints } = await simulate({
    endpoints: [{ name: 'debugged' }, { name: 'other' }].map((endpoint) => ({
      ...endpoint,
      serviceMs: 10,
      workers: Number.POSITIVE_INFINITY,
      status: ({ path }: { path: string }) => (path === '/debug' ? 404 : 200),
    })),
    arrivals: poisson(200),
    durationMs: 20_000,
    send: (mesh) => {
      const pinned = sent++ < 2_000;
      return pinned ? mesh.fetch('http://simulated/debug', { mesh: { endpoint: 'debugged' } }) : mesh.fetch('http://simulated/');
    },
  });
  const [debugged, other] = endpoints;
  const ordinary = (debugged?.received ?? 0) - 2_000;
  assert.ok(ordinary > 0.4 * (ordinary + (other?.received ?? 0)), `${ordinary} and ${other?.received}`);
});

describe('the verdict that a balancer hears', () => {
  function service(count: number) {
    const { view, endpoints } = weightedView(Array.from({ length: count }, () => 1));
    const errors = new ClientErrors(view);
    /** What the last of so many answers amounts to. */
    const answers = (endpoint: Endpoint | undefined, status: number, times = 1) => {
      assert.ok(endpoint);
      let verdict = '';
      for (let answer = 0; answer < times; answer++) verdict = errors.judge(endpoint, 'success', new Reply(status, '', []));
      return verdict;
    };
    return { view, endpoints, errors, answers };
  }

  test('is a failure from eleven 4xx in a row on, where the others have none', () => {
    const { endpoints, answers } = service(3);
    assert.equal(answers(endpoints[0], 403, 10), 'success');
    assert.equal(answers(endpoints[0], 403), 'failure');
    assert.equal(answers(endpoints[0], 200), 'success', 'what it answers well is no failure');
    assert.equal(answers(endpoints[1], 403), 'success');
  });

  test('is as it was where requests are at fault, wherever they go', () => {
    const { endpoints, answers } = service(3);
    for (let round = 0; round < 100; round++) for (const endpoint of endpoints) assert.equal(answers(endpoint, 404), 'success');
    const [first, ...others] = endpoints;
    for (const other of others) answers(other, 200, 5);
    assert.equal(answers(first, 404, 20), 'success');
  });

  test('is as it was for an only endpoint, for failures, and for what was ignored', () => {
    const single = service(1);
    assert.equal(single.answers(single.endpoints[0], 401, 50), 'success');
    const { endpoints, errors } = service(2);
    const [first] = endpoints;
    assert.ok(first);
    for (const verdict of ['failure', 'retryable', 'ignored'] as const) {
      for (let answer = 0; answer < 20; answer++) assert.equal(errors.judge(first, verdict, new Reply(429, '', [])), verdict);
    }
    assert.equal(errors.judge(first, 'success', undefined), 'success');
  });

  test('forgets an endpoint that is gone, and owes nothing to the one in its place', () => {
    const { view, endpoints, answers } = service(3);
    const [first, second] = endpoints;
    assert.ok(first && second);
    answers(first, 401, 100);
    view.remove(first);
    const next = endpointOf(7);
    view.add(next);
    assert.equal(next.slot, 0);
    assert.equal(answers(next, 401), 'success');
    // The others' mean is without the one that left: three have one 4xx between them.
    assert.equal(answers(second, 401, 12), 'failure');
  });
});
