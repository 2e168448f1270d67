import { constants, type PerformanceEntry, PerformanceObserver, performance } from 'node:perf_hooks';
import { mainThreadClock } from './main-thread-time.js';

/**
 * A time in which no timer of the event loop came through, and where it went, in milliseconds.
 *
 * Threads that help with garbage collection have times of their own. While they work or wait for a core, the main thread
 * collects, too (own time), or sleeps until they are done (blocked); what it sleeps says how much there was to wait for, but
 * not whether they worked.
 */
export interface LoopGap {
  readonly wallMs: number;
  /** CPU time of the main thread: what the program did, garbage collection on this thread included. */
  readonly ownMs: number;
  /** Ready to run while another process or thread had the core. Some of it may be idle time: until it runs, it has not woken up. */
  readonly coreTakenMs: number;
  /** Asleep while nothing was due. */
  readonly idleMs: number;
  /** The rest: asleep until threads that help with garbage collection or a disk are done, or on a machine that was stopped by its host. */
  readonly blockedMs: number;
  /** The garbage collections that fall into it. */
  readonly collections: readonly string[];
}

/** The longest gap, and the one in which the main thread itself worked longest. */
export interface LongestGaps {
  readonly longest: LoopGap;
  readonly busiest: LoopGap;
}

export interface LoopGapMeasurement {
  end(): Promise<LongestGaps>;
}

/** What the types of Node leave out of an entry of the kind 'gc'. */
type CollectionEntry = PerformanceEntry & { readonly detail: { readonly kind: number } };

type Gap = Omit<LoopGap, 'collections'> & { readonly fromMs: number };

const TICK_MS = 1;
const COLLECTIONS: Readonly<Record<number, string>> = {
  [constants.NODE_PERFORMANCE_GC_MINOR]: 'scavenge',
  [constants.NODE_PERFORMANCE_GC_MAJOR]: 'mark and compact',
  [constants.NODE_PERFORMANCE_GC_INCREMENTAL]: 'incremental marking',
  [constants.NODE_PERFORMANCE_GC_WEAKCB]: 'weak callbacks',
};

/**
 * Watches how long the event loop is held, and by whom. A timer that is due every millisecond comes late by as long as a
 * turn of the loop takes; from one time that it comes to the next is a gap. On a machine that is shared a gap may be
 * long because somebody else had the core, so that the times of the main thread are read at each end of it.
 */
export function measureLoopGaps(): LoopGapMeasurement {
  const clock = mainThreadClock();
  const collections: { readonly text: string; readonly fromMs: number; readonly toMs: number }[] = [];
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      const { startTime, duration } = entry;
      const kind = COLLECTIONS[(entry as CollectionEntry).detail.kind] ?? 'collection';
      collections.push({ text: `${kind} ${duration.toFixed(1)} ms`, fromMs: startTime, toMs: startTime + duration });
    }
  });
  observer.observe({ entryTypes: ['gc'] });

  // To read the clock takes a moment, and longer where the core is taken meanwhile: so it comes first, here and below.
  let time = clock.read();
  let idle = performance.nodeTiming.idleTime;
  let fromMs = performance.now();
  let longest = endGap();
  let busiest = longest;
  const timer = setInterval(compare, TICK_MS);

  function compare(): void {
    const gap = endGap();
    if (gap.wallMs > longest.wallMs) longest = gap;
    if (gap.ownMs > busiest.ownMs) busiest = gap;
  }

  function endGap(): Gap {
    const timeNow = clock.read();
    const idleNow = performance.nodeTiming.idleTime;
    const nowMs = performance.now();
    const wallMs = nowMs - fromMs;
    const idleMs = idleNow - idle;
    // The kernel may work on the thread's account while that is idle, for packets of others; nobody is held by it.
    const ownMs = Math.min(timeNow.cpuMs - time.cpuMs, wallMs - idleMs);
    const coreTakenMs = timeNow.waitedMs - time.waitedMs;
    const gap = { fromMs, wallMs, ownMs, coreTakenMs, idleMs, blockedMs: Math.max(0, wallMs - ownMs - coreTakenMs - idleMs) };
    fromMs = nowMs;
    idle = idleNow;
    time = timeNow;
    return gap;
  }

  const withCollections = ({ fromMs: beganMs, ...gap }: Gap): LoopGap => ({
    ...gap,
    collections: collections.filter((each) => each.fromMs < beganMs + gap.wallMs && each.toMs > beganMs).map(({ text }) => text),
  });
  return {
    async end() {
      clearInterval(timer);
      compare();
      // Collections are told of after they happened.
      await new Promise((resolve) => setTimeout(resolve, 20));
      observer.disconnect();
      clock.close();
      return { longest: withCollections(longest), busiest: withCollections(busiest) };
    },
  };
}
