import { ConfigError } from '../core/errors.js';
import { durationMs, knownKeys } from '../core/options-check.js';
import type { Policy } from '../core/policy.js';
import { type BulkheadOptions, bulkhead } from './bulkhead.js';
import { type CircuitBreakerOptions, circuitBreaker } from './circuit-breaker.js';
import type { PolicyLists } from './merge-policies.js';
import { type RetryOptions, retry } from './retry.js';
import { timeout } from './timeout.js';

/** What the standard stack is made of. Everything has a default; `false` leaves a part out. */
export interface StandardOptions {
  /** From the call to its headers, retries and queue included. Milliseconds above 0, Infinity for none; default 30,000. */
  readonly timeoutMs?: number | undefined;
  /** From one try to its headers; at most `timeoutMs`. Milliseconds above 0, Infinity for none; default 10,000, or `timeoutMs` where that is less. */
  readonly attemptTimeoutMs?: number | undefined;
  /** For how long a body may stand still. Milliseconds above 0, Infinity for none; default 60,000. */
  readonly bodyIdleTimeoutMs?: number | undefined;
  /** A request header that carries the milliseconds a try has left. Default: none. */
  readonly deadlineHeader?: string | undefined;
  /** When calls are tried again. Default `retry()`. */
  readonly retry?: false | RetryOptions | undefined;
  /** How much may be under way at once. Default: 1,000 calls at a time, 1,000 more in line for at most 1,000 ms. */
  readonly bulkhead?: false | BulkheadOptions | undefined;
  /** When an endpoint is left alone: one breaker for each. Default `circuitBreaker()`. */
  readonly circuitBreaker?: false | CircuitBreakerOptions | undefined;
  /** Requests at a time to one endpoint; a whole number of at least 1. Default: no bound but that of its connections. */
  readonly endpointConcurrency?: number | undefined;
}

/** A standard stack, and what it was made of. */
export interface StandardPolicies extends PolicyLists {
  /** The options as they were given; merged when a service's `standard()` meets that of the defaults. */
  readonly settings: StandardOptions;
}

const KEYS = [
  'timeoutMs',
  'attemptTimeoutMs',
  'bodyIdleTimeoutMs',
  'deadlineHeader',
  'retry',
  'bulkhead',
  'circuitBreaker',
  'endpointConcurrency',
];

/** The total and the attempt of .NET's standard resilience handler, the one peer that ships both. */
const TIMEOUT_MS = 30_000;
const ATTEMPT_TIMEOUT_MS = 10_000;
const BODY_IDLE_TIMEOUT_MS = 60_000;
/** Near Envoy's 1,024: enough that only trouble fills it, and a bound on what trouble can take. */
const CONCURRENCY = 1_000;
const QUEUE = 1_000;
const QUEUE_TIMEOUT_MS = 1_000;

/**
 * The stack that fits most services, in the one order in which its parts do not defeat each other. The call's
 * time is outermost and bounds the queue as well; the bulkhead stands above retry, so that a call keeps its
 * slot over all its tries and a retry never waits in line behind new calls; each try has a time of its own
 * below retry; what counts per endpoint is a gate below the balancer.
 *
 * @throws ConfigError for an option out of range, and for two that contradict each other.
 * @example
 * createMesh({ discovery, defaults: { policies: standard({ timeoutMs: 5_000, retry: { attempts: 2 } }) } });
 */
export function standard(options: StandardOptions = {}): StandardPolicies {
  knownKeys('standard', options, KEYS);
  const timeoutMs = durationMs('standard.timeoutMs', options.timeoutMs ?? TIMEOUT_MS, { infinite: true });
  const times = {
    timeoutMs,
    bodyIdleTimeoutMs: durationMs('standard.bodyIdleTimeoutMs', options.bodyIdleTimeoutMs ?? BODY_IDLE_TIMEOUT_MS, { infinite: true }),
  };
  const attemptTimeoutMs = within('attemptTimeoutMs', options.attemptTimeoutMs, ATTEMPT_TIMEOUT_MS, options, timeoutMs);

  const perCall: Policy<'call'>[] = [timeout(times)];
  if (options.bulkhead !== false) perCall.push(bulkhead(bulkheadOptions(options, timeoutMs)));
  if (options.retry !== false) perCall.push(retry(options.retry));
  const perAttempt = [timeout({ timeoutMs: attemptTimeoutMs, deadlineHeader: options.deadlineHeader })];
  const perEndpoint: Policy<'endpoint'>[] = [];
  if (options.circuitBreaker !== false) perEndpoint.push(circuitBreaker(options.circuitBreaker));
  if (options.endpointConcurrency !== undefined) perEndpoint.push(endpointBulkhead(options.endpointConcurrency));

  const lists: StandardPolicies = { perCall, perAttempt, perEndpoint, settings: { ...options } };
  // Not enumerable: who spreads the lists into lists of their own does not carry the settings along, and so
  // does not have them win over what was changed.
  return Object.defineProperty(lists, 'settings', { enumerable: false });
}

/** Whether `lists` are as `standard()` made them. */
export function isStandard(lists: PolicyLists): lists is StandardPolicies {
  return Object.hasOwn(lists, 'settings');
}

/**
 * A time that lies within the call's. A default is lowered to it; a time that was given must fit, since with a
 * longer one the user means something that will not happen. Infinity fits: it says that the call's time is enough.
 */
function within(
  name: string,
  given: number | undefined,
  byDefault: number,
  { timeoutMs: givenTimeoutMs }: StandardOptions,
  timeoutMs: number,
): number {
  if (given === undefined) return Math.min(byDefault, timeoutMs);
  const limitMs = durationMs(`standard.${name}`, given, { infinite: true });
  if (limitMs <= timeoutMs || limitMs === Number.POSITIVE_INFINITY) return limitMs;
  throw new ConfigError(
    `standard.${name}`,
    `at most timeoutMs (${timeoutMs}${givenTimeoutMs === undefined ? ', the default' : ''})`,
    limitMs,
  );
}

function bulkheadOptions(options: StandardOptions, timeoutMs: number): BulkheadOptions {
  const given = options.bulkhead || {};
  const queueTimeoutMs = within('bulkhead.queueTimeoutMs', given.queueTimeoutMs, QUEUE_TIMEOUT_MS, options, timeoutMs);
  return { ...given, concurrency: given.concurrency ?? CONCURRENCY, queue: given.queue ?? QUEUE, queueTimeoutMs };
}

function endpointBulkhead(concurrency: number): Policy {
  if (typeof concurrency !== 'number' || !Number.isInteger(concurrency) || concurrency < 1) {
    throw new ConfigError('standard.endpointConcurrency', 'a whole number of at least 1', concurrency);
  }
  return bulkhead({ concurrency });
}
