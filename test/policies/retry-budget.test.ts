import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { retryBudget } from '../../src/policies/retry-budget.js';

describe('a retry budget', () => {
  it('pays for its tokens and then for nothing', () => {
    const budget = retryBudget({ tokens: 3 });
    assert.deepEqual(
      [1, 2, 3, 4].map(() => budget.take()),
      [true, true, true, false],
    );
  });

  it('earns a token with every ten successes', () => {
    const budget = retryBudget({ tokens: 1 });
    budget.take();
    for (let i = 0; i < 9; i++) budget.credit();
    assert.equal(budget.take(), false);
    budget.credit();
    assert.equal(budget.take(), true);
    assert.equal(budget.take(), false);
  });

  it('saves no more than it started with', () => {
    const budget = retryBudget({ tokens: 2 });
    for (let i = 0; i < 1_000; i++) budget.credit();
    budget.refund();
    assert.equal(budget.tokens, 2);
  });

  it('can be without a bound, and can be nothing', () => {
    const unbounded = retryBudget({ tokens: Number.POSITIVE_INFINITY });
    for (let i = 0; i < 1_000; i++) assert.equal(unbounded.take(), true);
    assert.equal(retryBudget({ tokens: 0 }).take(), false);
  });

  it('never pays for more than its tokens and its share of the successes', () => {
    const steps = fc.array(fc.constantFrom('credit', 'take', 'refund'), { maxLength: 400 });
    fc.assert(
      fc.property(steps, fc.double({ min: 0, max: 1, noNaN: true }), fc.integer({ min: 0, max: 20 }), (todo, ratio, tokens) => {
        const budget = retryBudget({ ratio, tokens });
        let successes = 0;
        let paid = 0;
        for (const step of todo) {
          if (step === 'credit') {
            successes++;
            budget.credit();
          } else if (step === 'take') {
            if (budget.take()) paid++;
          } else if (paid > 0) {
            paid--;
            budget.refund();
          }
          assert.ok(paid <= tokens + ratio * successes + 1e-6);
          assert.ok(budget.tokens >= 0 && budget.tokens <= tokens);
        }
      }),
    );
  });

  it('refuses what is no share and no number of tokens', () => {
    assert.throws(() => retryBudget({ ratio: 2 }), /retryBudget\.ratio must be a number from 0 to 1, got 2/);
    assert.throws(() => retryBudget({ tokens: -1 }), /retryBudget\.tokens/);
  });
});
