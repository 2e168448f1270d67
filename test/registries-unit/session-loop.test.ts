import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Session, SessionLoop } from '../../src/registries/session-loop.js';
import { VirtualClock } from '../../src/testing/virtual-clock.js';
import { TestHost } from '../discovery/scripted-source.js';

/** A loop whose sessions do what a test says, with waits as long as they can be. */
function loop(run: (session: Session, count: number) => Promise<void>) {
  const clock = new VirtualClock();
  const beganAt: number[] = [];
  const failures: unknown[] = [];
  const subject = new SessionLoop(
    new TestHost(clock, { next: () => 1 }),
    (session) => {
      beganAt.push(clock.now());
      return run(session, beganAt.length);
    },
    (error) => failures.push(error),
  );
  return { clock, beganAt, failures, subject };
}

const forEver = new Promise<void>(() => {});

describe('the sessions with a registry', () => {
  it('follow one another with growing waits while they fail, and each failure is told', async () => {
    const { clock, beganAt, failures, subject } = loop(async (_, count) => {
      if (count < 4) throw new Error(`failure ${count}`);
      await forEver;
    });
    subject.start();
    await clock.advance(60_000);
    assert.deepEqual(beganAt, [0, 100, 300, 700]);
    assert.deepEqual(failures.map(String), ['Error: failure 1', 'Error: failure 2', 'Error: failure 3']);
  });

  it('begin with a short wait again after one that was healthy', async () => {
    const { clock, beganAt, subject } = loop(async ({ healthy }, count) => {
      if (count === 5) healthy();
      if (count === 7) await forEver;
      throw new Error('failure');
    });
    subject.start();
    await clock.advance(60_000);
    assert.deepEqual(
      beganAt.slice(1).map((atMs, index) => atMs - (beganAt[index] ?? 0)),
      [100, 200, 400, 800, 100, 200],
    );
  });

  it('follow at once on one that was healthy and came to its end, and with a wait on one that was not', async () => {
    const { clock, beganAt, failures, subject } = loop(async ({ healthy }, count) => {
      if (count === 1) healthy();
      if (count === 4) await forEver;
    });
    subject.start();
    await clock.advance(60_000);
    assert.deepEqual(beganAt, [0, 0, 100, 300]);
    assert.deepEqual(failures, []);
  });

  it('may fail before they have begun: what throws at once is a failure like any other', async () => {
    const { clock, beganAt, failures, subject } = loop((_, count) => {
      if (count === 1) throw new Error('at once');
      return forEver;
    });
    subject.start();
    await clock.advance(1_000);
    assert.equal(beganAt.length, 2);
    assert.match(String(failures[0]), /at once/);
  });

  it('end when they are stopped, without a failure and without a timer', async () => {
    let signal: AbortSignal | undefined;
    const { clock, beganAt, failures, subject } = loop((session) => {
      ({ signal } = session);
      return new Promise((_, reject) => session.signal.addEventListener('abort', () => reject(session.signal.reason)));
    });
    subject.start();
    await clock.settle();
    subject.stop();
    assert.equal(signal?.aborted, true);
    await clock.advance(60_000);
    assert.deepEqual([beganAt, failures, clock.pendingTimers], [[0], [], 0]);
  });

  it('do not begin again when they are stopped in a wait, or by whoever hears of a failure', async () => {
    const inWait = loop(() => Promise.reject(new Error('failure')));
    inWait.subject.start();
    await inWait.clock.settle();
    assert.equal(inWait.clock.pendingTimers, 1);
    inWait.subject.stop();
    assert.equal(inWait.clock.pendingTimers, 0);

    const clock = new VirtualClock();
    let begun = 0;
    const subject = new SessionLoop(
      new TestHost(clock, { next: () => 1 }),
      async () => {
        begun++;
        throw new Error('failure');
      },
      () => subject.stop(),
    );
    subject.start();
    await clock.advance(60_000);
    assert.deepEqual([begun, clock.pendingTimers], [1, 0]);
  });
});
