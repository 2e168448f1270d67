import { ConfigError } from '../core/errors.js';
import type { Gate, Shutter } from '../core/gate.js';
import { durationMs, knownKeys, wholeNumberIn } from '../core/options-check.js';
import { definePolicy, type Level, type Policy } from '../core/policy.js';
import { serviceBulkhead } from './service-bulkhead.js';

/** How much may be under way at once. */
export interface BulkheadOptions {
  /**
   * Calls at a time, from their start to the end of the answer's body. A whole number of at least 1. Default
   * Infinity in `perCall` and `perAttempt`; in `perEndpoint` it must be given.
   */
  readonly concurrency?: number | undefined;
  /**
   * How many more may wait, for a slot or for an endpoint that is not busy. A whole number, 0 to
   * 1,000,000; default 0. Not in `perEndpoint`: there the balancer goes elsewhere.
   */
  readonly queue?: number | undefined;
  /** For how long one may wait, in milliseconds above 0; default 1,000. Ignored without a queue. */
  readonly queueTimeoutMs?: number | undefined;
}

const QUEUE_TIMEOUT_MS = 1_000;
/** A queue without a bound turns an overload into a loss of memory. */
const MAX_QUEUE = 1_000_000;

/**
 * Bounds how much is under way at once, so that one slow service cannot take all memory and sockets.
 *
 * In `perCall` it bounds the service: calls beyond `concurrency` wait in line, first come first served, and
 * fail with ERR_MESH_QUEUE_FULL or ERR_MESH_QUEUE_TIMEOUT; an abort leaves the line at once. In `perEndpoint`
 * it only counts, and the balancer goes elsewhere while it is full. `mesh: { bulkhead: false }` lets one call
 * pass by the line and the count of `perCall` and `perAttempt`, for health checks say.
 *
 * @throws ConfigError for an option out of range; in `perEndpoint` for a queue or a missing `concurrency`.
 * @example
 * { perCall: [bulkhead({ concurrency: 200, queue: 400 })], perEndpoint: [bulkhead({ concurrency: 20 })] }
 */
export function bulkhead(options: BulkheadOptions = {}): Policy {
  knownKeys('bulkhead', options, ['concurrency', 'queue', 'queueTimeoutMs']);
  const concurrency = wholeNumberIn('bulkhead.concurrency', options.concurrency ?? Number.POSITIVE_INFINITY, 1, Number.POSITIVE_INFINITY);
  const queue = wholeNumberIn('bulkhead.queue', options.queue ?? 0, 0, MAX_QUEUE);
  const queueTimeoutMs = durationMs('bulkhead.queueTimeoutMs', options.queueTimeoutMs ?? QUEUE_TIMEOUT_MS);

  const validate = (level: Level): void => {
    if (level !== 'endpoint') return;
    if (concurrency === Number.POSITIVE_INFINITY) {
      throw new ConfigError(
        'bulkhead.concurrency',
        'given as a whole number of at least 1 where the bulkhead stands in perEndpoint',
        options.concurrency,
      );
    }
    if (queue > 0) {
      throw new ConfigError(
        'bulkhead.queue',
        'left out in perEndpoint: the balancer goes elsewhere, and calls wait in a bulkhead in perCall',
        queue,
      );
    }
  };

  return definePolicy({
    name: 'bulkhead',
    levels: ['call', 'attempt', 'endpoint'],
    validate,
    build(next, scope) {
      validate(scope.level);
      if (scope.level === 'endpoint') {
        scope.addGate('bulkhead', (shutter) => new EndpointBulkhead(concurrency, shutter));
        return next;
      }
      if (concurrency === Number.POSITIVE_INFINITY && queue === 0) return next;
      return serviceBulkhead(next, scope, { concurrency, queue, queueTimeoutMs });
    },
    override(value) {
      if (value === false) return false;
      throw new TypeError('expected false, which leaves the bulkhead out for this call');
    },
  });
}

/** A counter that the balancer sees. */
class EndpointBulkhead implements Gate {
  private active = 0;

  constructor(
    private readonly concurrency: number,
    private readonly shutter: Shutter,
  ) {}

  begin(): void {
    if (++this.active === this.concurrency) this.shutter.shut('busy');
  }

  /** Calls that are pinned to the endpoint pass a shut gate, so there may be more than `concurrency`. */
  release(): void {
    if (--this.active === this.concurrency - 1) this.shutter.open();
  }

  inspect(): unknown {
    return { active: this.active, concurrency: this.concurrency };
  }
}
