import type { Timer } from '../core/clock.js';
import type { DiscoveryHost } from '../core/discovery.js';
import { Backoff } from '../discovery/backoff.js';

/** One attempt to follow a registry. It ends when `signal` is aborted; until then, its end is a reason to begin anew. */
export interface Session {
  /** Aborted when nobody listens any more. */
  readonly signal: AbortSignal;
  /** The registry answered well: the next failure is a first one. */
  healthy(): void;
}

/**
 * Follows a registry for as long as somebody wants it: runs one session after another, with a wait in between that
 * grows while they fail.
 *
 * @example
 * const loop = new SessionLoop(host, async (session) => {
 *   const list = await range(session.signal);
 *   session.healthy();
 *   sink.snapshot(list);
 *   await follow(session.signal);
 * }, (error) => sink.failed(error));
 * loop.start();
 */
export class SessionLoop {
  private readonly controller = new AbortController();
  private readonly backoff: Backoff;
  private timer: Timer | undefined = undefined;

  /**
   * `run` rejects when the registry fails; resolving means that a session came to its ordinary end, and the next one
   * begins at once if it was healthy. `failed` hears every failure, but none after `stop`.
   */
  constructor(
    private readonly host: DiscoveryHost,
    private readonly run: (session: Session) => Promise<void>,
    private readonly failed: (error: unknown) => void,
  ) {
    this.backoff = new Backoff(host.random);
  }

  /** Begins the first session. */
  start(): void {
    const { signal } = this.controller;
    let healthy = false;
    const session: Session = {
      signal,
      healthy: () => {
        healthy = true;
        this.backoff.reset();
      },
    };
    // A session that throws at once becomes a rejection like any other.
    new Promise<void>((resolve) => resolve(this.run(session))).then(
      () => {
        if (!signal.aborted) this.startIn(healthy ? 0 : this.backoff.nextMs());
      },
      (error) => {
        if (signal.aborted) return;
        this.failed(error);
        if (!signal.aborted) this.startIn(this.backoff.nextMs());
      },
    );
  }

  /** Ends the session under way and begins no other. */
  stop(): void {
    this.timer?.cancel();
    this.controller.abort(new Error('the watch was stopped'));
  }

  private startIn(delayMs: number): void {
    this.timer = this.host.clock.setTimer(() => this.start(), delayMs);
    this.timer.unref();
  }
}
