import type { Clock, Timer } from '../../core/clock.js';
import { jittered } from '../../core/jitter.js';
import type { Random } from '../../core/random.js';

/** Pings in a session's time, as with the other clients. */
const PINGS_PER_SESSION = 3;

export interface LivenessInit {
  readonly clock: Clock;
  readonly random: Random;
  readonly requestTimeoutMs: number;
  ping(): void;
  /** Something was sent `requestTimeoutMs` ago and nothing at all has come since. */
  silent(): void;
}

/**
 * Notices a server that does not answer. There is one timer for all requests: what counts is that anything is heard
 * while an answer is due, since ten thousand answers may well take longer than one.
 */
export class Liveness {
  private silentSinceMs: number | undefined = undefined;
  private silenceTimer: Timer | undefined = undefined;
  private pingTimer: Timer | undefined = undefined;
  private isStopped = false;

  constructor(private readonly init: LivenessInit) {}

  /** Pings from now on: the server has to hear of the session, and an idle connection may be a dead one. */
  pingWithin(sessionTimeoutMs: number): void {
    if (this.isStopped) return;
    const { clock, random } = this.init;
    this.pingTimer = clock.setTimer(
      () => {
        this.init.ping();
        this.pingWithin(sessionTimeoutMs);
      },
      jittered(sessionTimeoutMs / PINGS_PER_SESSION, random),
    );
    this.pingTimer.unref();
  }

  /** Something was sent that is to be answered. */
  sent(): void {
    this.silentSinceMs ??= this.init.clock.now();
    if (this.silenceTimer === undefined) this.checkIn(this.init.requestTimeoutMs);
  }

  /** Something came. */
  heard(isMoreDue: boolean): void {
    this.silentSinceMs = isMoreDue ? this.init.clock.now() : undefined;
  }

  stop(): void {
    this.isStopped = true;
    this.pingTimer?.cancel();
    this.silenceTimer?.cancel();
  }

  private checkIn(delayMs: number): void {
    if (this.isStopped) return;
    const { clock, requestTimeoutMs } = this.init;
    this.silenceTimer = clock.setTimer(() => {
      this.silenceTimer = undefined;
      if (this.silentSinceMs === undefined) return;
      const leftMs = this.silentSinceMs + requestTimeoutMs - clock.now();
      if (leftMs > 0) this.checkIn(leftMs);
      else this.init.silent();
    }, delayMs);
    this.silenceTimer.unref();
  }
}
