import type { Clock, Timer } from '../../core/clock.js';
import type { Endpoint } from '../../core/endpoint.js';
import type { PickableView } from '../../core/endpoint-view.js';
import type { Inquiry, PickerScope } from '../../core/picker.js';
import type { Random } from '../../core/random.js';
import type { Reply } from '../../core/reply.js';
import { WeightedDraw } from '../weighted-draw.js';

/**
 * Asks endpoints for their load: some with each request, and a few now and then in a pause, so that the first request
 * after it finds reports that are not too old.
 *
 * Whom to ask is drawn by chance, by weight: an endpoint gets requests about as often as there is a report of it. The
 * request that led to a probe does not wait for it and does not go by it; probes leave in a microtask after it.
 */

export interface ProbeSettings {
  readonly probesPerRequest: number;
  readonly path: string;
  readonly timeoutMs: number;
  readonly maxProbesInFlight: number;
  readonly idleProbingMs: number;
  readonly maxAgeMs: number;
}

/** Who knows whom to ask, and hears what they say. */
export interface ProbeAudience {
  /** Whether this endpoint may be asked now. One that may is asked, so it is noted as being asked. */
  mayAsk(endpoint: Endpoint, nowMs: number): boolean;
  replied(endpoint: Endpoint, reply: Reply, nowMs: number): void;
  /** No answer came. */
  lost(endpoint: Endpoint, nowMs: number): void;
}

/** In each round of a pause: two reports make a choice, and one may be lost. */
const IDLE_PROBES = 3;

/** How often to draw whom to ask, where those who are drawn are not to be asked. */
const MAX_DRAWS = 4;

const OWED = 0;
const LATEST_PICK = 1;

export class Prober {
  private readonly view: PickableView;
  private readonly random: Random;
  private readonly weighted: WeightedDraw;
  private readonly clock: Clock;
  private readonly ask: NonNullable<PickerScope['ask']>;
  private readonly underWay = new Set<Inquiry>();
  /**
   * Probes that requests so far have earned and that were not sent yet, and when the latest request was: changed at each
   * pick, and in an array that allocates nothing.
   */
  private readonly numbers = new Float64Array(2);
  private isPlanned = false;
  private timer: Timer | undefined = undefined;
  /** Whether the next pause is looked for, or none is to be. */
  private isWatching: boolean;
  private closed = false;

  constructor(
    scope: PickerScope & { readonly ask: NonNullable<PickerScope['ask']> },
    private readonly settings: ProbeSettings,
    private readonly audience: ProbeAudience,
  ) {
    this.view = scope.view;
    this.random = scope.random;
    this.weighted = new WeightedDraw(scope.random);
    this.clock = scope.clock;
    this.ask = scope.ask;
    this.isWatching = settings.idleProbingMs === 0;
  }

  /** A request is about to be sent. */
  picked(nowMs: number): void {
    const { numbers } = this;
    const owed = (numbers[OWED] as number) + this.settings.probesPerRequest;
    numbers[OWED] = owed;
    numbers[LATEST_PICK] = nowMs;
    if (this.isPlanned || (owed < 1 && this.isWatching)) return;
    this.isPlanned = true;
    queueMicrotask(this.sendOwed);
  }

  close(): void {
    this.closed = true;
    this.timer?.cancel();
    for (const inquiry of this.underWay) inquiry.cancel();
  }

  private readonly sendOwed = (): void => {
    this.isPlanned = false;
    const { numbers } = this;
    const owed = numbers[OWED] as number;
    const probes = Math.floor(owed);
    numbers[OWED] = owed - probes;
    this.send(probes);
    if (!this.isWatching) this.watchForPause();
  };

  private send(probes: number): void {
    if (this.closed) return;
    const nowMs = this.clock.now();
    for (let sent = 0; sent < probes && this.underWay.size < this.settings.maxProbesInFlight; sent++) {
      const endpoint = this.draw(nowMs);
      if (endpoint !== undefined) this.probe(endpoint);
    }
  }

  /** Where there is one endpoint only, or none, there is nothing to choose. */
  private draw(nowMs: number): Endpoint | undefined {
    const { view, weighted } = this;
    if (view.count < 2) return undefined;
    for (let draws = 0; draws < MAX_DRAWS; draws++) {
      const endpoint = view.bySlot[weighted.draw(view)] as Endpoint;
      if (this.audience.mayAsk(endpoint, nowMs)) return endpoint;
    }
    return undefined;
  }

  private probe(endpoint: Endpoint): void {
    const { path, timeoutMs } = this.settings;
    const inquiry = this.ask(endpoint, { path, timeoutMs });
    this.underWay.add(inquiry);
    inquiry.reply.then(
      (reply) => {
        this.underWay.delete(inquiry);
        if (!this.closed) this.audience.replied(endpoint, reply, this.clock.now());
      },
      () => {
        this.underWay.delete(inquiry);
        if (!this.closed) this.audience.lost(endpoint, this.clock.now());
      },
    );
  }

  /** Looks, at some time before reports are too old, whether requests still come. */
  private watchForPause(): void {
    if (this.closed) return;
    this.isWatching = true;
    this.timer = this.clock.setTimer(this.look, this.settings.maxAgeMs * (0.5 + this.random.next() / 4));
    this.timer.unref();
  }

  private readonly look = (): void => {
    const { idleProbingMs, maxAgeMs } = this.settings;
    const idleMs = this.clock.now() - (this.numbers[LATEST_PICK] as number);
    // The next request begins it again.
    this.isWatching = idleMs <= idleProbingMs;
    if (!this.isWatching) return;
    if (idleMs >= maxAgeMs / 4) this.send(IDLE_PROBES);
    this.watchForPause();
  };
}
