import type { Clock, Timer } from '../../core/clock.js';

/**
 * Notices a server that froze or a network that died, for all watches of a source together.
 *
 * A watch of a quiet service and a watch on a dead server look alike: nothing comes. But a source with many services hears
 * something of one of them most of the time. When none of them heard anything for a while, one tiny question settles it.
 */
export class ServerLiveness {
  private readonly watchers = new Set<(error: unknown) => void>();
  private heardAtMs = 0;
  private timer: Timer | undefined = undefined;
  private isProbing = false;

  constructor(
    private readonly clock: Clock,
    private readonly livenessMs: number,
    private readonly probe: () => Promise<void>,
  ) {}

  /** Something came from the server. */
  heard(): void {
    this.heardAtMs = this.clock.now();
  }

  /** `onDead` is told when the server does not answer any more. Returns how to leave. */
  join(onDead: (error: unknown) => void): () => void {
    this.watchers.add(onDead);
    if (this.watchers.size === 1) {
      this.heard();
      this.lookIn(this.livenessMs);
    }
    return () => {
      this.watchers.delete(onDead);
      if (this.watchers.size === 0) this.timer?.cancel();
    };
  }

  private lookIn(delayMs: number): void {
    this.timer?.cancel();
    this.timer = this.clock.setTimer(() => this.look(), delayMs);
    this.timer.unref();
  }

  private look(): void {
    const leftMs = this.heardAtMs + this.livenessMs - this.clock.now();
    if (leftMs > 0) this.lookIn(leftMs);
    else if (!this.isProbing) this.ask();
  }

  private ask(): void {
    this.isProbing = true;
    this.probe()
      .then(
        () => this.heard(),
        // Any other watch that heard something meanwhile shows that the server lives.
        (error: unknown) => {
          if (this.clock.now() - this.heardAtMs >= this.livenessMs) for (const onDead of [...this.watchers]) onDead(error);
        },
      )
      .finally(() => {
        this.isProbing = false;
        if (this.watchers.size > 0) this.lookIn(this.livenessMs);
      });
  }
}
