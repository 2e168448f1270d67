import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { DiscoverySink, InstanceInput } from '../../src/core/discovery.js';
import { ConfigError, MeshError, UnknownServiceError } from '../../src/core/errors.js';
import type { Random } from '../../src/core/random.js';
import { type PollingOptions, pollingDiscovery } from '../../src/discovery/polling.js';
import { seededRandom } from '../../src/testing/seeded-random.js';
import { VirtualClock } from '../../src/testing/virtual-clock.js';
import { makeSet, newCall, TestHost, track } from './scripted-source.js';

interface Heard {
  readonly atMs: number;
  readonly instances?: readonly InstanceInput[];
  readonly error?: unknown;
}

type Lookup = PollingOptions['lookup'];

/** A poller under watch, with the times at which it asked. */
function poll(lookup: Lookup, options: Partial<PollingOptions> = {}, random: Random = seededRandom(1)) {
  const clock = new VirtualClock();
  const askedAtMs: number[] = [];
  const heard: Heard[] = [];
  const discovery = pollingDiscovery({
    name: 'asked',
    ...options,
    lookup(service, details) {
      askedAtMs.push(clock.now());
      return lookup(service, details);
    },
  });
  const sink: DiscoverySink = {
    snapshot(instances, info) {
      assert.notEqual(info?.live, true, 'a list that was asked for is only inferred');
      heard.push({ atMs: clock.now(), instances });
    },
    patch: () => assert.fail('a poller knows whole lists only'),
    failed: (error) => heard.push({ atMs: clock.now(), error }),
  };
  const stop = discovery.watch('users', sink, new TestHost(clock, random));
  return { clock, askedAtMs, heard, stop };
}

const always = (value: number): Random => ({ next: () => value });

describe('pollingDiscovery', () => {
  it('asks at once, and hands on what it gets', async () => {
    const { clock, heard } = poll(async (service) => [`http://${service}-1`]);
    await clock.settle();
    assert.deepEqual(heard, [{ atMs: 0, instances: ['http://users-1'] }]);
  });

  it('asks again within the last tenth or fifth of the time before the list expires', async () => {
    for (const [chance, expectedMs] of [
      [0, 27_000],
      [0.5, 25_500],
      [0.999, 24_003],
    ] as const) {
      const { clock, askedAtMs } = poll(async () => ['http://a'], {}, always(chance));
      await clock.advance(30_000);
      assert.deepEqual(
        askedAtMs.map((ms) => Math.round(ms)),
        [0, expectedMs],
      );
    }
  });

  it('goes by the time that the source says, within its bounds', async () => {
    for (const [saidMs, usedMs] of [
      [10_000, 10_000],
      [0, 2_000],
      [500, 2_000],
      [90_000, 60_000],
      [Number.POSITIVE_INFINITY, 60_000],
      [Number.NaN, 30_000],
      [-1, 30_000],
      [undefined, 30_000],
    ] as const) {
      const { clock, askedAtMs } = poll(async () => ({ instances: ['http://a'], ttlMs: saidMs }), {
        minTtlMs: 2_000,
        maxTtlMs: 60_000,
        jitter: 0,
      });
      await clock.advance(usedMs - 1);
      assert.equal(askedAtMs.length, 1, `said ${saidMs}`);
      await clock.advance(1);
      assert.equal(askedAtMs.length, 2, `said ${saidMs}`);
    }
  });

  it('spreads processes that were started together', async () => {
    const seconds = new Set<number>();
    for (let seed = 1; seed <= 50; seed++) {
      const { clock, askedAtMs } = poll(async () => ['http://a'], {}, seededRandom(seed));
      await clock.advance(30_000);
      seconds.add(Math.round((askedAtMs[1] ?? 0) / 100));
    }
    assert.ok(seconds.size > 15, `50 processes asked in ${seconds.size} different tenths of a second`);
  });

  it('never lets a list outlive its time while the source answers', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1_000, max: 100_000 }), { minLength: 1, maxLength: 8 }),
        fc.double({ min: 0, max: 0.4, noNaN: true }),
        fc.integer(),
        async (ttls, jitter, seed) => {
          let index = 0;
          const { clock, askedAtMs, stop } = poll(
            async () => ({ instances: ['http://a'], ttlMs: ttls[index++ % ttls.length] }),
            { jitter },
            seededRandom(seed),
          );
          await clock.advance(300_000);
          stop();
          for (let i = 1; i < askedAtMs.length; i++) {
            const ttlMs = ttls[(i - 1) % ttls.length] ?? 0;
            const gapMs = (askedAtMs[i] ?? 0) - (askedAtMs[i - 1] ?? 0);
            assert.ok(gapMs <= ttlMs + 1e-6 && gapMs >= ttlMs * (1 - 2 * jitter) - 1e-6, `${gapMs} of ${ttlMs}`);
          }
        },
      ),
      { numRuns: 50 },
    );
  });

  it('reports failures, and tries again with full jitter, at most ttlMs apart', async () => {
    const error = new Error('down');
    const { clock, askedAtMs, heard } = poll(() => Promise.reject(error), { ttlMs: 10_000, negativeTtlMs: 1_000 }, always(0.5));
    await clock.advance(21_500);
    assert.deepEqual(askedAtMs, [0, 500, 1_500, 3_500, 7_500, 12_500, 17_500]);
    assert.ok(heard.every((each) => each.error === error));
  });

  it('returns to its usual pace after a success, and begins small after the next failure', async () => {
    const outcomes = ['fail', 'fail', 'fail', 'ok', 'fail', 'fail'];
    const { clock, askedAtMs } = poll(
      async () => {
        if (outcomes.shift() === 'fail') throw new Error('down');
        return ['http://a'];
      },
      { jitter: 0 },
      always(0.999),
    );
    await clock.advance(60_000);
    const gaps = askedAtMs.slice(1).map((ms, i) => Math.round(ms - (askedAtMs[i] ?? 0)));
    assert.deepEqual(gaps, [999, 1_998, 3_996, 30_000, 999, 1_998]);
  });

  it('asks sooner again when there was nothing in the answer', async () => {
    const { clock, askedAtMs } = poll(async () => [], {}, always(0.5));
    await clock.advance(3_500);
    assert.deepEqual(askedAtMs, [0, 500, 1_500, 3_500]);
  });

  it('takes a lookup that throws at once, or gives no list, for a failure', async () => {
    for (const lookup of [
      () => {
        throw new Error('at once');
      },
      async () => undefined,
      async () => ({ instances: 'http://a' }),
      () => 42,
    ]) {
      const { clock, heard, stop } = poll(lookup as unknown as Lookup);
      await clock.settle();
      assert.ok(heard[0]?.error instanceof Error);
      stop();
    }
  });

  it('hands on that the source does not know the service', async () => {
    const unknown = new UnknownServiceError('users', 'asked');
    const { clock, heard } = poll(() => Promise.reject(unknown));
    await clock.settle();
    assert.equal(heard[0]?.error, unknown);
  });

  it('gives up a lookup that never settles, tells it so, and asks again', async () => {
    const signals: AbortSignal[] = [];
    let settleFirst: (instances: string[]) => void = () => {};
    const { clock, heard, askedAtMs } = poll(
      (_service, { signal }) => {
        signals.push(signal);
        return new Promise((resolve) => {
          if (signals.length === 1) settleFirst = resolve;
          else resolve(['http://b']);
        });
      },
      { lookupTimeoutMs: 5_000 },
      always(0.5),
    );
    await clock.advance(5_000);
    const [first] = heard;
    assert.ok(first?.error instanceof MeshError && first.error.code === 'ERR_MESH_DISCOVERY_TIMEOUT');
    assert.equal(signals[0]?.aborted, true);
    await clock.advance(500);
    assert.deepEqual(askedAtMs, [0, 5_500]);
    settleFirst(['http://late']);
    await clock.advance(0);
    assert.deepEqual(
      heard.slice(1).map(({ instances }) => instances),
      [['http://b']],
      'what was given up is not heard any more',
    );
  });

  it('has one lookup under way at a time', async () => {
    const underWay: ((instances: string[]) => void)[] = [];
    let most = 0;
    const { clock, askedAtMs } = poll(
      () =>
        new Promise((resolve) => {
          most = Math.max(most, underWay.push(resolve));
        }),
      { ttlMs: 1_000 },
    );
    for (let i = 0; i < 20; i++) {
      await clock.advance(7_000);
      underWay.pop()?.(['http://a']);
    }
    assert.ok(askedAtMs.length > 15);
    assert.equal(most, 1);
  });

  it('does nothing after it was stopped', async () => {
    let signal: AbortSignal | undefined;
    const { clock, heard, askedAtMs, stop } = poll(async (_service, details) => {
      signal = details.signal;
      return ['http://a'];
    });
    stop();
    assert.equal(signal?.aborted, true, 'a lookup under way is told');
    await clock.advance(120_000);
    assert.deepEqual(heard, []);
    assert.equal(askedAtMs.length, 1);
    assert.equal(clock.pendingTimers, 0);
  });

  it('may be stopped by what it says', async () => {
    const clock = new VirtualClock();
    const discovery = pollingDiscovery({ name: 'asked', lookup: async () => ['http://a'] });
    const stop = discovery.watch('users', { snapshot: () => stop(), patch() {}, failed() {} }, new TestHost(clock));
    await clock.settle();
    assert.equal(clock.pendingTimers, 0);
  });

  it('keeps the list of a service while refreshing it fails', async () => {
    let down = false;
    const source = pollingDiscovery({
      name: 'asked',
      lookup: async () => {
        if (down) throw new Error('down');
        return ['http://a', 'http://b'];
      },
    });
    const { set, clock, heard } = makeSet({ discovery: source });
    set.start();
    await set.ready(newCall());
    down = true;
    await clock.advance(600_000);
    assert.equal(set.view.size, 2);
    assert.ok((set.listAgeMs ?? 0) > 500_000);
    assert.deepEqual(
      heard.map(({ name }) => name),
      ['endpointAdded', 'endpointAdded', 'registryFailed'],
    );
    down = false;
    await clock.advance(30_000);
    assert.equal(heard.at(-1)?.name, 'registryRecovered');
    await set.close();
    assert.equal(clock.pendingTimers, 0);
  });

  it('lets 50 cold callers share one lookup', async () => {
    let lookups = 0;
    let answer: (instances: string[]) => void = () => {};
    const source = pollingDiscovery({
      name: 'asked',
      lookup: () => {
        lookups++;
        return new Promise((resolve) => {
          answer = resolve;
        });
      },
    });
    const { set, clock } = makeSet({ discovery: source });
    set.start();
    const calls = Array.from({ length: 50 }, () => track(set.ready(newCall())));
    await clock.advance(1_000);
    answer(['http://a']);
    await clock.settle();
    assert.ok(calls.every(({ state }) => state === 'done'));
    assert.equal(lookups, 1);
  });

  const refused: [string, unknown, string][] = [
    ['no name', { lookup: async () => [] }, 'pollingDiscovery.name'],
    ['no lookup', { name: 'x' }, 'pollingDiscovery.lookup'],
    ['a time of 0', { name: 'x', lookup: async () => [], ttlMs: 0 }, 'pollingDiscovery.ttlMs'],
    [
      'an endless lookup',
      { name: 'x', lookup: async () => [], lookupTimeoutMs: Number.POSITIVE_INFINITY },
      'pollingDiscovery.lookupTimeoutMs',
    ],
    [
      'bounds that exclude each other',
      { name: 'x', lookup: async () => [], minTtlMs: 2_000, maxTtlMs: 1_000 },
      'pollingDiscovery.minTtlMs',
    ],
    ['a time outside of its bounds', { name: 'x', lookup: async () => [], ttlMs: 9_000, maxTtlMs: 5_000 }, 'pollingDiscovery.ttlMs'],
    ['too much jitter', { name: 'x', lookup: async () => [], jitter: 0.5 }, 'pollingDiscovery.jitter'],
    ['a misspelt option', { name: 'x', lookup: async () => [], ttl: 5 }, 'pollingDiscovery.ttl'],
  ];
  for (const [what, options, path] of refused) {
    it(`refuses ${what} when it is made`, () => {
      assert.throws(
        () => pollingDiscovery(options as PollingOptions),
        (error) => error instanceof ConfigError && error.path === path,
      );
    });
  }
});
