import { ConfigError } from '../core/errors.js';
import { durationMs, knownKeys, numberIn, wholeNumberIn } from '../core/options-check.js';
import { definePolicy, type Policy } from '../core/policy.js';
import type { BreakerSettings } from './breaker-state.js';
import { EndpointBreaker } from './endpoint-breaker.js';
import { ServiceBreaker } from './service-breaker.js';

/** When a breaker opens and closes. */
export interface CircuitBreakerOptions {
  /** The share of failures within the window that opens it. Above 0, at most 1; default 0.5. */
  readonly failureRatio?: number | undefined;
  /** The share counts from so many requests within the window on. A whole number of at least 1; default 10. */
  readonly minimumRequests?: number | undefined;
  /** The time over which the share is taken, in milliseconds above 0; default 10,000. */
  readonly windowMs?: number | undefined;
  /** So many failures in a row open it too. A whole number of at least 1; Infinity for never; default 5. */
  readonly consecutiveFailures?: number | undefined;
  /** For how long it stays open the first time, in milliseconds above 0; default 5,000. Doubles with each opening that no success came between. */
  readonly openMs?: number | undefined;
  /** The most that doubling leads to, in milliseconds; at least `openMs`; default 60,000. */
  readonly maxOpenMs?: number | undefined;
  /** How many requests try out whether it may close. All must succeed. A whole number, 1 to 1,000; default 1. */
  readonly halfOpenTrials?: number | undefined;
}

const KEYS = ['failureRatio', 'minimumRequests', 'windowMs', 'consecutiveFailures', 'openMs', 'maxOpenMs', 'halfOpenTrials'];

/** Hystrix's window and its half; its 20 requests are many for one endpoint of a service. */
const FAILURE_RATIO = 0.5;
const MINIMUM_REQUESTS = 10;
const WINDOW_MS = 10_000;
/** Envoy's and Linkerd's number of failures in a row. */
const CONSECUTIVE_FAILURES = 5;
const OPEN_MS = 5_000;
const MAX_OPEN_MS = 60_000;

/**
 * Stops sending to what keeps failing, and tries it out now and then.
 *
 * In `perEndpoint` it is a gate: the balancer goes to other endpoints. In `perCall` it guards the service as a
 * whole and fails calls with ERR_MESH_CIRCUIT_OPEN, whose `retryAfterMs` says for how long. Verdicts 'failure'
 * and 'retryable' and broken bodies count against it; what a caller aborts counts for nobody. The times it is
 * open vary by 10 % up and down. Calls cannot override it.
 *
 * @throws ConfigError for an option out of range, or an `openMs` above `maxOpenMs`.
 * @example
 * { perEndpoint: [circuitBreaker({ failureRatio: 0.3, minimumRequests: 20 })] }
 */
export function circuitBreaker(options: CircuitBreakerOptions = {}): Policy<'call' | 'endpoint'> {
  const settings = breakerSettings(options);
  return definePolicy({
    name: 'circuitBreaker',
    levels: ['call', 'endpoint'],
    build(next, scope) {
      if (scope.level === 'call') return new ServiceBreaker(next, scope, settings).send;
      scope.addGate('circuitBreaker', (shutter, endpointScope) => new EndpointBreaker(settings, shutter, endpointScope));
      return next;
    },
    override() {
      throw new TypeError('circuitBreaker counts for all calls, so one call cannot override it');
    },
  });
}

function breakerSettings(options: CircuitBreakerOptions): BreakerSettings {
  const path = 'circuitBreaker';
  knownKeys(path, options, KEYS);
  const failureRatio = numberIn(`${path}.failureRatio`, options.failureRatio ?? FAILURE_RATIO, 0, 1);
  if (failureRatio === 0) throw new ConfigError(`${path}.failureRatio`, 'above 0', failureRatio);
  const consecutiveFailures = options.consecutiveFailures ?? CONSECUTIVE_FAILURES;
  // Of the two times, a default gives way to the one that was given.
  const maxOpenMs = options.maxOpenMs === undefined ? undefined : durationMs(`${path}.maxOpenMs`, options.maxOpenMs);
  const openMs = durationMs(`${path}.openMs`, options.openMs ?? Math.min(OPEN_MS, maxOpenMs ?? OPEN_MS));
  if (maxOpenMs !== undefined && openMs > maxOpenMs) throw new ConfigError(`${path}.openMs`, `at most maxOpenMs (${maxOpenMs})`, openMs);
  return {
    failureRatio,
    minimumRequests: wholeNumberIn(`${path}.minimumRequests`, options.minimumRequests ?? MINIMUM_REQUESTS, 1, Number.POSITIVE_INFINITY),
    windowMs: durationMs(`${path}.windowMs`, options.windowMs ?? WINDOW_MS),
    consecutiveFailures: wholeNumberIn(`${path}.consecutiveFailures`, consecutiveFailures, 1, Number.POSITIVE_INFINITY),
    openMs,
    maxOpenMs: maxOpenMs ?? Math.max(MAX_OPEN_MS, openMs),
    halfOpenTrials: wholeNumberIn(`${path}.halfOpenTrials`, options.halfOpenTrials ?? 1, 1, 1_000),
  };
}
