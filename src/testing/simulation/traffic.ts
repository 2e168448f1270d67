import { MeshError } from '../../core/errors.js';
import type { Random } from '../../core/random.js';
import type { Mesh } from '../../mesh.js';
import type { Distribution } from './distributions.js';
import type { EventHash } from './event-hash.js';
import { SimulatedEvent } from './event-heap.js';
import type { RequestLog } from './request-log.js';
import type { SimulationClock } from './simulation-clock.js';

/** A request that is about to be sent. */
export interface SimulatedRequest {
  /** Which one of the run it is, from 0. */
  readonly number: number;
  /** Which client sends it, from 0. */
  readonly client: number;
  /** Chance for what is in it. */
  readonly random: Random;
}

/** Sends a request through its client's mesh. */
export type SendRequest = (mesh: Mesh, request: SimulatedRequest) => Promise<Response>;

export interface TrafficParts {
  readonly clock: SimulationClock;
  readonly hash: EventHash;
  readonly log: RequestLog;
  readonly meshes: readonly Mesh[];
  readonly send: SendRequest;
  readonly durationMs: number;
  random(purpose: string): Random;
}

/** The hash's kinds of a request that is sent, and of one that is over. */
const SENT = 1;
const OVER = 3;

/**
 * The requests, which come whether or not the ones before them were answered (an open loop). Callers who waited for
 * their answer before they ask again would slow down with the service and hide how bad things are.
 */
export class Traffic extends SimulatedEvent {
  /** Requests under way. */
  underWay = 0;
  private sent = 0;
  private gapMs: () => number;
  private readonly gapRandom: Random;
  private readonly clientRandom: Random;
  private readonly contentRandom: Random;

  constructor(
    private readonly parts: TrafficParts,
    arrivals: Distribution,
  ) {
    super();
    this.gapRandom = parts.random('arrivals');
    this.clientRandom = parts.random('clients');
    this.contentRandom = parts.random('requests');
    this.gapMs = arrivals.build(this.gapRandom);
    this.planNext();
  }

  setArrivals(arrivals: Distribution): void {
    this.gapMs = arrivals.build(this.gapRandom);
    this.planNext();
  }

  fire(): boolean {
    const { clock, hash, log, meshes, send } = this.parts;
    const nowMs = clock.now();
    const client = meshes.length === 1 ? 0 : (this.clientRandom.next() * meshes.length) | 0;
    hash.add(SENT, client, nowMs);
    log.begin(nowMs);
    this.underWay++;
    const request = { number: this.sent++, client, random: this.contentRandom };
    send(meshes[client] as Mesh, request).then(
      (response) => this.over(nowMs, response.status),
      (error) => this.over(nowMs, error instanceof MeshError ? error.code : String(error)),
    );
    this.planNext();
    return true;
  }

  private over(startedMs: number, outcome: number | string): void {
    const { clock, hash, log } = this.parts;
    this.underWay--;
    const nowMs = clock.now();
    hash.add(OVER, log.add(startedMs, nowMs - startedMs, outcome), nowMs);
  }

  private planNext(): void {
    const { clock, durationMs } = this.parts;
    const gapMs = this.gapMs();
    if (clock.now() + gapMs >= durationMs) clock.callOff(this);
    else clock.plan(this, gapMs);
  }
}
