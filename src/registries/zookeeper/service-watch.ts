import type { Timer } from '../../core/clock.js';
import type { DiscoveryHost, DiscoverySink } from '../../core/discovery.js';
import { Backoff } from '../../discovery/backoff.js';
import type { Connection } from './connection.js';
import { MemberList, type NodeRead } from './member-list.js';
import { nameIn } from './node-names.js';
import type { SessionMember } from './session.js';
import type { NodeChange, WatchTable } from './watch-table.js';
import { CODE, isCode } from './zookeeper-error.js';

/** Znodes that are read at a time: enough to keep a server busy, and few enough for their answers to be a short piece of work. */
const READS_AT_A_TIME = 128;
/**
 * When a service gains or loses a member, the names of all of them are to be read again, and ten thousand names are
 * most of a megabyte. So that takes its time: a millisecond since the last time for each hundred names.
 */
const NAMES_PER_MS = 100;

export interface ServiceWatchInit {
  readonly service: string;
  readonly source: string;
  /** The service's znode. */
  readonly path: string;
  readonly sink: DiscoverySink;
  readonly host: DiscoveryHost;
  readonly watches: WatchTable;
}

/**
 * One watched service: a znode whose children are the instances.
 *
 * What is not known is kept as work to do (the names are to be read; these znodes are to be read), and is worked off
 * whenever there is a connection. ZooKeeper's watches fire once and are set again with the reading, so nothing gets
 * lost between a change and the next.
 *
 * With a new session everything is read before the list is told, as a list that was asked for. Within a session
 * changes are told one by one, since watches that are taken to the next connection fire for all that has happened.
 */
export class ServiceWatch implements SessionMember {
  private readonly members: MemberList;
  private readonly backoff: Backoff;
  private readonly unread = new Set<string>();
  private namesUnread = true;
  private nextNamesAtMs = 0;
  private connection: Connection | undefined = undefined;
  private isWorking = false;
  private isStopped = false;
  private timer: Timer | undefined = undefined;

  constructor(private readonly init: ServiceWatchInit) {
    const { service, source, path, sink, host } = init;
    this.members = new MemberList(service, source, sink, (name, reason) => host.skipped(service, `${path}/${name}`, reason));
    this.backoff = new Backoff(host.random);
  }

  connected(connection: Connection, isNewSession: boolean): void {
    this.connection = connection;
    if (isNewSession) {
      this.namesUnread = true;
      this.nextNamesAtMs = 0;
      this.unread.clear();
      this.members.beginAnew();
    } else if (this.members.isTold) {
      this.init.sink.patch({});
    }
    this.work();
  }

  disconnected(): void {
    this.connection = undefined;
  }

  failed(error: unknown): void {
    if (!this.isStopped) this.init.sink.failed(error);
  }

  stop(): void {
    const { watches, path } = this.init;
    this.isStopped = true;
    this.timer?.cancel();
    watches.forget(path, this.namesChanged);
    for (const name of this.members.names) watches.forget(`${path}/${name}`, this.nodeChanged);
  }

  private readonly namesChanged = (): void => {
    this.namesUnread = true;
    this.work();
  };

  private readonly nodeChanged = ({ path }: NodeChange): void => {
    this.unread.add(nameIn(path));
    this.work();
  };

  /** Works off what there is to do. What comes up meanwhile is done in the same go. */
  private work(): void {
    if (this.isWorking || this.isStopped) return;
    this.isWorking = true;
    this.timer?.cancel();
    this.workOff().then(
      (waitMs) => {
        if (waitMs !== undefined) this.workIn(waitMs);
      },
      (error) => {
        this.failed(error);
        // Somebody may mend it, an ACL for example, without a watch that tells.
        this.workIn(this.backoff.nextMs());
      },
    );
  }

  private workIn(delayMs: number): void {
    if (this.isStopped) return;
    this.timer?.cancel();
    this.timer = this.init.host.clock.setTimer(() => this.work(), delayMs);
    this.timer.unref();
  }

  /** Returns how long to wait for more, where that is known. */
  private async workOff(): Promise<number | undefined> {
    try {
      for (;;) {
        const { connection } = this;
        // One that is over answers at once, with an error: asking it again would go on for ever, and stop everything else.
        if (this.isStopped || connection === undefined || connection.isOver) return undefined;
        const waitMs = this.nextNamesAtMs - this.init.host.clock.now();
        try {
          if (this.namesUnread && waitMs <= 0) await this.readNames(connection);
          else if (this.unread.size > 0) await this.readSome(connection);
          else return this.namesUnread ? waitMs : undefined;
          this.backoff.reset();
        } catch (error) {
          // On the next connection it goes on from here.
          if (!connection.isOver) throw error;
        }
      }
    } finally {
      // In one step with the end: whoever brings new work from now on begins anew.
      this.isWorking = false;
    }
  }

  private async readNames(connection: Connection): Promise<void> {
    const { path, host } = this.init;
    this.namesUnread = false;
    try {
      const names = await connection.getChildren(path, this.namesChanged);
      if (this.isStopped) return;
      this.nextNamesAtMs = host.clock.now() + names.length / NAMES_PER_MS;
      for (const name of this.members.setNames(names)) this.unread.add(name);
      if (this.unread.size === 0) this.members.complete();
    } catch (error) {
      this.namesUnread = true;
      if (!isCode(error, CODE.noNode)) throw error;
      await this.watchMaking(connection);
    }
  }

  /** The service's znode is not there: sets the watch that tells of its making. */
  private async watchMaking(connection: Connection): Promise<void> {
    // Before the answer: the news that it was made may come in one packet with it, and then it comes first.
    this.namesUnread = false;
    let isThere = true;
    try {
      isThere = (await connection.exists(this.init.path, this.namesChanged)) !== undefined;
    } finally {
      // It may have been made between the two questions.
      if (isThere) this.namesUnread = true;
    }
    if (!isThere && !this.isStopped) this.members.unknown();
  }

  private async readSome(connection: Connection): Promise<void> {
    const names: string[] = [];
    for (const name of this.unread) {
      if (names.push(name) === READS_AT_A_TIME) break;
    }
    for (const name of names) this.unread.delete(name);
    try {
      const reads = await Promise.all(names.map(async (name) => [name, await this.readNode(connection, name)] as const));
      if (this.isStopped) return;
      this.members.setRead(reads);
      if (this.unread.size === 0 && !this.namesUnread) this.members.complete();
    } catch (error) {
      for (const name of names) this.unread.add(name);
      throw error;
    }
  }

  private async readNode(connection: Connection, name: string): Promise<NodeRead> {
    try {
      return { data: await connection.getData(`${this.init.path}/${name}`, this.nodeChanged) };
    } catch (error) {
      if (isCode(error, CODE.noNode)) return undefined;
      // One instance that hides itself must not hide the others.
      if (isCode(error, CODE.noAuth) && error instanceof Error) return { unreadable: error.message };
      throw error;
    }
  }
}
