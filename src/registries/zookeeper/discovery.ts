import type { Announcement, Discovery, DiscoveryHost, DiscoverySink, Lease, Stop } from '../../core/discovery.js';
import { ConfigError, MeshError, show } from '../../core/errors.js';
import { announcedInstance } from '../../discovery/announced-instance.js';
import { ZnodeAnnouncement } from './announcement.js';
import { writeInstance } from './curator-instance.js';
import { isNodeName, joinPaths, nodeNameOf } from './node-names.js';
import type { ZooKeeperSettings } from './options.js';
import { ServiceWatch } from './service-watch.js';
import { type SessionMember, ZooKeeperSession } from './session.js';

/** One source: its services and announcements share a session, which lasts while there are any. */
export class ZooKeeperDiscovery implements Discovery {
  readonly name = 'zookeeper';
  /** Watches are told at once; this leaves room for a client that is reading a long list. */
  readonly propagationMs = 1_000;
  private session: ZooKeeperSession | undefined = undefined;
  private readonly announcements = new Set<ZnodeAnnouncement>();
  private readonly ending = new Set<Promise<void>>();
  private isClosed = false;

  constructor(private readonly settings: ZooKeeperSettings) {}

  watch(service: string, sink: DiscoverySink, host: DiscoveryHost): Stop {
    if (!isNodeName(service)) {
      sink.failed(new MeshError('ERR_MESH_DISCOVERY', `zookeeper cannot have a znode of the name ${show(service)}`));
      return () => {};
    }
    if (this.isClosed) throw new MeshError('ERR_MESH_CLOSED', 'the source was closed', { service });
    const session = this.sessionFor(host);
    const path = joinPaths(this.settings.root, service);
    const watch = new ServiceWatch({ service, source: this.name, path, sink, host, watches: session.watches });
    session.enter(watch);
    return () => {
      watch.stop();
      this.left(session, watch);
    };
  }

  async announce(announcement: Announcement, host: DiscoveryHost): Promise<Lease> {
    const instance = announcedInstance(announcement);
    const { service, id } = instance;
    if (!isNodeName(service)) throw new ConfigError('announce.service', 'a name that a znode can have', service);
    if (this.isClosed) throw new MeshError('ERR_MESH_CLOSED', 'the source was closed', { service });
    const { root, payloadClass, keepAlive } = this.settings;
    const session = this.sessionFor(host);
    const lease = new ZnodeAnnouncement({
      service,
      id,
      path: joinPaths(root, service, nodeNameOf(id)),
      data: writeInstance(service, instance, host.clock.wallTime(), payloadClass),
      keepAlive,
      session,
      host,
      onClose: (over) => {
        this.announcements.delete(over);
        this.left(session, over);
      },
    });
    session.enter(lease);
    this.announcements.add(lease);
    try {
      await lease.begin();
    } catch (error) {
      this.announcements.delete(lease);
      this.left(session, lease);
      throw error;
    }
    return lease;
  }

  async close(): Promise<void> {
    this.isClosed = true;
    await Promise.allSettled([...this.announcements].map((lease) => lease.close()));
    if (this.session !== undefined) this.end(this.session);
    await Promise.allSettled([...this.ending]);
  }

  private sessionFor(host: DiscoveryHost): ZooKeeperSession {
    if (this.session === undefined) {
      this.session = new ZooKeeperSession(this.settings, host);
      this.session.start();
    }
    return this.session;
  }

  private left(session: ZooKeeperSession, member: SessionMember): void {
    session.leave(member);
    // Not at once: who watches anew stops first.
    queueMicrotask(() => {
      if (session.size === 0 && this.session === session) this.end(session);
    });
  }

  private end(session: ZooKeeperSession): void {
    this.session = undefined;
    const ended = session.close().finally(() => this.ending.delete(ended));
    this.ending.add(ended);
  }
}
