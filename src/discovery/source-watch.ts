import { AsyncResource } from 'node:async_hooks';
import type { Timer } from '../core/clock.js';
import type { Discovery, DiscoveryHost, InstanceInput, Stop } from '../core/discovery.js';
import { reportFault } from '../core/events.js';
import { jittered } from '../core/jitter.js';

/** What a source said, in the order in which it said it. */
export type News =
  | { readonly kind: 'snapshot'; readonly instances: readonly InstanceInput[]; readonly live: boolean }
  | { readonly kind: 'patch'; readonly upsert: readonly InstanceInput[]; readonly remove: readonly string[] }
  | { readonly kind: 'failed'; readonly error: unknown };

/**
 * One service's watch on a source: begun, begun anew, and stopped for good.
 *
 * Sources are other people's code. One that goes on talking after it was stopped is not heard, and one whose
 * `watch` throws is asked again later, since nothing of it is left that could try again by itself.
 */
export class SourceWatch {
  private current: { stop: Stop | undefined; over: boolean } | undefined = undefined;
  private beginInContext: (() => void) | undefined = undefined;
  private retryTimer: Timer | undefined = undefined;
  private stopped = false;

  constructor(
    private readonly service: string,
    private readonly discovery: Discovery,
    private readonly host: DiscoveryHost,
    private readonly retryMs: number,
    private readonly hear: (news: News) => void,
  ) {}

  /** Begins, once. The source runs in the async context of this call for ever: a call's own context must not stay in it. */
  start(): void {
    if (this.beginInContext !== undefined || this.stopped) return;
    this.beginInContext = AsyncResource.bind(() => this.begin());
    this.begin();
  }

  /** Asks the source anew, although it may have meant to wait. */
  again(): void {
    this.beginInContext?.();
  }

  /** Ends the watch. Nothing is heard of the source after this. */
  stop(): void {
    this.stopped = true;
    this.end();
  }

  private begin(): void {
    this.end();
    if (this.stopped) return;
    // Each watch has a sink of its own, so that words of an earlier one can be told from those of this one.
    const watch: { stop: Stop | undefined; over: boolean } = { stop: undefined, over: false };
    this.current = watch;
    const hear = (news: News): void => {
      if (!watch.over) this.hear(news);
    };
    try {
      watch.stop = this.discovery.watch(
        this.service,
        {
          snapshot: (instances, info) => hear({ kind: 'snapshot', instances, live: info?.live === true }),
          patch: (change) => hear({ kind: 'patch', upsert: change?.upsert ?? [], remove: change?.remove ?? [] }),
          failed: (error) => hear({ kind: 'failed', error }),
        },
        this.host,
      );
    } catch (error) {
      hear({ kind: 'failed', error });
      if (watch.over) return;
      this.retryTimer = this.host.clock.setTimer(() => this.begin(), jittered(this.retryMs, this.host.random));
      this.retryTimer.unref();
    }
    // Somebody who heard what was said at once may have stopped the watch before there was a way to.
    if (watch.over) this.callStop(watch.stop);
  }

  /** From the first line on the watch is not heard, whatever its end makes it say. */
  private end(): void {
    this.retryTimer?.cancel();
    this.retryTimer = undefined;
    const { current } = this;
    this.current = undefined;
    if (current === undefined) return;
    current.over = true;
    this.callStop(current.stop);
  }

  private callStop(stop: Stop | undefined): void {
    try {
      stop?.();
    } catch (error) {
      reportFault(`the end of a watch on ${this.discovery.name}`, error);
    }
  }
}
