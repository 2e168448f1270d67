import type { Timer } from '../../core/clock.js';
import type { DiscoveryHost } from '../../core/discovery.js';
import { RegistryError } from '../registry-error.js';
import { ServerList } from '../server-list.js';
import { type Session, SessionLoop } from '../session-loop.js';
import { Connection, SessionExpired, TurnedAway } from './connection.js';
import type { ServerAddress, ZooKeeperSettings } from './options.js';
import { loadPackage, type SessionIdentity } from './package.js';
import { WatchTable } from './watch-table.js';

/** Somebody who uses the session: a watched service, or an announced instance. */
export interface SessionMember {
  /** There is a connection. With a new session nothing is watched, and what was announced in the last one is gone. */
  connected(connection: Connection, isNewSession: boolean): void;
  /** The connection is lost. Watches stand, and fire after the next `connected` unless that has a new session. */
  disconnected(): void;
  /** An attempt to connect failed, or a connection was lost. */
  failed(error: unknown): void;
}

/**
 * The one session with ZooKeeper that all services and announcements of a source share.
 *
 * A session outlives its connections: it goes on at another server with its watches and its ephemeral znodes, unless
 * none was reached within its time. Only the server decides that it has expired.
 */
export class ZooKeeperSession {
  readonly watches = new WatchTable();
  private readonly members = new Set<SessionMember>();
  private readonly loop: SessionLoop;
  private readonly servers: ServerList;
  private identity: SessionIdentity | undefined = undefined;
  private current: Connection | undefined = undefined;
  /**
   * How often in a row. Servers turn a client away that has seen later transactions than they have: one that lags
   * behind does so for a moment, one that lost its data for ever. When all of them did, it comes as if it had seen none.
   */
  private turnedAway = 0;
  private lastError: unknown = undefined;
  private waiting = new Set<{ resolve(connection: Connection): void; reject(error: unknown): void }>();
  private isClosed = false;

  constructor(
    private readonly settings: ZooKeeperSettings,
    private readonly host: DiscoveryHost,
  ) {
    this.servers = new ServerList(
      settings.servers.map(({ label }) => label),
      host.random,
    );
    this.loop = new SessionLoop(
      host,
      (attempt) => this.run(attempt),
      (error) => {
        this.lastError = error;
        for (const member of [...this.members]) member.failed(error);
      },
    );
  }

  /** Begins to connect. */
  start(): void {
    this.loop.start();
  }

  get size(): number {
    return this.members.size;
  }

  /** Enters a member, which learns at once how things stand. */
  enter(member: SessionMember): void {
    this.members.add(member);
    if (this.current !== undefined) member.connected(this.current, true);
    else if (this.lastError !== undefined) member.failed(this.lastError);
  }

  leave(member: SessionMember): void {
    this.members.delete(member);
  }

  /** The connection, now or within `requestTimeoutMs`. */
  connection(signal?: AbortSignal): Promise<Connection> {
    if (this.current !== undefined) return Promise.resolve(this.current);
    if (this.isClosed) return Promise.reject(new Error('the source was closed'));
    return new Promise<Connection>((resolve, reject) => {
      const { clock } = this.host;
      let timer: Timer | undefined;
      const over = (): void => {
        timer?.cancel();
        signal?.removeEventListener('abort', aborted);
        this.waiting.delete(waiter);
      };
      const waiter = {
        resolve: (connection: Connection) => {
          over();
          resolve(connection);
        },
        reject: (error: unknown) => {
          over();
          reject(error);
        },
      };
      const aborted = (): void => waiter.reject(signal?.reason);
      timer = clock.setTimer(() => waiter.reject(this.lastError ?? this.notReached()), this.settings.requestTimeoutMs);
      timer.unref();
      signal?.addEventListener('abort', aborted);
      this.waiting.add(waiter);
    });
  }

  /** Ends the session at the server too, where it can be reached. */
  async close(): Promise<void> {
    this.isClosed = true;
    this.loop.stop();
    for (const member of this.members) member.disconnected();
    this.members.clear();
    for (const waiter of [...this.waiting]) waiter.reject(new Error('the source was closed'));
    const { current } = this;
    this.current = undefined;
    await current?.close();
    this.watches.clear();
  }

  /** One connection, from its opening to its end. */
  private async run({ signal, healthy }: Session): Promise<void> {
    const label = this.servers.current;
    try {
      const zooKeeper = await loadPackage();
      if (signal.aborted) return;
      let ended: (reason: unknown) => void = () => {};
      const end = new Promise<unknown>((resolve) => {
        ended = resolve;
      });
      const { settings, watches, host } = this;
      const open = () =>
        Connection.open({
          zooKeeper,
          server: settings.servers.find((server) => server.label === label) as ServerAddress,
          settings,
          resume: this.identity,
          asIfUnseen: this.turnedAway >= settings.servers.length,
          watches,
          clock: host.clock,
          random: host.random,
          signal,
          onEnd: (connection, reason) => {
            this.lost(connection);
            ended(reason);
          },
        });
      const { connection, isNewSession } = await this.openOrRenew(open);
      this.turnedAway = 0;
      if (signal.aborted) return void connection.close();
      await connection.restoreWatches();
      healthy();
      this.established(connection, isNewSession);
      throw await end;
    } catch (error) {
      this.turnedAway = error instanceof TurnedAway ? this.turnedAway + 1 : 0;
      this.servers.failed(label);
      throw error;
    }
  }

  /** A session that has expired is followed by a new one at once. */
  private async openOrRenew(open: () => Promise<Connection>): Promise<{ connection: Connection; isNewSession: boolean }> {
    if (this.identity !== undefined) {
      try {
        const connection = await open();
        this.identity = connection.identity();
        return { connection, isNewSession: false };
      } catch (error) {
        if (!(error instanceof SessionExpired)) throw error;
        this.identity = undefined;
        this.watches.clear();
      }
    }
    const connection = await open();
    this.identity = connection.identity();
    return { connection, isNewSession: true };
  }

  private established(connection: Connection, isNewSession: boolean): void {
    if (connection.isOver) return;
    this.current = connection;
    this.lastError = undefined;
    for (const member of [...this.members]) member.connected(connection, isNewSession);
    for (const waiter of [...this.waiting]) waiter.resolve(connection);
  }

  private lost(connection: Connection): void {
    this.identity = this.isClosed ? undefined : connection.identity();
    if (this.current !== connection) return;
    this.current = undefined;
    for (const member of [...this.members]) member.disconnected();
  }

  private notReached(): RegistryError {
    const { servers, requestTimeoutMs } = this.settings;
    const addresses = servers.map(({ label }) => label).join(', ');
    return new RegistryError({ source: 'zookeeper', server: addresses, what: `could not be reached within ${requestTimeoutMs} ms` });
  }
}
