import assert from 'node:assert/strict';
import { test } from 'node:test';
import { random, standard } from '../../../src/index.js';
import {
  at,
  oneAfterAnother,
  regular,
  type SimulatedEndpointOptions,
  type SimulationOptions,
  simulate,
} from '../../../src/testing/simulation/index.js';

/** A request every 10 ms, from 10 ms on, to one endpoint, with no policies. */
function everyTenMs(endpoint: SimulatedEndpointOptions, options: Partial<SimulationOptions> = {}) {
  return simulate({
    endpoints: [{ name: 'one', ...endpoint }],
    arrivals: regular(100),
    durationMs: 65,
    seriesMs: 10,
    drainMs: 1_000,
    mesh: { defaults: { balancer: random(), policies: { perCall: [] } } },
    ...options,
  });
}

/** How long each request took, in the order in which they were sent. */
async function latencies(endpoint: SimulatedEndpointOptions, options?: Partial<SimulationOptions>): Promise<number[]> {
  const { series } = await everyTenMs(endpoint, options);
  return series.filter(({ requests }) => requests > 0).map(({ latency }) => latency.maxMs);
}

test('an endpoint with one worker serves in turn: who comes while it works waits', async () => {
  assert.deepEqual(await latencies({ serviceMs: 4 }), [4, 4, 4, 4, 4, 4]);
  assert.deepEqual(await latencies({ serviceMs: 15 }), [15, 20, 25, 30, 35, 40]);
  assert.deepEqual(await latencies({ serviceMs: oneAfterAnother([25, 1, 1, 1, 1, 1]) }), [25, 16, 7, 1, 1, 1]);
});

test('two workers serve two at a time, and no bound of workers means no waiting', async () => {
  assert.deepEqual(await latencies({ serviceMs: 25, workers: 2 }), [25, 25, 30, 30, 35, 35]);
  assert.deepEqual(await latencies({ serviceMs: 500, workers: Number.POSITIVE_INFINITY }), [500, 500, 500, 500, 500, 500]);
});

test('speed divides the work, and a change of it holds for what is under way', async () => {
  assert.deepEqual(await latencies({ serviceMs: 8, speed: 2 }), [4, 4, 4, 4, 4, 4]);
  // From 34 ms on at half speed: the request of 30 ms has 4 of its 8 ms left, which now take 8.
  const slower = at(34, ({ endpoint }) => endpoint('one').setSpeed(0.5));
  assert.deepEqual(await latencies({ serviceMs: 8 }, { events: [slower] }), [8, 8, 12, 18, 24, 30]);
});

test('of several workers each has its own request, whichever is done first', async () => {
  const serviceMs = oneAfterAnother([15, 40, 12, 6]);
  // The last one waits until 42 ms.
  assert.deepEqual(await latencies({ serviceMs, workers: 2 }, { durationMs: 45 }), [15, 40, 12, 8]);
  // Twice as fast from 31 ms on: 29 of 40 ms are left of the second, 11 of 12 of the third.
  const faster = at(31, ({ endpoint }) => endpoint('one').setSpeed(2));
  assert.deepEqual(await latencies({ serviceMs, workers: 2 }, { durationMs: 45, events: [faster] }), [15, 25.5, 6.5, 3]);
});

test('other service times hold for what is begun from then on, and not for what is under way', async () => {
  const slow = at(31, ({ endpoint }) => endpoint('one').setServiceMs(6));
  assert.deepEqual(await latencies({ serviceMs: 2 }, { events: [slow] }), [2, 2, 2, 6, 6, 6]);
});

test('an endpoint that stands still goes on where it stopped', async () => {
  const events = [at(12, ({ endpoint }) => endpoint('one').setSpeed(0)), at(55, ({ endpoint }) => endpoint('one').setSpeed(1))];
  // 2 of 4 ms are done at 12; the rest is done at 57, and the others follow.
  assert.deepEqual(await latencies({ serviceMs: 4 }, { events }), [47, 41, 35, 29, 23, 17]);
});

test('a full queue is answered with 503 at once', async () => {
  const { outcomes, endpoints } = await everyTenMs({ serviceMs: 100, queueLimit: 2 });
  assert.deepEqual(outcomes, { 200: 3, 503: 3 });
  assert.equal(endpoints[0]?.refused, 3);
  assert.equal(endpoints[0]?.received, 6);
});

test('a message takes its time each way', async () => {
  assert.deepEqual(await latencies({ serviceMs: 4, delayMs: 3 }), [10, 10, 10, 10, 10, 10]);
  assert.deepEqual(await latencies({ serviceMs: 4, delayMs: oneAfterAnother([1, 2, 30, 0]) }).then((all) => all[0]), 7);
  assert.deepEqual(await latencies({ serviceMs: 4 }, { network: { delayMs: 3 } }), [10, 10, 10, 10, 10, 10]);
});

test('what the network loses is never answered, and the caller waits until its time is over', async () => {
  const { outcomes, requests } = await everyTenMs({ serviceMs: 1 }, { network: { lossRatio: 1 } });
  assert.deepEqual(outcomes, { unanswered: requests });
  const policies = standard({ attemptTimeoutMs: 50, retry: false, circuitBreaker: false });
  const timed = await everyTenMs({ serviceMs: 1 }, { network: { lossRatio: 1 }, mesh: { defaults: { policies } } });
  assert.deepEqual(timed.outcomes, { ERR_MESH_ATTEMPT_TIMEOUT: requests });
  assert.ok(timed.latency.maxMs <= 51, `${timed.latency.maxMs}`);
  // Half of the messages: three of four exchanges, since each needs two of them.
  const lossy = await everyTenMs(
    { serviceMs: 1 },
    {
      network: { lossRatio: 0.5 },
      durationMs: 40_000,
      seriesMs: 10_000,
      // What hangs holds its connection.
      mesh: { defaults: { policies: { perCall: [] }, connections: { max: 65_535 } } },
    },
  );
  assert.ok(Math.abs(lossy.successes / lossy.requests - 0.25) < 0.03, `${lossy.successes} of ${lossy.requests}`);
});

test('a crash breaks what is under way, and what comes then is refused, broken, or never heard of again', async () => {
  const crash = (fault: 'refuse' | 'reset' | 'hang') => [
    at(25, ({ endpoint }) => endpoint('one').crash(fault)),
    at(45, ({ endpoint }) => endpoint('one').restart()),
  ];
  // At 25 ms the request of 10 ms is at work, and that of 20 ms waits; those of 30 and 40 ms come while it is down.
  const options = (fault: 'refuse' | 'reset' | 'hang') => ({ events: crash(fault) });
  assert.deepEqual((await everyTenMs({ serviceMs: 16 }, options('refuse'))).outcomes, { 200: 2, ERR_MESH_LOST: 2, ERR_MESH_CONNECT: 2 });
  assert.deepEqual((await everyTenMs({ serviceMs: 16 }, options('reset'))).outcomes, { 200: 2, ERR_MESH_LOST: 4 });
  assert.deepEqual((await everyTenMs({ serviceMs: 16 }, options('hang'))).outcomes, { 200: 2, unanswered: 4 });
});

test('what is still on its way to an endpoint when it goes down is broken, and a refusal takes one round trip', async () => {
  const { series, outcomes } = await everyTenMs(
    { serviceMs: 1, delayMs: 8 },
    { events: [at(15, ({ endpoint }) => endpoint('one').crash())], durationMs: 25 },
  );
  assert.deepEqual(outcomes, { ERR_MESH_LOST: 1, ERR_MESH_CONNECT: 1 });
  assert.deepEqual(
    series.filter(({ requests }) => requests > 0).map(({ latency }) => latency.maxMs),
    [16, 16],
  );
});

test('an endpoint that fails fast answers without work, some requests or all, until it recovers', async () => {
  const failing = await everyTenMs(
    { serviceMs: 5 },
    {
      events: [
        at(15, ({ endpoint }) => endpoint('one').fail({ status: 500, afterMs: 2 })),
        at(45, ({ endpoint }) => endpoint('one').recover()),
      ],
    },
  );
  assert.deepEqual(failing.outcomes, { 200: 3, 500: 3 });
  assert.deepEqual(
    failing.series.filter(({ requests }) => requests > 0).map(({ latency }) => latency.maxMs),
    [5, 2, 2, 2, 5, 5],
  );
  const some = await everyTenMs(
    { serviceMs: 5 },
    { durationMs: 20_000, seriesMs: 10_000, events: [at(0, ({ endpoint }) => endpoint('one').fail({ ratio: 0.25 }))] },
  );
  assert.ok(Math.abs((some.outcomes[503] ?? 0) / some.requests - 0.25) < 0.04, JSON.stringify(some.outcomes));
});

test('an endpoint that was restarted, or added, is cold at first', async () => {
  const coldStart = { speed: 0.5, forMs: 40 };
  const events = [at(20, ({ endpoint }) => endpoint('one').restart())];
  // Half the speed at 20 ms, three quarters at 40 ms, all of it from 60 ms on. The first requests find it warm.
  const taken = await latencies({ serviceMs: 3, coldStart }, { events, durationMs: 75 });
  const expected = [3, 6, 3 / 0.625, 4, 3 / 0.875, 3, 3];
  assert.equal(taken.length, expected.length);
  for (const [index, ms] of taken.entries()) assert.ok(Math.abs(ms - (expected[index] ?? 0)) < 1e-9, `${ms}`);
  const { endpoints } = await everyTenMs(
    { serviceMs: 3, coldStart },
    {
      events: [at(15, ({ add }) => add({ name: 'two', serviceMs: 3, coldStart })), at(15, ({ remove }) => remove('one'))],
    },
  );
  assert.deepEqual(
    endpoints.map(({ name, received }) => [name, received]),
    [
      ['one', 1],
      ['two', 5],
    ],
  );
});

test('a server works for callers that have given up, unless it looks before it begins', async () => {
  const options: Partial<SimulationOptions> = {
    mesh: { defaults: { policies: standard({ attemptTimeoutMs: 15, retry: false, circuitBreaker: false }) } },
    durationMs: 1_000,
    events: [at(65, ({ setArrivals }) => setArrivals(regular(0.001)))],
  };
  const careless = await everyTenMs({ serviceMs: 30 }, options);
  const careful = await everyTenMs({ serviceMs: 30, dropsCancelled: true }, options);
  assert.deepEqual(careless.outcomes, { ERR_MESH_ATTEMPT_TIMEOUT: 6 });
  assert.deepEqual(careful.outcomes, { ERR_MESH_ATTEMPT_TIMEOUT: 6 });
  assert.equal(careless.endpoints[0]?.answered, 6);
  // It begins those of 10, 30 and 60 ms, whose callers still wait when their turn comes at 10, 40 and 70 ms.
  assert.equal(careful.endpoints[0]?.answered, 3);
});

test('answers carry the headers that the endpoint is told to give, with the queue that it has then', async () => {
  const seen: (string | null)[] = [];
  await everyTenMs(
    { serviceMs: 15, answerHeaders: ({ inSystem }) => ({ 'x-waiting': String(inSystem) }) },
    {
      send: async (mesh) => {
        const response = await mesh.fetch('http://simulated/');
        seen.push(response.headers.get('x-waiting'));
        return response;
      },
    },
  );
  // Answers at 25, 40 (just before the request of that time), 55, 70, 85 and 100 ms; requests every 10 ms up to 60 ms.
  assert.deepEqual(seen, ['1', '1', '2', '2', '1', '0']);
});

test('an endpoint can work out of a request, of its queue and of the time how long it takes and what it answers', async () => {
  const seen: string[] = [];
  const { outcomes, series } = await everyTenMs(
    {
      workers: Number.POSITIVE_INFINITY,
      serviceMs: ({ method, path, inSystem, nowMs }) => {
        seen.push(`${method} ${path} at ${nowMs}`);
        return 12 * inSystem;
      },
      status: ({ path, begunMs, nowMs, inSystem }) => {
        if (path === '/broken') return 500;
        return begunMs < 25 && nowMs > 25 ? 200 + inSystem : 404;
      },
    },
    { send: (mesh, { number }) => mesh.fetch(number === 3 ? 'http://simulated/broken' : 'http://simulated/'), durationMs: 45 },
  );
  assert.deepEqual(seen, ['GET / at 10', 'GET / at 20', 'GET / at 30', 'GET /broken at 40']);
  // Alone at 10 ms: until 22. One of two at 20 ms: until 44, when that of 30 ms (until 54) and that of 40 ms are there too.
  assert.deepEqual(
    series.filter(({ requests }) => requests > 0).map(({ latency }) => latency.maxMs),
    [12, 24, 24, 36],
  );
  assert.deepEqual(outcomes, { 404: 2, 203: 1, 500: 1 });
});

test('what a function says of times and statuses is checked', async () => {
  await assert.rejects(everyTenMs({ serviceMs: 1, status: () => 99 }), /endpoints\[0\]\.status/);
  await assert.rejects(
    everyTenMs({ serviceMs: 15, workers: 1 }, { events: [at(15, ({ endpoint }) => endpoint('one').setServiceMs(() => -1))] }),
    /setServiceMs/,
  );
  const other = at(31, ({ endpoint }) => endpoint('one').setServiceMs(({ inSystem }) => 6 * inSystem));
  assert.deepEqual(await latencies({ serviceMs: 2 }, { events: [other] }), [2, 2, 2, 6, 6, 6]);
});

test('connections are counted by pairs of a client and an endpoint', async () => {
  const { connections } = await everyTenMs({ serviceMs: 1, count: 3 }, { clients: 2, durationMs: 2_000, seriesMs: 2_000 });
  assert.equal(connections, 6);
});
