import type { Clock, Timer } from '../../core/clock.js';

/**
 * Notices servers that have gone silent. A blocking query says nothing for minutes when all is well, and just as little
 * when the server is frozen or the network dead; so where nothing was heard for a while, something tiny is asked, and
 * whoever waits for a server that does not answer that waits in vain.
 */
export class Liveness {
  /** Who waits for which server. */
  private readonly waiting = new Map<string, Set<(error: unknown) => void>>();
  private readonly heardAtMs = new Map<string, number>();
  private timer: Timer | undefined = undefined;

  /** `probe` rejects when the server gives no sign of life. */
  constructor(
    private readonly clock: Clock,
    private readonly silenceMs: number,
    private readonly probe: (server: string) => Promise<void>,
  ) {}

  /** The server has answered something. */
  heard(server: string): void {
    this.heardAtMs.set(server, this.clock.now());
  }

  /** Somebody waits for an answer of the server, until the returned function is called. `dead` is called when it is in vain. */
  waitFor(server: string, dead: (error: unknown) => void): () => void {
    const { waiting } = this;
    const those = waiting.get(server) ?? new Set();
    waiting.set(server, those);
    those.add(dead);
    if (!this.heardAtMs.has(server)) this.heard(server);
    this.timer ??= this.later(this.silenceMs);
    return () => {
      those.delete(dead);
      if (those.size === 0 && waiting.get(server) === those) waiting.delete(server);
      if (waiting.size === 0) this.stop();
    };
  }

  stop(): void {
    this.timer?.cancel();
    this.timer = undefined;
  }

  private later(delayMs: number): Timer {
    const timer = this.clock.setTimer(() => this.look(), delayMs);
    timer.unref();
    return timer;
  }

  private look(): void {
    const nowMs = this.clock.now();
    let nextMs = this.silenceMs;
    for (const server of this.waiting.keys()) {
      const leftMs = (this.heardAtMs.get(server) ?? nowMs) + this.silenceMs - nowMs;
      if (leftMs > 0) {
        nextMs = Math.min(nextMs, leftMs);
        continue;
      }
      // Counts as heard until the answer is there: one probe at a time.
      this.heard(server);
      this.probe(server).then(
        () => this.heard(server),
        (error) => {
          for (const dead of [...(this.waiting.get(server) ?? [])]) dead(error);
        },
      );
    }
    this.timer = this.later(nextMs);
  }
}
