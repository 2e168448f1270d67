import type { DiscoveryHost, Lease } from '../../core/discovery.js';
import { Registration } from '../../discovery/registration.js';
import { RegistryError } from '../registry-error.js';
import type { Connection } from './connection.js';
import { parentOf } from './node-names.js';
import type { SessionMember, ZooKeeperSession } from './session.js';
import type { NodeChange } from './watch-table.js';
import { CODE, isCode } from './zookeeper-error.js';

/**
 * A watch tells when the znode goes, and the session when it expires. That the znode is still there is looked up too,
 * in case somebody's mistake gets past both: three times in this time.
 */
const LOOK_AGAIN_MS = 15 * 60_000;
/** Making a znode is tried again when somebody else's work on it got in between. */
const CREATE_TRIES = 5;

const NO_DATA = Buffer.alloc(0);

export interface ZnodeAnnouncementInit {
  readonly service: string;
  readonly id: string;
  readonly path: string;
  readonly data: Buffer;
  readonly keepAlive: boolean;
  readonly session: ZooKeeperSession;
  readonly host: DiscoveryHost;
  /** The lease is over. */
  readonly onClose: (announcement: ZnodeAnnouncement) => void;
}

/**
 * An announced instance: an ephemeral znode, which the server removes when the session of its process ends.
 *
 * At first it takes the place of a znode of that name: an earlier run of the process left it, whose session the
 * server has not given up yet. Later it does not: another process announces the same instance then, and two that take
 * it from one another would never end.
 */
export class ZnodeAnnouncement implements SessionMember, Lease {
  readonly id: string;
  private readonly registration: Registration;
  /** Sessions in which this made the znode. */
  private readonly sessions = new Set<string>();
  private isBegun = false;

  constructor(private readonly init: ZnodeAnnouncementInit) {
    const { service, id, keepAlive, host } = init;
    this.id = id;
    this.registration = new Registration({
      service,
      id,
      leaseMs: LOOK_AGAIN_MS,
      keepAlive,
      host,
      steps: {
        register: async (signal) => this.enter(await init.session.connection(signal)),
        renew: async (signal) => this.isThere(await init.session.connection(signal)),
        remove: async (signal) => this.leave(await init.session.connection(signal)),
      },
    });
  }

  async begin(): Promise<void> {
    await this.registration.begin();
    this.isBegun = true;
  }

  async close(): Promise<void> {
    this.init.session.watches.forget(this.init.path, this.changed);
    try {
      await this.registration.close();
    } finally {
      this.init.onClose(this);
    }
  }

  connected(connection: Connection, isNewSession: boolean): void {
    if (!this.isBegun || !isNewSession || this.sessions.has(sessionOf(connection))) return;
    this.registration.lost(new Error('the session has expired, and the instance with it'));
  }

  disconnected(): void {}

  failed(): void {}

  private readonly changed = ({ kind, path }: NodeChange): void => {
    if (kind === 'deleted') {
      this.registration.lost(new Error(`somebody has deleted ${path}`));
      return;
    }
    // Somebody changed its data, which is theirs to do; its deletion is still to be heard of.
    this.init.session
      .connection()
      .then((connection) => connection.exists(path, this.changed))
      .catch(() => {
        // The next look finds it out.
      });
  };

  private async enter(connection: Connection): Promise<void> {
    const { path, data } = this.init;
    for (let attempt = 1; ; attempt++) {
      try {
        await connection.create(path, data, { ephemeral: true });
        break;
      } catch (error) {
        if (attempt === CREATE_TRIES) throw error;
        if (isCode(error, CODE.noNode)) await createPersistent(connection, parentOf(path));
        else if (!isCode(error, CODE.nodeExists)) throw error;
        else if (await this.takeOver(connection)) break;
      }
    }
    this.sessions.add(sessionOf(connection));
    await connection.exists(path, this.changed);
  }

  /** There is a znode of that name already. Returns whether it is ours now; else it has gone. */
  private async takeOver(connection: Connection): Promise<boolean> {
    const { path, data } = this.init;
    const owner = await ownerOf(connection, path);
    if (owner === undefined) return false;
    if (owner === sessionOf(connection)) {
      await connection.setData(path, data);
      return true;
    }
    if (this.isBegun && !this.sessions.has(owner)) {
      const what = `has ${path} from another process, which announces the same instance`;
      throw new RegistryError({ source: 'zookeeper', server: connection.server, what, advice: 'give each instance an id of its own' });
    }
    try {
      await connection.replace(path, data);
      return true;
    } catch (error) {
      // It went just now.
      if (isCode(error, CODE.noNode)) return false;
      throw error;
    }
  }

  private async isThere(connection: Connection): Promise<boolean> {
    return (await ownerOf(connection, this.init.path, this.changed)) === sessionOf(connection);
  }

  /** What others have put in its place stays. */
  private async leave(connection: Connection): Promise<void> {
    const { path, session } = this.init;
    const owner = await ownerOf(connection, path);
    session.watches.forget(path, this.changed);
    if (owner === undefined || (owner !== sessionOf(connection) && !this.sessions.has(owner))) return;
    try {
      await connection.remove(path);
    } catch (error) {
      if (!isCode(error, CODE.noNode)) throw error;
    }
  }
}

function sessionOf(connection: Connection): string {
  return connection.identity().id.toString('hex');
}

/** The session that an ephemeral znode belongs to; zeros for one that belongs to none. */
async function ownerOf(connection: Connection, path: string, watcher?: (change: NodeChange) => void): Promise<string | undefined> {
  return (await connection.exists(path, watcher))?.ephemeralOwner.toString('hex');
}

/** Makes a znode and those above it, from below: above, there may be no permission, nor a need for one. */
async function createPersistent(connection: Connection, path: string): Promise<void> {
  for (;;) {
    try {
      await connection.create(path, NO_DATA, { ephemeral: false });
      return;
    } catch (error) {
      if (isCode(error, CODE.nodeExists)) return;
      if (!isCode(error, CODE.noNode) || path === '/') throw error;
      await createPersistent(connection, parentOf(path));
    }
  }
}
