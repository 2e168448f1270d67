import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConfigError, p2c, random, roundRobin, standard } from '../../../src/index.js';
import { always, at, exponential, poisson, regular, type SimulationOptions, simulate } from '../../../src/testing/simulation/index.js';

/** Trouble of every kind, over the standard stack. */
const troubled: SimulationOptions = {
  seed: 11,
  clients: 3,
  endpoints: [
    { name: 'fast', count: 4, serviceMs: exponential(10) },
    { name: 'slow', serviceMs: exponential(60), coldStart: { speed: 0.2, forMs: 1_000 } },
  ],
  network: { delayMs: exponential(1), lossRatio: 0.002 },
  arrivals: poisson(200),
  durationMs: 10_000,
  mesh: { defaults: { policies: standard({ attemptTimeoutMs: 400 }) } },
  events: [
    at(2_000, ({ endpoint }) => endpoint('fast-1').crash('reset')),
    at(4_000, ({ endpoint }) => endpoint('fast-1').restart()),
    at(5_000, ({ endpoint }) => endpoint('fast-2').fail({ status: 500, ratio: 0.5 })),
    at(6_000, ({ add }) => add({ name: 'late', serviceMs: exponential(10) })),
    at(7_000, ({ remove }) => remove('slow')),
  ],
};

test('the same seed gives the same run, to the bit, and another seed another', async () => {
  const [one, again, other] = [await simulate(troubled), await simulate(troubled), await simulate({ ...troubled, seed: 12 })];
  assert.deepEqual(again, one);
  assert.notEqual(other.hash, one.hash);
  assert.ok(one.requests > 1_800 && one.successes > 0.97 * one.requests, JSON.stringify(one.outcomes));
  assert.ok(Object.keys(one.outcomes).length > 1, JSON.stringify(one.outcomes));
});

test('a change that nobody would notice in the numbers is noticed in the hash', async () => {
  const quiet: SimulationOptions = { endpoints: [{ serviceMs: 5 }], arrivals: regular(100), durationMs: 1_000 };
  const { hash, latency } = await simulate(quiet);
  const later = await simulate({ ...quiet, arrivals: always(10.000000000000002) });
  assert.equal(later.latency.p99Ms, latency.p99Ms);
  assert.notEqual(later.hash, hash);
});

test('other policies meet the same traffic', async () => {
  const arrivals = async (options: Partial<SimulationOptions>) => {
    const { series } = await simulate({ ...troubled, events: [], ...options });
    return series.map(({ requests }) => requests);
  };
  const expected = await arrivals({});
  assert.deepEqual(await arrivals({ mesh: { defaults: { balancer: roundRobin() } } }), expected);
  assert.deepEqual(await arrivals({ endpoints: [{ count: 9, serviceMs: 3 }] }), expected);
});

test('while nothing fails, the standard stack sends what would have been sent without it', async () => {
  const calm: SimulationOptions = {
    endpoints: [{ count: 10, serviceMs: exponential(10) }],
    arrivals: poisson(600),
    durationMs: 5_000,
  };
  const bare = await simulate({ ...calm, mesh: { defaults: { policies: { perCall: [] } } } });
  const full = await simulate({ ...calm, mesh: { defaults: { policies: standard() } } });
  assert.deepEqual(bare.outcomes, { 200: bare.requests });
  assert.equal(full.hash, bare.hash);
});

test('the policies are the real ones: retries save what a crash would have failed, and a breaker keeps the rest away', async () => {
  const crash: SimulationOptions = {
    endpoints: [{ count: 5, serviceMs: exponential(5) }],
    arrivals: poisson(200),
    durationMs: 20_000,
    events: [at(5_000, ({ endpoint }) => endpoint('endpoint-1').crash('reset'))],
  };
  const bare = await simulate({ ...crash, mesh: { defaults: { balancer: random(), policies: { perCall: [] } } } });
  const full = await simulate({ ...crash, mesh: { defaults: { balancer: random(), policies: standard() } } });
  // A fifth of the requests of three quarters of the time.
  assert.ok(Math.abs(bare.successes / bare.requests - 0.85) < 0.02, JSON.stringify(bare.outcomes));
  assert.ok(full.successes / full.requests > 0.999, JSON.stringify(full.outcomes));
  assert.ok((full.endpoints[0]?.received ?? 0) < 0.5 * (bare.endpoints[0]?.received ?? 0));
});

test('each client has a mesh of its own, made as it was told to be', async () => {
  const clients = new Map<number, number>();
  const { endpoints } = await simulate({
    clients: 4,
    endpoints: [{ count: 4, serviceMs: 1 }],
    arrivals: regular(1_000),
    durationMs: 4_000,
    mesh: (client) => ({ defaults: { balancer: { name: 'own', build: () => ({ pick: (view) => view.bySlot[client] }) } } }),
    send(mesh, { client }) {
      clients.set(client, (clients.get(client) ?? 0) + 1);
      return mesh.fetch('http://simulated/');
    },
  });
  assert.equal(clients.size, 4);
  for (const [client, sent] of clients) {
    assert.equal(endpoints[client]?.received, sent);
    assert.ok(sent > 850 && sent < 1_150, `${sent}`);
  }
});

test('results leave out the warm-up, and the series adds up to the whole', async () => {
  const result = await simulate({ ...troubled, warmUpMs: 4_000, seriesMs: 500 });
  assert.equal(result.series.length, 12);
  assert.equal(result.series[0]?.fromMs, 4_000);
  const sum = (numbers: number[]) => numbers.reduce((one, other) => one + other, 0);
  const ended = sum(Object.values(result.outcomes));
  assert.equal(ended, result.requests);
  assert.equal(sum(result.series.map(({ requests }) => requests)), result.requests - (result.outcomes.unanswered ?? 0));
  assert.equal(sum(result.series.map(({ successes }) => successes)), result.successes);
  assert.equal(result.successLatency.count, result.successes);
  assert.equal(result.latency.count, result.latenciesMs.length);
  // Exact: so many requests took no longer than that, and not one fewer would have done.
  const slower = result.latenciesMs.filter((ms) => ms > result.latency.p99Ms).length;
  const notFaster = result.latenciesMs.filter((ms) => ms >= result.latency.p99Ms).length;
  assert.ok(slower <= 0.01 * result.latency.count && notFaster > 0.01 * result.latency.count, `${slower}, ${notFaster}`);
  assert.ok(result.requests < 0.65 * (await simulate(troubled)).requests);
});

test('a script changes the traffic, also when none was to come any more', async () => {
  const { series } = await simulate({
    endpoints: [{ serviceMs: 1 }],
    arrivals: regular(0.01),
    durationMs: 3_000,
    seriesMs: 1_000,
    events: [at(1_000, ({ setArrivals }) => setArrivals(regular(100))), at(2_000, ({ setArrivals }) => setArrivals(regular(10)))],
  });
  assert.deepEqual(
    series.map(({ requests }) => requests),
    [0, 99, 9],
  );
});

test('the registry can fail like any other', async () => {
  const outage = (action: 'fail' | 'goEmpty') =>
    simulate({
      endpoints: [{ count: 2, serviceMs: 1 }],
      arrivals: regular(100),
      durationMs: 2_000,
      events: [at(500, ({ registry, service }) => (action === 'fail' ? registry.fail() : registry.goEmpty(service)))],
      mesh: { defaults: { balancer: p2c() } },
    });
  const { requests, successes } = await outage('fail');
  assert.equal(successes, requests, 'the last list serves');
  assert.equal((await outage('goEmpty')).successes, requests);
});

test('what is not over in its time counts as unanswered, and the run ends all the same', async () => {
  const result = await simulate({
    endpoints: [{ serviceMs: 1, speed: 0 }],
    arrivals: regular(100),
    durationMs: 1_000,
    drainMs: 500,
    mesh: { defaults: { policies: { perCall: [] } } },
  });
  assert.equal(result.endedAtMs, 1_500);
  assert.deepEqual(result.outcomes, { unanswered: result.requests });
  assert.equal(result.latency.count, 0);
});

test('an error of the script ends the run and is told', async () => {
  const gone = at(5, ({ endpoint }) => endpoint('nobody').crash());
  await assert.rejects(
    simulate({ endpoints: [{ serviceMs: 1 }], arrivals: regular(100), durationMs: 100, events: [gone] }),
    /no endpoint 'nobody'/,
  );
});

test('options out of their range are refused before anything runs', async () => {
  const good: SimulationOptions = { endpoints: [{ serviceMs: 1 }], arrivals: regular(1), durationMs: 1_000 };
  const wrong: [Record<string, unknown>, string][] = [
    [{ durationMs: 0 }, 'simulate.durationMs'],
    [{ warmUpMs: 1_000 }, 'simulate.warmUpMs'],
    [{ arrivals: always(0) }, 'simulate.arrivals'],
    [{ clients: 0 }, 'simulate.clients'],
    [{ seed: -1 }, 'simulate.seed'],
    [{ network: { lossRatio: 2 } }, 'simulate.network.lossRatio'],
    [{ network: { delayMs: -1 } }, 'simulate.network.delayMs'],
    [{ speed: 1 }, 'simulate.speed'],
    [{ endpoints: [{ serviceMs: -1 }] }, 'simulate.endpoints[0].serviceMs'],
    [{ endpoints: [{ serviceMs: 1, workers: 0 }] }, 'simulate.endpoints[0].workers'],
    [{ endpoints: [{ serviceMs: 1, name: 'not a name' }] }, 'simulate.endpoints[0].name'],
    [{ endpoints: [{ serviceMs: 1, coldStart: { speed: 2, forMs: 1 } }] }, 'simulate.endpoints[0].coldStart.speed'],
    [{ endpoints: [{ serviceMs: 1 }, { serviceMs: 1 }] }, 'simulate.endpoints[1].name'],
  ];
  for (const [change, path] of wrong) {
    await assert.rejects(simulate({ ...good, ...change } as SimulationOptions), (error) => {
      assert.ok(error instanceof ConfigError, String(error));
      assert.equal(error.path, path);
      return true;
    });
  }
  assert.throws(() => at(-1, () => {}), ConfigError);
});
