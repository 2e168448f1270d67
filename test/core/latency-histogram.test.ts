import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { LatencyHistogram } from '../../src/core/latency-histogram.js';

describe('LatencyHistogram', () => {
  it('has no percentile before the first sample', () => {
    assert.equal(new LatencyHistogram().percentile(0.5), undefined);
  });

  it('is at most 19 % above the true percentile, and never below it', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0.1, max: 60_000, noNaN: true }), { minLength: 1, maxLength: 900 }),
        fc.constantFrom(0.5, 0.9, 0.99),
        (samples, share) => {
          const histogram = new LatencyHistogram();
          for (const sample of samples) histogram.record(sample);
          const exact = [...samples].sort((a, b) => a - b)[Math.max(0, Math.ceil(share * samples.length) - 1)] ?? Number.NaN;
          const shown = histogram.percentile(share) ?? Number.NaN;
          assert.ok(shown >= exact * 0.999_999 && shown <= exact * 1.19, `${shown} for ${exact}`);
        },
      ),
    );
  });

  it('forgets old behaviour as new samples come', () => {
    const histogram = new LatencyHistogram();
    for (let i = 0; i < 1_000; i++) histogram.record(1_000);
    for (let i = 0; i < 6_000; i++) histogram.record(1);
    assert.ok((histogram.percentile(0.98) ?? Number.NaN) < 2);
  });

  it('takes latencies beyond its range as its bounds', () => {
    const histogram = new LatencyHistogram();
    histogram.record(0);
    histogram.record(-1);
    histogram.record(Number.NaN);
    assert.ok((histogram.percentile(1) ?? Number.NaN) < 0.1);
    histogram.record(1e9);
    assert.ok((histogram.percentile(1) ?? 0) > 50_000);
  });
});
