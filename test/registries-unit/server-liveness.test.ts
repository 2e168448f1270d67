import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type LivenessWatcher, ServerLiveness } from '../../src/registries/server-liveness.js';
import { VirtualClock } from '../../src/testing/virtual-clock.js';

interface Guest extends LivenessWatcher {
  readonly name: string;
}

const unharmed = (name: string): Guest => ({ name, dead: () => assert.fail('the server answers') });

function liveness(chance = 0) {
  const clock = new VirtualClock();
  const probes: string[] = [];
  const state = { answer: async (_signal: AbortSignal): Promise<void> => {} };
  const subject = new ServerLiveness<Guest>({ clock, random: { next: () => chance } }, 30_000, (server, { name }, signal) => {
    probes.push(`${server} for ${name}`);
    return state.answer(signal);
  });
  return { clock, probes, state, subject };
}

describe('the watch on silent servers', () => {
  it('asks each of them once for as long as nothing is heard, in the name of one watcher, and not at all while something is', async () => {
    const { clock, probes, subject } = liveness();
    subject.join('a', unharmed('first'));
    subject.join('a', unharmed('second'));
    subject.join('b', unharmed('third'));
    for (let i = 0; i < 6; i++) {
      await clock.advance(15_000);
      subject.heard('b');
    }
    assert.deepEqual(probes, ['a for first', 'a for first', 'a for first']);
  });

  it('tells every watcher of the one that does not answer, and those that stay after that again', async () => {
    const { clock, subject, state } = liveness();
    const told: string[] = [];
    const leave = subject.join('a', {
      name: 'first',
      dead: (error) => {
        told.push(`first ${String(error)}`);
        leave();
      },
    });
    subject.join('a', { name: 'second', dead: (error) => told.push(`second ${String(error)}`) });
    const leaveOther = subject.join('b', unharmed('third'));
    leaveOther();
    state.answer = () => Promise.reject('silence');
    await clock.advance(30_000);
    assert.deepEqual(told, ['first silence', 'second silence']);
    await clock.advance(30_000);
    assert.deepEqual(told, ['first silence', 'second silence', 'second silence']);
  });

  it('believes what a watcher heard while the question was under way', async () => {
    const { clock, probes, subject, state } = liveness();
    subject.join('a', unharmed('first'));
    let reject = (_: unknown): void => {};
    state.answer = () =>
      new Promise((_, no) => {
        reject = no;
      });
    await clock.advance(30_000);
    await clock.advance(1);
    subject.heard('a');
    reject(new Error('timeout'));
    await clock.advance(1_000);
    assert.deepEqual(probes, ['a for first']);
  });

  it('has no timer and no question under way when nobody watches', async () => {
    const { clock, probes, subject, state } = liveness();
    const leave = subject.join('a', unharmed('first'));
    assert.equal(clock.pendingTimers, 1);
    let asked: AbortSignal | undefined;
    state.answer = (signal) => {
      asked = signal;
      return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    };
    await clock.advance(30_000);
    assert.equal(asked?.aborted, false);
    leave();
    assert.equal(asked?.aborted, true);
    await clock.advance(100_000);
    assert.equal(clock.pendingTimers, 0);
    assert.equal(probes.length, 1);
  });

  it('asks nothing more once it is stopped', async () => {
    const { clock, probes, subject } = liveness();
    subject.join('a', unharmed('first'));
    subject.stop();
    assert.equal(clock.pendingTimers, 0);
    await clock.advance(100_000);
    assert.deepEqual(probes, []);
  });

  it('asks earlier by chance, so that processes which heard the same last word do not all ask at once', async () => {
    const askedAtMs: number[] = [];
    for (const chance of [0, 0.25, 0.5, 0.75]) {
      const { clock, probes, subject } = liveness(chance);
      subject.join('a', unharmed('first'));
      await clock.advance(7_000);
      subject.heard('a');
      while (probes.length === 0) await clock.advance(100);
      askedAtMs.push(clock.now());
    }
    assert.deepEqual(askedAtMs, [37_000, 35_500, 34_000, 32_500]);
  });
});
