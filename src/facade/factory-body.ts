import type { Payload, RequestBody } from '../core/request-body.js';

/**
 * A body that a function of the caller's makes anew for each attempt, which is how a stream can be sent more
 * than once. The first one is made with the request: a function that throws, or makes something that is no
 * body, fails the call at once, and what it makes decides about `content-type` and `content-length`.
 */
export class FactoryBody implements RequestBody {
  readonly replayable = true;
  readonly length: number | undefined;
  private readonly made: RequestBody[];
  private attempts = 0;

  constructor(
    first: RequestBody,
    private readonly makeNext: () => RequestBody,
  ) {
    this.length = first.length;
    this.made = [first];
  }

  /** @throws TypeError if this attempt's body has another length than the first one's, and what the function throws. */
  open(): Payload {
    if (this.attempts++ > 0) this.made.push(this.makeNext());
    const body = this.made[this.made.length - 1] as RequestBody;
    if (body.length !== this.length) {
      throw new TypeError(`a body function must make the same bytes each time: first ${inBytes(this.length)}, now ${inBytes(body.length)}`);
    }
    return body.open();
  }

  discard(reason?: unknown): void {
    for (const body of this.made) body.discard(reason);
    this.made.length = 0;
  }
}

function inBytes(length: number | undefined): string {
  return length === undefined ? 'a stream' : `${length} bytes`;
}
