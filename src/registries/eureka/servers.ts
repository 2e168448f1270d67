import type { Clock } from '../../core/clock.js';
import type { Random } from '../../core/random.js';
import { RegistryError } from '../registry-error.js';
import { ServerList } from '../server-list.js';
import type { EurekaServer, EurekaSettings } from './options.js';

/** How long the first server of a list in order is left alone once it has failed. */
const RETURN_AFTER_MS = 300_000;

/** The servers, of which one is used until it fails; then the next one is asked at once. */
export class EurekaServers {
  private readonly list: ServerList;
  private readonly byUrl: ReadonlyMap<string, EurekaServer>;
  private readonly first: string;
  private firstAgainAtMs = 0;

  constructor(
    private readonly settings: Pick<EurekaSettings, 'servers' | 'serverOrder'>,
    private readonly clock: Clock,
    random: Random,
  ) {
    const urls = settings.servers.map(({ url }) => url);
    this.byUrl = new Map(settings.servers.map((server) => [server.url, server]));
    this.first = urls[0] as string;
    this.list = new ServerList(urls, settings.serverOrder === 'listed' ? { next: () => 0 } : random);
  }

  /** Runs `ask` on one server after the other, each once, until it resolves. Rejects with the last failure. */
  async ask<T>(signal: AbortSignal, ask: (server: EurekaServer) => Promise<T>): Promise<T> {
    this.returnToFirst();
    let wasReset = false;
    for (let attempt = 1; ; attempt++) {
      const url = this.list.current;
      try {
        return await ask(this.byUrl.get(url) as EurekaServer);
      } catch (error) {
        if (signal.aborted) throw error;
        // A connection that was kept may be closed in the moment in which it is used: that says nothing about the server.
        if (!wasReset && isReset(error)) {
          wasReset = true;
          attempt--;
          continue;
        }
        if (url === this.first) this.firstAgainAtMs = this.clock.now() + RETURN_AFTER_MS;
        this.list.failed(url);
        if (attempt >= this.list.size) throw error;
      }
    }
  }

  private returnToFirst(): void {
    if (this.settings.serverOrder !== 'listed' || this.clock.now() < this.firstAgainAtMs) return;
    while (this.list.current !== this.first) this.list.failed(this.list.current);
  }
}

function isReset(error: unknown): boolean {
  return error instanceof RegistryError && (error.cause as NodeJS.ErrnoException | undefined)?.code === 'ECONNRESET';
}
