import type { Call } from './core/call.js';

/**
 * The calls of a service that are under way, from the call to the end of its answer's body. A linked list
 * through the calls themselves: entering and leaving cost a few assignments.
 */
export class ActiveCalls {
  size = 0;
  private head: Call | undefined = undefined;

  /** `onIdle` is called whenever the last call has left. */
  constructor(private readonly onIdle: () => void) {}

  enter(call: Call): void {
    const { head } = this;
    call.nextActive = head;
    if (head !== undefined) head.previousActive = call;
    this.head = call;
    this.size++;
  }

  leave(call: Call): void {
    const { previousActive: previous, nextActive: next } = call;
    if (previous !== undefined) previous.nextActive = next;
    else if (this.head === call) this.head = next;
    else return;
    if (next !== undefined) next.previousActive = previous;
    call.previousActive = call.nextActive = undefined;
    if (--this.size === 0) this.onIdle();
  }

  /** Ends every call. */
  cancelAll(reason: unknown): void {
    for (let call = this.head; call !== undefined; ) {
      const next: Call | undefined = call.nextActive;
      call.cancel(reason);
      call = next;
    }
  }
}
