import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ReportTrust } from '../../../src/balancing/adaptive/report-trust.js';

function after(answers: number, promisedMs: number, takenMs: number): ReportTrust {
  const trust = new ReportTrust();
  trust.clear(0);
  for (let answer = 0; answer < answers; answer++) trust.learn(0, promisedMs, takenMs);
  return trust;
}

test('who keeps what is promised, or takes half as long again, is believed', () => {
  for (const takenMs of [1, 10, 14.9]) assert.equal(after(500, 10, takenMs).doubt(0), 1);
});

test('who takes longer than that counts as much more as the answers take longer', () => {
  assert.ok(Math.abs(after(500, 10, 60).doubt(0) - 4) < 0.01);
});

test('it takes more than one answer to doubt, and as many to believe again', () => {
  const trust = after(1, 10, 100);
  assert.equal(trust.doubt(0), 1);
  for (let answer = 0; answer < 64; answer++) trust.learn(0, 10, 100);
  assert.ok(trust.doubt(0) > 5);
  for (let answer = 0; answer < 160; answer++) trust.learn(0, 10, 10);
  assert.equal(trust.doubt(0), 1);
});

test('a new endpoint in the slot, and one whose promises are worth nothing, are believed', () => {
  const trust = after(500, 10, 100);
  trust.clear(0);
  assert.equal(trust.doubt(0), 1);
  for (const takenMs of [0, 5]) assert.equal(after(10, 0, takenMs).doubt(0), 1);
});
