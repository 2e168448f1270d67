import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { NONE, SessionTable } from '../../../src/balancing/sessions/session-table.js';

const step = fc.record({
  kind: fc.constantFrom('use', 'use', 'use', 'expire'),
  // Few different ones, so that buckets are shared and keys come back.
  high: fc.integer({ min: -3, max: 3 }),
  low: fc.integer({ min: -3, max: 3 }),
});

test('remembers exactly the sessions that a plain map in order of use does, however they come, are used, expire and make room', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), fc.integer({ min: 1, max: 80 }), (steps, limit) => {
      const table = new SessionTable(limit);
      const model = new Map<string, { home: number; usedMs: number }>();
      steps.forEach(({ kind, high, low }, nowMs) => {
        const key = `${high} ${low}`;
        if (kind === 'expire') {
          table.expire(nowMs - 20);
          for (const [oldest, { usedMs }] of [...model].slice(0, 2)) {
            if (usedMs > nowMs - 20) break;
            model.delete(oldest);
          }
        } else {
          const found = table.find(high, low);
          const known = model.get(key);
          assert.equal(found === NONE, known === undefined);
          if (known === undefined) {
            const [oldest] = model.keys();
            if (model.size === limit && oldest !== undefined) model.delete(oldest);
            const entry = table.insert(high, low, nowMs);
            assert.deepEqual([table.home[entry], table.standIn[entry]], [NONE, NONE]);
            table.home[entry] = nowMs;
            model.set(key, { home: nowMs, usedMs: nowMs });
          } else {
            assert.deepEqual([table.home[found], table.usedMs[found]], [known.home, known.usedMs]);
            table.touch(found, nowMs);
            model.delete(key);
            model.set(key, { home: known.home, usedMs: nowMs });
          }
        }
        assert.equal(table.size, model.size);
        for (const [each, { home }] of model) {
          const [a, b] = each.split(' ').map(Number) as [number, number];
          assert.equal(table.home[table.find(a, b)], home);
        }
      });
    }),
    { numRuns: 300 },
  );
});

test('takes no more room than its bound, and half of that for half as many', () => {
  const table = new SessionTable(5_000);
  for (let session = 0; session < 2_000; session++) table.insert(session * 7, session, session);
  assert.equal(table.usedMs.length, 2_048);
  for (let session = 2_000; session < 50_000; session++) table.insert(session * 7, session, session);
  assert.deepEqual([table.usedMs.length, table.size], [5_000, 5_000]);
  assert.equal(table.find(44_999 * 7, 44_999), NONE);
  assert.notEqual(table.find(45_000 * 7, 45_000), NONE);
});
