import type { Endpoint } from '../../core/endpoint.js';
import type { Random } from '../../core/random.js';

/**
 * What a client remembers of an endpoint besides its report: whether it fails requests, and whether it answers probes.
 *
 * **Failing endpoints look idle.** Who answers 500 at once has nothing in flight and the lowest latency of all, and
 * balancing by load alone sends everything there. So failures count twice. A share of them makes an endpoint look as
 * much busier: with the share f of its requests failing at once, a server has 1 - f of the requests in flight that it
 * would have, and dividing by 1 - f shows it as it is. And after some in a row it is left out altogether, first for a
 * second and each time for twice as long; after that, one more failure is enough.
 *
 * One that left a probe unanswered is not asked again for a while, which grows in the same way. One that answers, but
 * not with a report, does not know the question: it is asked again much later, and has to be balanced without.
 */
export class Standing {
  /** A probe is under way. */
  isAsked = false;
  /** It answers probes, and not with a report. */
  isMute = false;
  /** No probe is sent before then. */
  askAtMs = Number.NEGATIVE_INFINITY;
  /** No request is sent before then, as long as others can take it. */
  outUntilMs = Number.NEGATIVE_INFINITY;
  /** It is among those that are counted as left out. */
  isCounted = false;
  private probesLost = 0;
  private failRatio = 0;
  private timesOut = 0;

  /** What a number of its load is multiplied with to show it as it would be without failures. */
  get burden(): number {
    return 1 / (1 - this.failRatio);
  }

  reported(): void {
    this.isMute = false;
    this.probesLost = 0;
    this.askAtMs = Number.NEGATIVE_INFINITY;
  }

  /** A probe was lost. */
  lostProbe(nowMs: number, random: Random): void {
    this.askAtMs = nowMs + backoffMs(this.probesLost++, random);
  }

  /** A probe was answered without a report. */
  fellMute(nowMs: number, random: Random): void {
    this.isMute = true;
    this.askAtMs = nowMs + MUTE_MS * (1 - random.next() / 5);
  }

  succeeded(): void {
    this.failRatio *= REMEMBERED;
    if (this.failRatio < FORGOTTEN) this.timesOut = 0;
  }

  /** A request failed. Returns whether it was one too many. */
  failed(nowMs: number, { retryAfterMs }: Endpoint): boolean {
    if (retryAfterMs > nowMs) this.outUntilMs = Math.max(this.outUntilMs, Math.min(retryAfterMs, nowMs + LONGEST_RETRY_AFTER_MS));
    // What was sent before it was left out is no news.
    if (this.outUntilMs > nowMs) return false;
    this.failRatio = Math.min(MOST_FAILING, this.failRatio * REMEMBERED + (1 - REMEMBERED));
    return this.failRatio > TOO_MANY;
  }

  leaveOut(nowMs: number, random: Random): void {
    this.outUntilMs = nowMs + backoffMs(this.timesOut++, random);
    this.failRatio = ON_TRIAL;
  }
}

/** How much a failure counts beside the ones before it: four in a row are too many, and so is more than every second. */
const REMEMBERED = 0.8;
const TOO_MANY = 0.5;
/** One more is too many. */
const ON_TRIAL = 0.4;
/** Where more than half fail and it must not be left out: the burden stays finite. */
const MOST_FAILING = 0.9;
/** As good as none. */
const FORGOTTEN = 0.05;

const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 30_000;
const MUTE_MS = 60_000;
/** As long as `peakEwma` believes it. */
const LONGEST_RETRY_AFTER_MS = 300_000;

/** Doubled each time; up to a half less, by chance, so that clients do not come back together. */
function backoffMs(times: number, random: Random): number {
  return Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** times) * (1 - random.next() / 2);
}
