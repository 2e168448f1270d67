import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Timer } from '../../src/core/clock.js';
import { Registration } from '../../src/discovery/registration.js';
import { seededRandom } from '../../src/testing/seeded-random.js';
import { VirtualClock } from '../../src/testing/virtual-clock.js';
import { TestHost, track } from './scripted-source.js';

const LEASE_MS = 9_000;
const REFUSED = new Error('connection refused');

/** A registry with one entry, which answers at once, fails, or keeps everybody waiting. */
class FakeRegistry {
  readonly clock = new VirtualClock();
  readonly host = new TestHost(this.clock, seededRandom(3));
  /** What was asked of it: the time, and the step. */
  readonly asked: { readonly atMs: number; readonly step: 'register' | 'renew' | 'remove' }[] = [];
  entered = false;
  registrations = 0;
  failing = false;
  /** When set, a step lasts until it is resolved. */
  gate: Promise<void> | undefined = undefined;
  underWay = 0;
  mostUnderWay = 0;

  readonly registration = new Registration({
    service: 'users',
    id: 'users-1',
    leaseMs: LEASE_MS,
    keepAlive: false,
    host: this.host,
    steps: {
      register: () =>
        this.answer('register', () => {
          this.entered = true;
          this.registrations++;
        }),
      renew: async () => {
        await this.answer('renew', () => {});
        return this.entered;
      },
      remove: () =>
        this.answer('remove', () => {
          this.entered = false;
        }),
    },
  });

  private async answer(step: 'register' | 'renew' | 'remove', effect: () => void): Promise<void> {
    this.asked.push({ atMs: this.clock.now(), step });
    this.underWay++;
    this.mostUnderWay = Math.max(this.mostUnderWay, this.underWay);
    try {
      await this.gate;
      if (this.failing) throw REFUSED;
      effect();
    } finally {
      this.underWay--;
    }
  }

  count(step: 'register' | 'renew' | 'remove'): number {
    return this.asked.filter((each) => each.step === step).length;
  }

  /** Keeps every step waiting from now on; what it returns lets them go on. */
  hold(): () => void {
    let release: () => void = () => {};
    this.gate = new Promise((resolve) => {
      release = () => {
        this.gate = undefined;
        resolve();
      };
    });
    return release;
  }
}

async function begun(): Promise<FakeRegistry> {
  const registry = new FakeRegistry();
  await registry.registration.begin();
  return registry;
}

describe('a registration', () => {
  it('renews a little before each third of its lease, at times that differ', async () => {
    const registry = await begun();
    await registry.clock.advance(20 * LEASE_MS);
    const times = registry.asked.map(({ atMs }) => atMs);
    const gaps = times.slice(1).map((atMs, index) => atMs - (times[index] ?? 0));
    assert.ok(gaps.length >= 60);
    assert.ok(
      gaps.every((gap) => gap >= (LEASE_MS / 3) * 0.8 && gap <= LEASE_MS / 3),
      `${gaps}`,
    );
    assert.ok(new Set(gaps).size > 50);
    assert.equal(registry.registrations, 1);
    assert.deepEqual(registry.host.announcements, []);
  });

  it('rejects when it cannot be entered, and then asks for nothing more', async () => {
    const registry = new FakeRegistry();
    registry.failing = true;
    await assert.rejects(registry.registration.begin(), REFUSED);
    registry.registration.lost(new Error('session expired'));
    await registry.clock.advance(10 * LEASE_MS);
    assert.equal(registry.asked.length, 1);
    assert.equal(registry.clock.pendingTimers, 0);
  });

  it('enters itself anew when a renewal finds it gone, and says so', async () => {
    const registry = await begun();
    registry.entered = false;
    await registry.clock.advance(LEASE_MS / 3);
    assert.equal(registry.entered, true);
    assert.equal(registry.registrations, 2);
    assert.deepEqual(registry.host.announcements, ['failed: the registry does not know the instance any more', 'announced']);
  });

  it('tries failing renewals again with growing waits, and reports the outage once and its end once', async () => {
    const registry = await begun();
    registry.failing = true;
    await registry.clock.advance(60_000);
    assert.deepEqual(registry.host.announcements, ['failed: connection refused']);
    const renewals = registry.count('renew');
    // At a mean of half of 3 s between two, about 40; without any wait it would be thousands, without retries 20.
    assert.ok(renewals > 25 && renewals < 80, `${renewals} renewals in a minute`);
    registry.failing = false;
    await registry.clock.advance(LEASE_MS / 3);
    assert.deepEqual(registry.host.announcements, ['failed: connection refused', 'announced']);
    const [...times] = registry.asked.map(({ atMs }) => atMs);
    const gaps = times.slice(1).map((atMs, index) => atMs - (times[index] ?? 0));
    assert.ok(Math.max(...gaps) <= LEASE_MS / 3);
  });

  it('enters itself anew at once when the registry says that it lost it', async () => {
    const registry = await begun();
    registry.entered = false;
    registry.registration.lost(new Error('session expired'));
    await registry.clock.settle();
    assert.equal(registry.clock.now(), 0);
    assert.equal(registry.registrations, 2);
    assert.equal(registry.count('renew'), 0);
    assert.deepEqual(registry.host.announcements, ['failed: session expired', 'announced']);
  });

  it('enters itself anew once, however often it is told that it was lost', async () => {
    const registry = await begun();
    for (let i = 0; i < 5; i++) registry.registration.lost(new Error('session expired'));
    await registry.clock.advance(1_000);
    assert.equal(registry.registrations, 2);
    assert.equal(registry.host.announcements.length, 2);
  });

  it('is not lost for good when the registry loses it during a renewal that succeeds', async () => {
    const registry = await begun();
    const release = registry.hold();
    await registry.clock.advance(LEASE_MS / 3);
    assert.equal(registry.underWay, 1);
    registry.entered = true;
    registry.registration.lost(new Error('session expired'));
    release();
    await registry.clock.advance(1_000);
    assert.equal(registry.registrations, 2);
    assert.equal(registry.mostUnderWay, 1);
    assert.deepEqual(registry.host.announcements, ['failed: session expired', 'announced']);
  });

  it('is not lost for good when the registry loses it again while it is being entered anew', async () => {
    const registry = await begun();
    const release = registry.hold();
    registry.registration.lost(new Error('session expired'));
    await registry.clock.settle();
    registry.registration.lost(new Error('session expired again'));
    release();
    await registry.clock.advance(1_000);
    assert.equal(registry.registrations, 3);
    assert.equal(registry.mostUnderWay, 1);
    assert.deepEqual(registry.host.announcements, ['failed: session expired', 'announced']);
  });

  it('never asks for two things at a time, however slow the registry is', async () => {
    const registry = await begun();
    const release = registry.hold();
    await registry.clock.advance(10 * LEASE_MS);
    registry.registration.lost(new Error('session expired'));
    await registry.clock.advance(10 * LEASE_MS);
    assert.equal(registry.asked.length, 2);
    release();
    await registry.clock.advance(LEASE_MS);
    assert.equal(registry.mostUnderWay, 1);
    assert.equal(registry.entered, true);
  });

  it('is out and stays out once it is closed, also when a renewal was under way that brings it back', async () => {
    const registry = await begun();
    registry.entered = false;
    const release = registry.hold();
    await registry.clock.advance(LEASE_MS / 3);
    const closing = registry.registration.close();
    const again = registry.registration.close();
    await registry.clock.settle();
    assert.equal(registry.count('remove'), 0, 'the renewal comes first');
    release();
    await Promise.all([closing, again]);
    assert.equal(registry.entered, false);
    assert.equal(registry.count('remove'), 1);
    assert.equal(registry.clock.pendingTimers, 0);
    registry.registration.lost(new Error('session expired'));
    await registry.clock.advance(10 * LEASE_MS);
    assert.equal(registry.entered, false);
  });

  it('is out once it is closed while it was being entered for the first time', async () => {
    const registry = new FakeRegistry();
    const release = registry.hold();
    const beginning = registry.registration.begin();
    const closing = registry.registration.close();
    release();
    await Promise.all([beginning, closing]);
    assert.equal(registry.entered, false);
    assert.equal(registry.clock.pendingTimers, 0);
  });

  it('is taken out at a later try when the first one fails', async () => {
    const registry = await begun();
    registry.failing = true;
    const closing = track(registry.registration.close());
    await registry.clock.settle();
    registry.failing = false;
    await registry.clock.advance(1_000);
    assert.equal(closing.state, 'done');
    assert.equal(registry.count('remove'), 2);
    assert.equal(registry.entered, false);
    assert.equal(registry.clock.pendingTimers, 0);
  });

  it('gives removing up after three tries, with what the registry said', async () => {
    const registry = await begun();
    registry.failing = true;
    const closing = track(registry.registration.close());
    await registry.clock.advance(2_000);
    assert.equal(closing.state, 'failed');
    assert.equal(closing.error, REFUSED);
    assert.equal(registry.count('remove'), 3);
    assert.equal(registry.clock.pendingTimers, 0);
  });

  it('gives removing up after four seconds when the registry does not answer', async () => {
    const registry = await begun();
    const release = registry.hold();
    const closing = track(registry.registration.close());
    await registry.clock.advance(3_999);
    assert.equal(closing.state, 'pending');
    await registry.clock.advance(1);
    assert.equal(closing.state, 'failed');
    assert.match(String(closing.error), /could not be told within 4000 ms/);
    release();
    await registry.clock.settle();
    assert.equal(registry.clock.pendingTimers, 0);
  });

  describe('that keeps the process alive', () => {
    /** A clock that knows which of its timers keep the process alive. */
    class CountingClock extends VirtualClock {
      readonly holding = new Set<object>();

      override setTimer(callback: () => void, delayMs: number): Timer {
        const { holding } = this;
        const timer = super.setTimer(() => {
          holding.delete(counted);
          callback();
        }, delayMs);
        const counted: Timer = {
          cancel: () => {
            holding.delete(counted);
            timer.cancel();
          },
          ref: () => holding.add(counted),
          unref: () => holding.delete(counted),
        };
        holding.add(counted);
        return counted;
      }
    }

    for (const keepAlive of [true, false]) {
      it(`${keepAlive ? 'does so' : 'does not, where it is not to,'} between its steps and within them, and no longer than it is there`, async () => {
        const clock = new CountingClock();
        let release = (): void => {};
        let isSlow = false;
        const registration = new Registration({
          service: 'users',
          id: 'users-1',
          leaseMs: LEASE_MS,
          keepAlive,
          host: new TestHost(clock, seededRandom(3)),
          steps: {
            register: async () => {},
            // Its sockets do not keep the process alive.
            renew: () =>
              new Promise((resolve) => {
                release = () => resolve(true);
                if (!isSlow) release();
              }),
            remove: async () => {},
          },
        });
        const expected = keepAlive ? 1 : 0;
        const begun = registration.begin();
        assert.equal(clock.holding.size, 1, 'it is being entered');
        await begun;
        assert.equal(clock.holding.size, expected, 'between two steps');
        for (let hour = 0; hour < 3; hour++) await clock.advance(3_600_000);
        assert.equal(clock.holding.size, expected, 'after hours');
        isSlow = true;
        await clock.advance(LEASE_MS / 3);
        assert.equal(clock.holding.size, expected, 'within a step');
        release();
        await registration.close();
        assert.deepEqual([clock.holding.size, clock.pendingTimers], [0, 0], 'after it was taken out');
      });
    }
  });
});
