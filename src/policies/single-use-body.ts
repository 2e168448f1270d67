import type { Call } from '../core/call.js';
import type { Payload, RequestBody } from '../core/request-body.js';

/**
 * A body that can be sent once, and remembers whether it was opened. An attempt that failed before it (no
 * connection, no endpoint) leaves it whole, and then it may be sent after all.
 */
export class SingleUseBody implements RequestBody {
  readonly replayable = false;
  opened = false;

  constructor(private readonly body: RequestBody) {}

  get length(): number | undefined {
    return this.body.length;
  }

  open(): Payload {
    this.opened = true;
    return this.body.open();
  }

  discard(reason?: unknown): void {
    this.body.discard(reason);
  }
}

/** From now on `canSendBodyAgain` knows about the call's body. */
export function watchBody(call: Call): void {
  const { body } = call;
  if (body === undefined || body.replayable || body instanceof SingleUseBody) return;
  (call as { body: RequestBody | undefined }).body = new SingleUseBody(body);
}

/** Whether another attempt would send the same bytes. */
export function canSendBodyAgain({ body }: Call): boolean {
  return body === undefined || body.replayable || (body instanceof SingleUseBody && !body.opened);
}
