import type { Clock } from '../../core/clock.js';
import { ApplicationTable, type Journal } from './application-table.js';
import { ChangeWindow } from './change-window.js';
import type { EurekaApi, ListAnswer, ListReading } from './eureka-api.js';
import type { EurekaServer, EurekaSettings } from './options.js';
import { parseRegistered, type RegisteredInstance } from './registered-instance.js';

/**
 * The registry as this process knows it, and how it is brought up to date.
 *
 * The first time, and whenever it is not certain that nothing was missed, the whole list is read; else the window of the
 * latest changes. What makes it uncertain: another server, whose window is its own; a time without news that is as long
 * as the window; a hash that is not the server's after the window was applied.
 */

/** For how long a server keeps a change in its window: the default of its option retentionTimeInMSInDeltaQueue. */
const WINDOW_MS = 180_000;
/** What a server answers that has no window: 403 where it is switched off. */
const NO_WINDOW = [403, 404, 405];

export class RegistryCopy {
  table = new ApplicationTable();
  /** Whether there ever was a list. */
  isThere = false;
  /** The server that the table is from; undefined before the first list, and while the table is in doubt. */
  private source: EurekaServer | undefined = undefined;
  /** When the table was last known to be the server's. */
  private currentAtMs = 0;
  /** Whether this server has a window at all, and a hash that ours can be. */
  private hasWindow = true;
  private readonly window = new ChangeWindow();

  constructor(
    private readonly api: EurekaApi,
    private readonly settings: EurekaSettings,
    private readonly journal: Journal,
    private readonly clock: Clock,
    private readonly unreadable: (application: string, reason: string) => void,
  ) {}

  /** For how long nobody said that the table is the server's. */
  get ageMs(): number {
    return this.clock.now() - this.currentAtMs;
  }

  /**
   * Brings the table up to date, and says from what: the latest changes, or a whole list. What differs now is in the
   * journal. Rejects when the server could not be asked.
   */
  async update(server: EurekaServer, signal: AbortSignal): Promise<'changes' | 'list'> {
    if (this.source !== server) this.hasWindow = true;
    if (this.source === server && this.hasWindow && this.ageMs < this.windowMs) {
      const { table, window } = this;
      const isKnown = (bytes: Buffer, application: string) => window.has(bytes, application);
      const apply = (change: RegisteredInstance) => table.apply(change);
      const { status, hash } = await this.read(server, '/apps/delta', apply, { signal, expected: NO_WINDOW, isKnown });
      window.complete();
      if (status === 200 && hash === table.hash) {
        this.isCurrent(server);
        return 'changes';
      }
      if (status !== 200) this.hasWindow = false;
    }
    this.source = undefined;
    await this.updateAll(server, signal);
    return 'list';
  }

  /** Reads one service anew, by a request of its own. False when the registry does not know it. */
  async updateOne(server: EurekaServer, path: string, signal: AbortSignal): Promise<boolean> {
    const { status } = await this.read(server, path, (instance) => this.table.apply(instance), { signal, expected: [404] });
    return status === 200;
  }

  /** A change stays in the window for three minutes, but may come into it late: by as much as the server's cache is old. */
  private get windowMs(): number {
    return Math.max(0, WINDOW_MS - this.settings.serverCacheMs - this.settings.requestTimeoutMs);
  }

  private async updateAll(server: EurekaServer, signal: AbortSignal): Promise<void> {
    const before = this.table;
    const next = new ApplicationTable();
    // One object for one entry for as long as it stays what it was: then the two tables are compared at a glance.
    await this.read(server, '/apps', (instance) => next.put(before.known(instance) ?? instance), { signal });
    this.table = next;
    this.window.clear();
    next.keepJournal(this.journal, before);
    this.isThere = true;
    this.isCurrent(server);
  }

  private isCurrent(server: EurekaServer): void {
    this.source = server;
    this.currentAtMs = this.clock.now();
  }

  private read(
    server: EurekaServer,
    path: string,
    onInstance: (instance: RegisteredInstance) => void,
    listReading: ListReading,
  ): Promise<ListAnswer> {
    const take = (json: string, application: string): void => {
      let instance: RegisteredInstance;
      try {
        instance = parseRegistered(json, application, this.settings);
      } catch (error) {
        this.unreadable(application, error instanceof Error ? error.message : String(error));
        return;
      }
      onInstance(instance);
    };
    return this.api.list(server, path, take, listReading);
  }
}
