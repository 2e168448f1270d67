import { READ_AHEAD_BYTES, type Reply } from '../core/reply.js';

/**
 * Bodies that nobody will read.
 *
 * A caller who looks at the status alone and drops the response leaves a body behind. A small one has been
 * read ahead and holds nothing; a large one holds its connection and its place in a bulkhead until somebody
 * notices, and the only one to notice is the garbage collector. The built-in fetch has the same safety net.
 * It is put up only for bodies that were still coming when the response was made.
 */

/** What is left to do when the last one who could have read a body is gone. */
export interface Unread {
  giveUp(): void;
}

const registry = new FinalizationRegistry<Unread>((unread) => unread.giveUp());

/** Has `unread` given up once `holder` is collected. `unread` must not lead back to `holder`. */
export function watchHolder(holder: object, unread: Unread): void {
  registry.register(holder, unread, holder);
}

export function unwatchHolder(holder: object): void {
  registry.unregister(holder);
}

/**
 * Lets go of a body that is not wanted any more. One whose length is known and small is read to its end, so
 * that the connection lives; everything else is cut off. A stream of events that trickles in would otherwise
 * hold its connection for as long as it trickles.
 */
export function giveUp(reply: Reply, reason: unknown): void {
  const length = Number(reply.header('content-length') ?? Number.NaN);
  if (length <= READ_AHEAD_BYTES) reply.discard();
  else reply.cancel(reason);
}

/** An unread reply. */
export class UnreadReply implements Unread {
  constructor(private readonly reply: Reply) {}
  giveUp(): void {
    giveUp(this.reply, undefined);
  }
}
