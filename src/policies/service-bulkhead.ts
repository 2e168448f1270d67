import type { Call } from '../core/call.js';
import { type Continuation, extendable, followedBy, inTurn, rejected } from '../core/continuation.js';
import type { Deadline, DeadlineOwner } from '../core/deadline-queue.js';
import { MeshError, TimeoutError } from '../core/errors.js';
import type { Send, ServiceScope } from '../core/policy.js';
import type { Reply } from '../core/reply.js';
import { Waiting, WaitingLine } from './waiting-line.js';

/**
 * A bounded number of calls at a time, and a bounded queue in front of it.
 *
 * A slot is held until the body has ended, since a call that streams uses its connection as much as one that
 * waits. The line is strict: a slot that comes free is handed to whoever waited longest before a newcomer can
 * see it. A call admitted from the line starts in a promise reaction, and so in its own async context and not
 * in that of the call that ended.
 *
 * The line also forms while no endpoint can be picked and some are merely busy: those are about to come free.
 * When one opens, calls are admitted one after the other, each only after the one before has picked its
 * endpoint, so that one free place does not call up the whole line.
 */
export interface ServiceBulkheadSettings {
  readonly concurrency: number;
  readonly queue: number;
  readonly queueTimeoutMs: number;
}

export function serviceBulkhead(next: Send, scope: ServiceScope, settings: ServiceBulkheadSettings): Send {
  const bulkhead = new ServiceBulkhead(scope, settings);
  return extendable((after) => {
    const run = followedBy(next, inTurn(bulkhead, after));
    return (call) => (bulkhead.enter() ? run(call) : bulkhead.queue(call, run, after));
  });
}

class ServiceBulkhead implements DeadlineOwner<Waiter>, Continuation {
  /** Slots in use. */
  private active = 0;
  /** Calls admitted from the line that have not picked an endpoint yet: 0 or 1. */
  private starting = 0;
  private readonly line = new WaitingLine<Waiter>();

  constructor(
    private readonly scope: ServiceScope,
    private readonly settings: ServiceBulkheadSettings,
  ) {
    if (settings.queue > 0) scope.endpoints.listen({ opened: this.admit });
  }

  /** Takes a slot, if there is one and nobody waits for it. */
  enter(): boolean {
    if (this.line.size > 0 || this.starting > 0 || !this.hasRoom()) return false;
    this.active++;
    return true;
  }

  replied(_call: Call, reply: Reply): Reply {
    if (reply.ending === undefined) reply.onEnd(this.free);
    else this.free();
    return reply;
  }

  failed(_call: Call, error: unknown): never {
    this.free();
    throw error;
  }

  /** A function made once, so that a call in the bulkhead costs no closure. */
  private readonly free = (): void => {
    this.active--;
    this.admit();
  };

  private hasRoom(): boolean {
    if (this.active >= this.settings.concurrency) return false;
    return this.settings.queue === 0 || !this.allBusy();
  }

  private allBusy(): boolean {
    const { endpoints } = this.scope;
    return endpoints.count === 0 && endpoints.busy > 0;
  }

  /** Waits for a slot, and then goes the way `run`. A call that gets none ends in `after`. */
  queue(call: Call, run: Send, after: Continuation): Promise<Reply> {
    if (call.cancelled) return rejected(call, call.cancelReason, after);
    const { queue, queueTimeoutMs } = this.settings;
    if (this.line.size >= queue) return rejected(call, this.full(), after);
    const nowMs = this.scope.clock.now();
    return call
      .wait<void>((resolve, reject) => {
        const waiter = new Waiter(resolve, reject);
        this.line.push(waiter);
        waiter.deadline = this.scope.deadlines.set(queueTimeoutMs, nowMs, this, waiter);
        return () => this.forget(waiter);
      })
      .then(
        () => this.start(call, run, after),
        (error) => after.failed(call, error),
      );
  }

  /** Lets the first of the line in, if there is room. It calls again once that one has picked its endpoint. */
  private readonly admit = (): void => {
    if (this.line.size === 0 || this.starting > 0 || !this.hasRoom()) return;
    const waiter = this.line.shift() as Waiter;
    waiter.deadline?.cancel();
    this.active++;
    this.starting++;
    waiter.resolve();
  };

  private start(call: Call, run: Send, after: Continuation): Reply | Promise<Reply> {
    this.starting--;
    const nowMs = this.scope.clock.now();
    call.nowMs = nowMs;
    if (call.cancelled || nowMs >= call.deadlineMs) {
      this.free();
      return after.failed(call, call.cancelled ? call.cancelReason : this.timedOut('until its own time was over'));
    }
    const reply = run(call);
    this.admit();
    return reply;
  }

  private forget(waiter: Waiter): void {
    waiter.deadline?.cancel();
    this.line.leave(waiter);
  }

  expired(waiter: Waiter): void {
    this.line.leave(waiter);
    waiter.reject(this.timedOut(`for queueTimeoutMs: ${this.settings.queueTimeoutMs}`));
  }

  private timedOut(howLong: string): TimeoutError {
    return new TimeoutError(
      'ERR_MESH_QUEUE_TIMEOUT',
      `waited in the bulkhead's queue ${howLong}, and ${this.obstacle()}; nothing was sent. Raise concurrency or queueTimeoutMs in bulkhead(), or add endpoints`,
      { service: this.scope.service },
    );
  }

  private full(): MeshError {
    const { queue } = this.settings;
    const line = queue === 0 ? 'it has no queue' : `its queue of ${queue} is full`;
    return new MeshError('ERR_MESH_QUEUE_FULL', `the bulkhead refused the call: ${this.obstacle()}, and ${line}; nothing was sent`, {
      service: this.scope.service,
    });
  }

  private obstacle(): string {
    const { concurrency } = this.settings;
    if (this.active < concurrency && this.allBusy()) return `all ${this.scope.endpoints.busy} endpoints that are fit are busy`;
    return `${this.active} calls of at most ${concurrency} are under way`;
  }
}

/** A call in the line. */
class Waiter extends Waiting {
  deadline: Deadline | undefined = undefined;
  constructor(
    readonly resolve: () => void,
    readonly reject: (reason: unknown) => void,
  ) {
    super();
  }
}
