import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { othersTurn, pause } from '../../src/registries/pause.js';
import { VirtualClock } from '../../src/testing/virtual-clock.js';

describe('a pause', () => {
  it('lasts as long as it should, and leaves no listener at its signal', async () => {
    const clock = new VirtualClock();
    const { signal } = new AbortController();
    let listeners = 0;
    const { addEventListener, removeEventListener } = signal;
    signal.addEventListener = (...given: Parameters<typeof addEventListener>) => {
      listeners++;
      addEventListener.apply(signal, given);
    };
    signal.removeEventListener = (...given: Parameters<typeof removeEventListener>) => {
      listeners--;
      removeEventListener.apply(signal, given);
    };
    let isOver = false;
    const paused = pause(clock, 1_000, signal).then(() => {
      isOver = true;
    });
    await clock.advance(999);
    assert.deepEqual([isOver, listeners], [false, 1]);
    await clock.advance(1);
    await paused;
    assert.equal(listeners, 0);
  });

  it('ends with the reason of its signal, and leaves no timer', async () => {
    const clock = new VirtualClock();
    const controller = new AbortController();
    const paused = pause(clock, 1_000, controller.signal);
    controller.abort(new Error('stopped'));
    await assert.rejects(paused, /stopped/);
    await assert.rejects(pause(clock, 1_000, controller.signal), /stopped/);
    assert.equal(clock.pendingTimers, 0);
  });

  it('may be no longer than the turn of others', async () => {
    const clock = new VirtualClock();
    const turn = othersTurn(clock);
    assert.equal(clock.pendingTimers, 1);
    await clock.advance(0);
    await turn;
  });
});
