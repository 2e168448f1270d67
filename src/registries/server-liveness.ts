import type { Clock, Timer } from '../core/clock.js';
import { jittered } from '../core/jitter.js';
import type { Random } from '../core/random.js';

/** The time, and the chance by which it is spread. */
export interface LivenessHost {
  readonly clock: Clock;
  readonly random: Random;
}

/** Somebody who waits for news of a server. */
export interface LivenessWatcher {
  /** The server gives no sign of life: the wait is in vain. */
  dead(error: unknown): void;
}

/**
 * Notices servers that froze and networks that died, for all watches of a source together.
 *
 * A watch of a quiet service and a watch on a dead server look alike: nothing comes. But a source with many services hears
 * something of one of them most of the time. When none of them heard anything of a server for a while, one tiny question
 * settles it. All processes that watch a quiet server heard the same last word from it, so each asks at a time of its own.
 */
export class ServerLiveness<Watcher extends LivenessWatcher = LivenessWatcher> {
  private readonly servers = new Map<string, WatchedServer<Watcher>>();

  /**
   * `probe` asks a server, in the name of one of its watchers, and rejects when there is no sign of life. Its signal is
   * aborted when nobody watches the server any more.
   */
  constructor(
    private readonly host: LivenessHost,
    private readonly livenessMs: number,
    private readonly probe: (server: string, watcher: Watcher, signal: AbortSignal) => Promise<void>,
  ) {}

  /** Something came from the server. */
  heard(server: string): void {
    this.servers.get(server)?.heard();
  }

  /** Begins to wait for a server's news. Returns how to leave. */
  join(server: string, watcher: Watcher): () => void {
    let watched = this.servers.get(server);
    if (watched === undefined) {
      watched = new WatchedServer(this.host, this.livenessMs, (first, signal) => this.probe(server, first, signal));
      this.servers.set(server, watched);
    }
    const joined = watched;
    joined.watchers.add(watcher);
    return () => {
      joined.watchers.delete(watcher);
      if (joined.watchers.size > 0) return;
      joined.stop();
      if (this.servers.get(server) === joined) this.servers.delete(server);
    };
  }

  /** Asks nothing more. */
  stop(): void {
    for (const server of this.servers.values()) server.stop();
    this.servers.clear();
  }
}

class WatchedServer<Watcher extends LivenessWatcher> {
  readonly watchers = new Set<Watcher>();
  private readonly controller = new AbortController();
  private readonly clock: Clock;
  private heardAtMs: number;
  /** After how long without news this one is asked the next time. */
  private quietMs: number;
  private timer: Timer | undefined = undefined;

  constructor(
    private readonly host: LivenessHost,
    private readonly livenessMs: number,
    private readonly probe: (watcher: Watcher, signal: AbortSignal) => Promise<void>,
  ) {
    this.clock = host.clock;
    this.heardAtMs = this.clock.now();
    this.quietMs = jittered(livenessMs, host.random);
    this.lookIn(this.quietMs);
  }

  heard(): void {
    this.heardAtMs = this.clock.now();
  }

  stop(): void {
    this.timer?.cancel();
    this.controller.abort(new Error('nobody watches any more'));
  }

  private lookIn(delayMs: number): void {
    this.timer = this.clock.setTimer(() => this.look(), delayMs);
    this.timer.unref();
  }

  private look(): void {
    const leftMs = this.heardAtMs + this.quietMs - this.clock.now();
    const [first] = this.watchers;
    if (leftMs > 0 || first === undefined) this.lookIn(leftMs);
    else this.ask(first);
  }

  private ask(watcher: Watcher): void {
    const { signal } = this.controller;
    const quietSinceMs = this.heardAtMs;
    this.probe(watcher, signal)
      .then(
        () => this.heard(),
        (error: unknown) => {
          // Any watch that heard something meanwhile shows that the server lives.
          if (signal.aborted || this.heardAtMs > quietSinceMs) return;
          for (const each of [...this.watchers]) each.dead(error);
        },
      )
      .finally(() => {
        this.quietMs = jittered(this.livenessMs, this.host.random);
        if (!signal.aborted) this.lookIn(this.quietMs);
      });
  }
}
