import type { Call } from '../core/call.js';
import { ConfigError } from '../core/errors.js';
import { knownKeys, numberIn, wholeNumberIn } from '../core/options-check.js';
import { definePolicy, type Policy } from '../core/policy.js';
import type { Outcome } from '../core/verdict.js';
import { type BackoffOptions, backoffOptions } from './backoff.js';
import { RATIO, type RetryBudget, TOKENS, TokenBucket } from './retry-budget.js';
import { retryLoop } from './retry-loop.js';

/**
 * Decides whether an outcome is worth another attempt; undefined leaves it to the verdict. It cannot make a
 * request safe to repeat that is not.
 */
export type RetryPredicate = (outcome: Outcome, call: Call) => boolean | undefined;

/** When a call is tried again, and how often. */
export interface RetryOptions {
  /** How often a call is tried, the first time included. A whole number, 1 to 100; default 3. */
  readonly attempts?: number | undefined;
  /** How long to wait in between. Default: see `BackoffOptions`. */
  readonly backoff?: BackoffOptions | undefined;
  /** The share of successes that may be retried: see `retryBudget`. 0 to 1; default 0.1. */
  readonly budgetRatio?: number | undefined;
  /** Retries that are free at the start, and the most that can be saved. At least 0; Infinity for no bound; default 10. */
  readonly budgetTokens?: number | undefined;
  /** A budget to share with other services, in place of `budgetRatio` and `budgetTokens`. Default: one of its own for each service. */
  readonly budget?: RetryBudget | undefined;
  /**
   * The methods that may be sent twice. Default: those that are idempotent by RFC 9110, and calls that are
   * marked so. Methods that are not named are still tried again when nothing of them was sent.
   */
  readonly methods?: readonly string[] | undefined;
  /** Which answers are worth another attempt: a list of statuses, or a function. Default: those whose verdict is 'retryable'. */
  readonly retryOn?: readonly number[] | RetryPredicate | undefined;
}

/** What one call changes: `mesh: { retry: false }` or `mesh: { retry: { attempts: 5 } }`. */
export type RetryOverride = false | { readonly attempts: number };

const KEYS = ['attempts', 'backoff', 'budgetRatio', 'budgetTokens', 'budget', 'methods', 'retryOn'];

/**
 * Tries a call again, on another endpoint, when an attempt failed in a way that another one may mend.
 *
 * An attempt is repeated if its verdict is 'retryable', if repeating it can do no harm (the method is
 * idempotent, or not a byte of the request was sent), if its body can be sent again, and if the budget and the
 * time left allow it. What the caller gets is the outcome of the last attempt, answer or error; the earlier
 * ones are in `error.attempts` and in the events `retry`, whose `attempt` is the number of the one that failed.
 *
 * @throws ConfigError for an option out of range, and for a `budget` beside `budgetRatio` or `budgetTokens`.
 * @example
 * { perCall: [timeout({ timeoutMs: 2_000 }), retry({ attempts: 2, backoff: { baseMs: 50 } })] }
 */
export function retry(options: RetryOptions = {}): Policy<'call'> {
  knownKeys('retry', options, KEYS);
  const attempts = checkAttempts(options.attempts ?? 3);
  const backoff = backoffOptions('retry.backoff', options.backoff);
  const makeBudget = budgetOf(options);
  const methods = methodsOf(options.methods);
  const retryOn = predicateOf(options.retryOn);
  return definePolicy({
    name: 'retry',
    levels: ['call'],
    build: (next, scope) => retryLoop(next, scope, { attempts, backoff, budget: makeBudget(), methods, retryOn }),
    override(value): RetryOverride {
      if (value === false) return false;
      knownKeys('retry', value, ['attempts']);
      return { attempts: checkAttempts((value as { attempts?: number }).attempts ?? attempts) };
    },
  });
}

function checkAttempts(attempts: number): number {
  return wholeNumberIn('retry.attempts', attempts, 1, 100);
}

/** A shared budget, or how to make one for each service. */
function budgetOf({ budget, budgetRatio, budgetTokens }: RetryOptions): () => RetryBudget {
  if (budget !== undefined) {
    if (typeof budget?.take !== 'function')
      throw new ConfigError('retry.budget', 'a budget made by retryBudget({ ratio, tokens })', budget);
    if (budgetRatio !== undefined || budgetTokens !== undefined) {
      throw new ConfigError('retry.budget', 'left out where budgetRatio or budgetTokens is given: the budget has its own', budget);
    }
    return () => budget;
  }
  const ratio = numberIn('retry.budgetRatio', budgetRatio ?? RATIO, 0, 1);
  const tokens = numberIn('retry.budgetTokens', budgetTokens ?? TOKENS, 0, Number.POSITIVE_INFINITY);
  return () => new TokenBucket(ratio, tokens);
}

function methodsOf(methods: readonly string[] | undefined): ReadonlySet<string> | undefined {
  if (methods === undefined) return undefined;
  if (!Array.isArray(methods) || methods.some((method) => typeof method !== 'string' || method === '')) {
    throw new ConfigError('retry.methods', 'a list of methods', methods);
  }
  return new Set(methods.map((method: string) => method.toUpperCase()));
}

function predicateOf(retryOn: RetryOptions['retryOn']): RetryPredicate | undefined {
  if (retryOn === undefined || typeof retryOn === 'function') return retryOn;
  if (!Array.isArray(retryOn))
    throw new ConfigError('retry.retryOn', 'a list of statuses or a function (outcome, call) => boolean', retryOn);
  retryOn.forEach((status, index) => {
    wholeNumberIn(`retry.retryOn[${index}]`, status, 100, 599);
  });
  const statuses = new Set<number>(retryOn);
  return ({ reply }) => (reply === undefined ? undefined : statuses.has(reply.status));
}
