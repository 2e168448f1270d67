import type { Call, Cancellable } from '../../core/call.js';
import { MeshError, type MeshErrorCode } from '../../core/errors.js';
import { type RawHeaders, Reply } from '../../core/reply.js';
import type { EndpointModel } from './endpoint-model.js';
import { SimulatedEvent } from './event-heap.js';
import type { SimulationClock } from './simulation-clock.js';

/**
 * One attempt on its way: over the network to an endpoint, through its queue and its work, and back. It is its own
 * event, since at any moment it waits for one thing at most.
 *
 * A caller that gives up hears of it at once; the request itself goes on, because a server works for callers that are
 * gone unless it takes care not to (`dropsCancelled`).
 */
export class Exchange extends SimulatedEvent implements Cancellable {
  /** The caller has given up. */
  cancelled = false;
  /** What is left to do of the work, in milliseconds at speed 1. Kept by the endpoint. */
  workLeftMs = 0;
  /** When it arrived. Kept by the endpoint. */
  receivedMs = 0;
  /** When its work began. Kept by the endpoint. */
  begunMs = 0;
  /** When the work that is left was begun, at the speed that holds since then. Kept by the endpoint. */
  leftSinceMs = 0;
  private phase: Phase = 'sending';
  private status = 0;
  private headers: RawHeaders = NO_HEADERS;

  constructor(
    readonly call: Call,
    private readonly endpoint: EndpointModel,
    private readonly clock: SimulationClock,
    private readonly resolve: (reply: Reply) => void,
    private readonly reject: (error: unknown) => void,
  ) {
    super();
  }

  /** The request leaves its client. */
  start(): void {
    const { call, endpoint, clock } = this;
    if (endpoint.refuses) {
      this.after(endpoint.travelMs() + endpoint.travelMs(), 'refused');
      return;
    }
    call.progress = 'sent';
    call.sentMs = clock.now();
    if (endpoint.losesOne()) return;
    const travelMs = endpoint.travelMs();
    if (travelMs === 0) endpoint.receive(this);
    else this.after(travelMs, 'sending');
  }

  /** The endpoint works on it for `ms`, as far as it can tell now. */
  workFor(ms: number): void {
    this.after(ms, 'working');
  }

  /** The endpoint stands still. */
  pauseWork(): void {
    this.clock.callOff(this);
  }

  /** The work is done. Returns whether the caller has the answer already, as on a network without delay. */
  complete(status: number, headers: RawHeaders): boolean {
    const travelMs = this.prepare(status, headers);
    if (travelMs === 0) return this.arrive();
    this.after(travelMs, 'answering');
    return false;
  }

  /** The endpoint answers without having worked, `delayMs` from now. */
  answerAfter(delayMs: number, status: number, headers: RawHeaders = NO_HEADERS): void {
    this.after(delayMs + this.prepare(status, headers), 'answering');
  }

  /** The connection breaks. */
  reset(): void {
    this.after(this.endpoint.travelMs(), 'lost');
  }

  /** Nothing comes of it any more. */
  vanish(): void {
    this.clock.callOff(this);
  }

  cancel(reason: unknown): void {
    this.cancelled = true;
    this.reject(reason);
  }

  fire(): boolean {
    switch (this.phase) {
      case 'sending':
        this.endpoint.receive(this);
        return false;
      case 'working':
        return this.endpoint.finish(this);
      case 'answering':
        return this.arrive();
      default:
        return this.fail(this.phase);
    }
  }

  /** The answer is there. Returns whether somebody waited for it. */
  private arrive(): boolean {
    if (this.cancelled) return false;
    const { call } = this;
    call.progress = 'answered';
    call.latencyMs = this.clock.now() - call.sentMs;
    const reply = new Reply(this.status, '', this.headers);
    this.resolve(reply);
    reply.end();
    return true;
  }

  private fail(phase: 'refused' | 'lost'): boolean {
    if (this.cancelled) return false;
    const { code, what } = FAULTS[phase];
    this.reject(new MeshError(code, `${this.endpoint.name} ${what}`, { service: this.call.service }));
    return true;
  }

  /** Returns how long the answer travels: for ever where it is lost. */
  private prepare(status: number, headers: RawHeaders): number {
    this.status = status;
    this.headers = headers;
    return this.endpoint.losesOne() ? Number.POSITIVE_INFINITY : this.endpoint.travelMs();
  }

  private after(delayMs: number, phase: Phase): void {
    this.phase = phase;
    if (delayMs === Number.POSITIVE_INFINITY) this.clock.callOff(this);
    else this.clock.plan(this, delayMs);
  }
}

type Phase = 'sending' | 'working' | 'answering' | 'refused' | 'lost';

const NO_HEADERS: RawHeaders = [];

const FAULTS: Readonly<Record<'refused' | 'lost', { readonly code: MeshErrorCode; readonly what: string }>> = {
  refused: { code: 'ERR_MESH_CONNECT', what: 'refused the connection' },
  lost: { code: 'ERR_MESH_LOST', what: 'reset the connection' },
};
