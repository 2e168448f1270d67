import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { prequal } from '../../../src/balancing/prequal/prequal.js';
import { p2c, pendingRequests } from '../../../src/index.js';
import { at, exponential, poisson, regular, type SimulatedEndpointOptions, simulate } from '../../../src/testing/simulation/index.js';

const PROBE = 'http://simulated/.well-known/fetchmesh/load';

/** Sends a request every 10 ms, and a probe for one of them. Returns what the probe brought and after how long. */
async function probed(endpoint: Partial<SimulatedEndpointOptions>, probeNumber = 5, before: Parameters<typeof at>[1] = () => {}) {
  const told: (string | null)[] = [];
  const statuses: number[] = [];
  let probeMs = Number.NaN;
  const result = await simulate({
    endpoints: [{ name: 'one', serviceMs: 1_000, ...endpoint }],
    arrivals: regular(100),
    durationMs: 95,
    drainMs: 300,
    network: { delayMs: 3 },
    mesh: { defaults: { policies: { perCall: [] } } },
    events: [at(0, before)],
    send: async (mesh, { number }) => {
      const response = await mesh.fetch(number === probeNumber ? PROBE : 'http://simulated/');
      if (number === probeNumber) {
        told.push(response.headers.get('endpoint-load-metrics'));
        statuses.push(response.status);
      }
      return response;
    },
  });
  probeMs = result.series.find(({ latency }) => latency.maxMs > 0)?.latency.maxMs ?? Number.NaN;
  return { told, statuses, probeMs, result };
}

describe('a simulated endpoint that reports its load', () => {
  test('answers a probe at once, whatever it has to do, after the time on the network', async () => {
    const { told, statuses, probeMs, result } = await probed({ reportsLoad: 'probes' });
    assert.deepEqual(statuses, [204]);
    // Five came before, and none of them is done.
    assert.deepEqual(told, ['TEXT named_metrics.rif=5']);
    assert.equal(probeMs, 6);
    assert.equal(result.endpoints[0]?.received, 8);
  });

  test('answers none while it is down or stands still, and does not notice that it fails requests', async () => {
    const hung = await probed({ reportsLoad: 'probes' }, 5, ({ endpoint }) => endpoint('one').crash('hang'));
    assert.deepEqual(hung.told, []);
    const still = await probed({ reportsLoad: 'probes' }, 5, ({ endpoint }) => endpoint('one').setSpeed(0));
    assert.deepEqual(still.told, []);
    const failing = await probed({ reportsLoad: 'both' }, 5, ({ endpoint }) => endpoint('one').fail());
    assert.deepEqual(failing.statuses, [204]);
    assert.match(failing.told[0] ?? '', /^TEXT named_metrics\.rif=0,named_metrics\.svc=0$/);
  });

  test('takes a probe for a request where it reports in answers alone, or nowhere', async () => {
    for (const reportsLoad of ['answers', undefined] as const) {
      const { statuses, result } = await probed({ serviceMs: 2, reportsLoad });
      assert.deepEqual(statuses, [200]);
      assert.equal(result.endpoints[0]?.received, 9);
    }
  });

  test('says in its answers how many others there are and how long they took', async () => {
    const told: (string | null)[] = [];
    await simulate({
      endpoints: [{ name: 'one', serviceMs: 25, reportsLoad: 'answers' }],
      arrivals: regular(100),
      durationMs: 45,
      mesh: { defaults: { policies: { perCall: [] } } },
      send: async (mesh) => {
        const response = await mesh.fetch('http://simulated/');
        told.push(response.headers.get('endpoint-load-metrics'));
        return response;
      },
    });
    assert.equal(told.length, 4);
    assert.equal(told[0], 'TEXT named_metrics.rif=2,named_metrics.svc=25');
    assert.match(told[3] ?? '', /^TEXT named_metrics\.rif=0,/);
  });
});

describe('prequal in a simulated fleet of 100, with 100 clients at nine tenths of what it can do', () => {
  const SERVICE_MS = 100;

  async function meanOf(balancer: ReturnType<typeof prequal>, reportsLoad: SimulatedEndpointOptions['reportsLoad']): Promise<number> {
    const { latency, requests, successes } = await simulate({
      endpoints: [{ name: 'server', count: 100, serviceMs: exponential(SERVICE_MS), reportsLoad }],
      arrivals: poisson(900),
      durationMs: 25_000,
      warmUpMs: 5_000,
      clients: 100,
      mesh: { defaults: { balancer, policies: { perCall: [] } } },
      seed: 2,
    });
    assert.equal(successes, requests);
    return latency.meanMs / SERVICE_MS;
  }

  test('takes half as long as two choices by what a client knows itself, and less than three probes where answers report, too', async () => {
    const byOwn = await meanOf(p2c({ load: pendingRequests() }), undefined);
    const threeProbes = await meanOf(prequal({ probesPerRequest: 3 }), 'probes');
    const oneProbe = await meanOf(prequal(), 'probes');
    const oneAndAnswers = await meanOf(prequal(), 'both');
    const found = JSON.stringify({ byOwn, threeProbes, oneProbe, oneAndAnswers });
    // 7, 3.1, 4 and 2.8 service times in the long run.
    assert.ok(threeProbes > 2.6 && threeProbes < 3.6, found);
    assert.ok(threeProbes < oneProbe && oneProbe < byOwn, found);
    assert.ok(oneAndAnswers < threeProbes && oneAndAnswers < byOwn / 2, found);
  });
});
