import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ReportPool } from '../../../src/balancing/adaptive/report-pool.js';
import { weightedView } from '../endpoints.js';

/** A pool over so many endpoints, whose slots are 0, 1, 2... */
function pooled(endpoints = 20, usualMs = 1_000) {
  const { view, endpoints: all } = weightedView(Array.from({ length: endpoints }, () => 1));
  const pool = new ReportPool();
  pool.answered(usualMs);
  return { pool, view, all, take: (nowMs = 0) => pool.take(view, nowMs) };
}

test('the report with the lowest (requests + 1) x service time is taken, and each only once', () => {
  const { pool, take } = pooled();
  pool.put(0, 3, 10, 0);
  pool.put(1, 0, 30, 0);
  pool.put(2, 0, 100, 0);
  assert.deepEqual([take(), take(), take(), take()], [1, 0, 2, -1]);
});

test('of reports within a fourth of the best the oldest is taken', () => {
  const { pool, take } = pooled();
  pool.put(0, 0, 12, 0);
  pool.put(1, 0, 10, 1);
  pool.put(2, 0, 13, 0);
  assert.deepEqual([take(2), take(2), take(2)], [0, 1, 2]);
});

test('an endpoint has one report, its latest', () => {
  const { pool, take } = pooled();
  pool.put(0, 0, 10, 0);
  pool.put(1, 2, 10, 0);
  pool.put(0, 5, 10, 1);
  assert.deepEqual([take(1), take(1), take(1)], [1, 0, -1]);
});

test('what this client itself has in flight is the least that an endpoint has', () => {
  const { pool, take, view, all } = pooled();
  pool.put(0, 0, 10, 0);
  pool.put(1, 2, 10, 0);
  const [first] = all;
  assert.ok(first);
  for (let request = 0; request < 4; request++) view.track(first, 1);
  assert.equal(take(), 1);
});

test('a report counts for a second, and for twenty service times where these are longer', () => {
  const { pool, take } = pooled();
  pool.put(0, 0, 10, 0);
  assert.equal(take(1_001), -1);
  pool.put(0, 0, 10, 0);
  pool.put(1, 0, 500, 0);
  assert.equal(take(1_000), 0);
  assert.equal(take(10_000), 1);
  pool.put(1, 0, 500, 0);
  assert.equal(take(10_001), -1);
});

test('of more than sixteen the oldest is forgotten, and what an endpoint said can be dropped', () => {
  const { pool, take } = pooled(30);
  for (let slot = 0; slot < 20; slot++) pool.put(slot, 0, 10, slot);
  pool.drop(10);
  pool.drop(10);
  const taken: number[] = [];
  for (let slot = take(20); slot >= 0; slot = take(20)) taken.push(slot);
  assert.deepEqual(taken, [4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 15, 16, 17, 18, 19]);
});

test('a report that promises an answer only after twice the usual time is left', () => {
  const { pool, take } = pooled(20, 9.9);
  pool.put(0, 1, 10, 0);
  assert.equal(take(), -1);
  for (let answer = 0; answer < 5; answer++) pool.answered(12);
  assert.equal(take(), 0);
});
