import type { DeadlineOwner } from '../core/deadline-queue.js';
import type { ServiceScope } from '../core/policy.js';
import type { Reply } from '../core/reply.js';

/**
 * Gives up an answer that nobody will see.
 *
 * A small body is read to its end, because that keeps its connection. The caller's own times watch the answer
 * that he gets and not this one, so it has a time of its own: a server that stalls within the body of a 503
 * would otherwise hold a connection, and its endpoint's place, for ever.
 */

/** A new connection costs less than waiting longer than this for an old one. */
const LONGEST_MS = 1_000;

export function discardSoon(reply: Reply, { clock, deadlines }: ServiceScope): void {
  reply.discard();
  if (reply.ending !== undefined) return;
  const deadline = deadlines.set(LONGEST_MS, clock.now(), CUT_OFF, reply);
  reply.onEnd(() => deadline.cancel());
}

const CUT_OFF: DeadlineOwner<Reply> = { expired: (reply) => reply.cancel(undefined) };
