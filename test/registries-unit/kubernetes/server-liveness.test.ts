import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ServerLiveness } from '../../../src/registries/kubernetes/server-liveness.js';
import { VirtualClock } from '../../../src/testing/virtual-clock.js';

function liveness() {
  const clock = new VirtualClock();
  const state = { probes: 0, answer: async (): Promise<void> => {} };
  const under = new ServerLiveness(clock, 30_000, () => {
    state.probes++;
    return state.answer();
  });
  return { clock, state, under };
}

describe('ServerLiveness', () => {
  it('asks nothing while anything is heard, and once each time that all is silent for as long as it waits', async () => {
    const { clock, state, under } = liveness();
    under.join(() => assert.fail('the server answers'));
    under.join(() => assert.fail('the server answers'));
    for (let i = 0; i < 10; i++) {
      await clock.advance(20_000);
      under.heard();
    }
    assert.equal(state.probes, 0);
    await clock.advance(30_000);
    assert.equal(state.probes, 1);
    await clock.advance(60_000);
    assert.equal(state.probes, 3);
  });

  it('tells every watch when there is no answer, and those that remain after that again', async () => {
    const { clock, state, under } = liveness();
    const told: string[] = [];
    const leave = under.join((error) => {
      told.push(`a ${String(error)}`);
      leave();
    });
    under.join((error) => told.push(`b ${String(error)}`));
    state.answer = () => Promise.reject('silence');
    await clock.advance(30_000);
    assert.deepEqual(told, ['a silence', 'b silence']);
    await clock.advance(30_000);
    assert.deepEqual(told, ['a silence', 'b silence', 'b silence']);
  });

  it('believes what a watch heard while the question was under way', async () => {
    const { clock, state, under } = liveness();
    under.join(() => assert.fail('a watch heard something'));
    let reject = (_: unknown): void => {};
    state.answer = () =>
      new Promise((_, no) => {
        reject = no;
      });
    await clock.advance(30_000);
    under.heard();
    reject(new Error('timeout'));
    await clock.advance(1_000);
    assert.equal(state.probes, 1);
  });

  it('has no timer when nobody watches', async () => {
    const { clock, under } = liveness();
    const leave = under.join(() => {});
    assert.equal(clock.pendingTimers, 1);
    leave();
    assert.equal(clock.pendingTimers, 0);
  });
});
