import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SimulationClock } from '../../../src/testing/simulation/simulation-clock.js';

const never = () => false;

test('everything that follows from an event without waiting happens before the next event, however many promises it takes', async () => {
  const clock = new SimulationClock();
  const seen: string[] = [];
  const follow = async (name: string, promises: number) => {
    for (let i = 0; i < promises; i++) await undefined;
    seen.push(`${name} after ${promises} at ${clock.now()}`);
  };
  clock.setTimer(() => void follow('first', 500), 10);
  clock.setTimer(() => void follow('second', 3), 10);
  clock.setTimer(() => void follow('third', 0), 11);
  await clock.run(never);
  assert.deepEqual(seen, ['first after 500 at 10', 'second after 3 at 10', 'third after 0 at 11']);
});

test('a timer that was called off does not fire, and one that is set by a timer does', async () => {
  const clock = new SimulationClock();
  const fired: number[] = [];
  const off = clock.setTimer(() => fired.push(-1), 5);
  clock.setTimer(() => {
    off.cancel();
    clock.setTimer(() => fired.push(clock.now()), 7);
  }, 4);
  await clock.run(never);
  assert.deepEqual(fired, [11]);
  assert.equal(clock.planned, 0);
  assert.equal(clock.wallTime() - clock.now(), Date.UTC(2026, 0, 1));
});

test('a run ends when it is over, before the next event, and goes on from there', async () => {
  const clock = new SimulationClock();
  let fired = 0;
  for (let i = 1; i <= 5_000; i++) clock.setTimer(() => fired++, i);
  await clock.run(() => fired === 3_000);
  assert.equal(fired, 3_000);
  assert.equal(clock.now(), 3_000);
  await clock.run(never);
  assert.equal(fired, 5_000);
});

test('what an event throws ends the run', async () => {
  const clock = new SimulationClock();
  clock.setTimer(() => {
    throw new RangeError('out of range');
  }, 1);
  await assert.rejects(clock.run(never), RangeError);
});

test('the process can do other work while a run goes on', async () => {
  const clock = new SimulationClock();
  let turns = 0;
  let over = false;
  const count = () => {
    turns++;
    if (!over) setImmediate(count);
  };
  setImmediate(count);
  for (let i = 0; i < 20_000; i++) clock.setTimer(() => {}, i);
  await clock.run(never);
  over = true;
  assert.ok(turns >= 10, `${turns} turns`);
});
