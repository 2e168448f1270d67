import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { LatencyTable } from '../../src/core/latency-table.js';

describe('LatencyTable', () => {
  it('has no percentile before the first sample', () => {
    assert.equal(new LatencyTable().percentile(3, 0.5), undefined);
  });

  it('is at most 19 % above the true percentile, and never below it', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0.1, max: 60_000, noNaN: true }), { minLength: 1, maxLength: 900 }),
        fc.constantFrom(0.5, 0.9, 0.99),
        (samples, share) => {
          const histogram = new LatencyTable();
          for (const sample of samples) histogram.record(3, sample);
          const exact = [...samples].sort((a, b) => a - b)[Math.max(0, Math.ceil(share * samples.length) - 1)] ?? Number.NaN;
          const shown = histogram.percentile(3, share) ?? Number.NaN;
          assert.ok(shown >= exact * 0.999_999 && shown <= exact * 1.19, `${shown} for ${exact}`);
        },
      ),
    );
  });

  it('forgets old behaviour as new samples come', () => {
    const histogram = new LatencyTable();
    for (let i = 0; i < 1_000; i++) histogram.record(3, 1_000);
    for (let i = 0; i < 6_000; i++) histogram.record(3, 1);
    assert.ok((histogram.percentile(3, 0.98) ?? Number.NaN) < 2);
  });

  it('takes latencies beyond its range as its bounds', () => {
    const histogram = new LatencyTable();
    histogram.record(3, 0);
    histogram.record(3, -1);
    histogram.record(3, Number.NaN);
    assert.ok((histogram.percentile(3, 1) ?? Number.NaN) < 0.1);
    histogram.record(3, 1e9);
    assert.ok((histogram.percentile(3, 1) ?? 0) > 50_000);
  });

  it('keeps the slots apart, and forgets one that is cleared', () => {
    const table = new LatencyTable();
    table.record(0, 1);
    table.record(15, 10);
    table.record(16, 100);
    assert.equal(table.percentile(0, 1), 1);
    table.clear(15);
    table.clear(1_000);
    assert.equal(table.percentile(15, 1), undefined);
    assert.ok((table.percentile(16, 1) ?? 0) >= 100);
    assert.equal(table.percentile(17, 1), undefined);
  });
});
