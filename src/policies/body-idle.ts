import type { Call } from '../core/call.js';
import type { Clock } from '../core/clock.js';
import type { Deadline, DeadlineOwner, DeadlineQueue } from '../core/deadline-queue.js';
import type { Reply } from '../core/reply.js';
import { bodyIdleTimedOut } from './timeout-errors.js';

/**
 * Cuts off a body in which nothing moves: neither does a byte come nor is one read.
 *
 * A body may live for hours as long as it flows, so each chunk would have to set the time anew. Instead the
 * watch looks in four times in that time and compares the reply's count of signs of life. A body is thus cut
 * off after one to one and a quarter times `idleTimeoutMs`, never earlier, and a chunk costs one addition.
 */

const LOOKS = 4;

/** Watches until the body ends; nothing stays armed after that. */
export function watchIdleBody(reply: Reply, call: Call, idleTimeoutMs: number, clock: Clock, deadlines: DeadlineQueue): void {
  const watch = new BodyIdleWatch(reply, call, idleTimeoutMs, clock, deadlines);
  watch.arm();
  reply.onEnd(() => watch.stop());
}

class BodyIdleWatch implements DeadlineOwner<undefined> {
  private seenActivity: number;
  private idleLooks = 0;
  private deadline: Deadline | undefined = undefined;

  constructor(
    private readonly reply: Reply,
    private readonly call: Call,
    private readonly idleTimeoutMs: number,
    private readonly clock: Clock,
    private readonly deadlines: DeadlineQueue,
  ) {
    this.seenActivity = reply.activity;
  }

  arm(): void {
    this.deadline = this.deadlines.set(this.idleTimeoutMs / LOOKS, this.clock.now(), this, undefined);
  }

  stop(): void {
    this.deadline?.cancel();
  }

  expired(): void {
    const { activity } = this.reply;
    this.idleLooks = activity === this.seenActivity ? this.idleLooks + 1 : 0;
    this.seenActivity = activity;
    if (this.idleLooks < LOOKS) this.arm();
    else this.reply.cancel(bodyIdleTimedOut(this.call, this.idleTimeoutMs));
  }
}
