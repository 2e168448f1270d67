import { Call } from './core/call.js';
import type { Clock } from './core/clock.js';
import { sendSafely } from './core/continuation.js';
import type { Deadline, DeadlineQueue } from './core/deadline-queue.js';
import type { Endpoint } from './core/endpoint.js';
import type { EndpointView } from './core/endpoint-view.js';
import { MeshError, TimeoutError } from './core/errors.js';
import type { Inquiry, Question } from './core/picker.js';
import type { Reply } from './core/reply.js';
import type { Connection } from './transport/transport.js';

/**
 * What a balancer asks endpoints by itself, such as for their load: past every policy and gate, since nothing here is
 * a caller's, but over the endpoint's own connections, so that the answer comes by the way that requests go.
 *
 * A pick is what mostly leads to a question, so each is sent in the context of the mesh and not in its caller's.
 */

/** What a service has asked its endpoints. */
export interface InquiryCounts {
  /** Questions that were sent. */
  readonly asked: number;
  /** Those whose answer came in time, whatever it says. */
  readonly answered: number;
  /** Those whose time was over. */
  readonly timedOut: number;
  /** Those that failed in another way, or were given up. */
  readonly failed: number;
  /** Those that wait for an answer. */
  readonly inFlight: number;
}

export interface InquiryParts {
  readonly service: string;
  /** What the Host header says; undefined where it is the endpoint's own. */
  readonly host: (() => string) | undefined;
  readonly view: EndpointView;
  readonly clock: Clock;
  readonly deadlines: DeadlineQueue;
  inMeshContext<T>(work: () => T): T;
  connect(endpoint: Endpoint): Connection;
}

export class Inquiries {
  /** Those with anything left, their body included. */
  private readonly open = new Set<OpenInquiry>();
  private unlisten: (() => void) | undefined = undefined;
  private closed = false;
  private asked = 0;
  private answered = 0;
  private timedOut = 0;
  private failed = 0;

  constructor(private readonly parts: InquiryParts) {}

  readonly ask = (endpoint: Endpoint, question: Question): Inquiry => {
    const { service, clock, view } = this.parts;
    if (this.closed || endpoint.slot < 0) {
      return refused(new MeshError('ERR_MESH_NO_ENDPOINT', `${endpoint.origin} is no endpoint of it any more`, { service }));
    }
    this.unlisten ??= view.listen({ removed: (gone) => this.giveUpOn(gone) });
    const nowMs = clock.now();
    const call = this.callFor(question);
    call.endpoint = endpoint;
    call.nowMs = nowMs;
    // Its connections are in use, and not to be closed as idle ones.
    endpoint.lastUsedMs = nowMs;
    this.asked++;
    return this.parts.inMeshContext(() => this.send(endpoint, call, question.timeoutMs));
  };

  /** Undefined where nothing was ever asked. */
  counts(): InquiryCounts | undefined {
    const { asked, answered, timedOut, failed } = this;
    return asked === 0 ? undefined : { asked, answered, timedOut, failed, inFlight: asked - answered - timedOut - failed };
  }

  /** Gives up whatever is open, and asks nothing any more. */
  close(): void {
    this.closed = true;
    this.unlisten?.();
    for (const inquiry of this.open) inquiry.cancel();
  }

  private send(endpoint: Endpoint, call: Call, timeoutMs: number): Inquiry {
    const inquiry = new OpenInquiry(call, endpoint, (done) => this.open.delete(done));
    this.open.add(inquiry);
    inquiry.deadline = this.parts.deadlines.set(timeoutMs, call.nowMs, inquiry, timeoutMs);
    inquiry.reply = sendSafely((sent) => this.parts.connect(endpoint).send(sent), call).then(
      (reply) => {
        if (inquiry.isGivenUp) {
          reply.cancel(call.cancelReason);
          return this.lost(inquiry, call.cancelReason);
        }
        this.answered++;
        inquiry.release(reply);
        return reply;
      },
      (error) => this.lost(inquiry, error),
    );
    inquiry.reply.catch(noop);
    return inquiry;
  }

  private lost(inquiry: OpenInquiry, error: unknown): never {
    if (inquiry.isLate) this.timedOut++;
    else this.failed++;
    inquiry.over();
    throw error;
  }

  private callFor({ path, method = 'GET', headers = [] }: Question): Call {
    const { service, host } = this.parts;
    const all = host === undefined ? headers : ['host', host(), ...headers];
    return new Call({ service, method, path, headers: all, idempotent: true });
  }

  private giveUpOn(endpoint: Endpoint): void {
    for (const inquiry of this.open) if (inquiry.endpoint === endpoint) inquiry.cancel();
  }
}

class OpenInquiry implements Inquiry {
  declare reply: Promise<Reply>;
  deadline: Deadline | undefined = undefined;
  isGivenUp = false;
  /** Given up because its time was over. */
  isLate = false;

  constructor(
    private readonly call: Call,
    readonly endpoint: Endpoint,
    private readonly done: (inquiry: OpenInquiry) => void,
  ) {}

  cancel(): void {
    const { service } = this.call;
    this.giveUp(new MeshError('ERR_MESH_CLOSED', `what was asked of ${this.endpoint.origin} was given up`, { service }));
  }

  /** Its time is over. */
  expired(timeoutMs: number): void {
    const { service } = this.call;
    this.isLate = true;
    this.giveUp(
      new TimeoutError('ERR_MESH_ATTEMPT_TIMEOUT', `${this.endpoint.origin} left a question open for ${timeoutMs} ms`, { service }),
    );
  }

  /** Nobody reads the body. It holds a connection until it is over, so the time runs until then. */
  release(reply: Reply): void {
    reply.discard();
    reply.onEnd(() => this.over());
  }

  over(): void {
    // From now on there is nothing to give up.
    this.isGivenUp = true;
    this.deadline?.cancel();
    this.done(this);
  }

  private giveUp(reason: MeshError): void {
    if (this.isGivenUp) return;
    this.isGivenUp = true;
    this.call.cancel(reason);
  }
}

function refused(error: MeshError): Inquiry {
  const reply = Promise.reject<Reply>(error);
  reply.catch(noop);
  return { reply, cancel: noop };
}

function noop(): void {}
