import type { Announcement, Discovery, DiscoveryHost, Lease } from '../core/discovery.js';
import { ConfigError, MeshError } from '../core/errors.js';
import { type AnnouncedInstance, announcedInstance } from '../discovery/announced-instance.js';

/** What announcing needs of a mesh. */
export interface AnnouncingParts {
  readonly discovery: Discovery;
  readonly host: DiscoveryHost;
  /** The error for whoever comes too late: the mesh is closed. Undefined while it is open. */
  readonly refusal: () => MeshError | undefined;
  readonly inMeshContext: <T>(work: () => T) => T;
}

/** The place of one instance in the registry, which announcements of it take in turn. */
interface Place {
  lease: OpenLease | undefined;
  /** Settles when whoever has the place is done with it. Never rejects. */
  turn: Promise<unknown>;
}

/**
 * Everything that a mesh has announced.
 *
 * One instance has one place: who announces it again takes the earlier announcement back first, and waits for one that
 * is being taken back. Otherwise the end of the old one would remove the entry of the new one, as in a server that is
 * restarted on its port.
 */
export class Announcements {
  private readonly places = new Map<string, Place>();
  private readonly leases = new Set<Lease>();

  constructor(private readonly parts: AnnouncingParts) {}

  /** The announcements that stand. */
  get open(): ReadonlySet<Lease> {
    return this.leases;
  }

  /** Announces, and resolves once the instance is in the registry. @throws ConfigError, as `check` does. */
  async announce(announcement: Announcement): Promise<Lease> {
    const { service, id } = this.check(announcement);
    const key = JSON.stringify([announcement.announceTo ?? '', service.toLowerCase(), id]);
    const known = this.places.get(key);
    const place: Place = known ?? { lease: undefined, turn: Promise.resolve() };
    this.places.set(key, place);
    const entering = known === undefined ? this.enter(announcement, place) : known.turn.then(() => this.enter(announcement, place));
    this.take(key, place, entering);
    const lease = await entering;
    return { id: lease.id, close: () => this.close(lease, key, place) };
  }

  /** @throws ConfigError for an instance that nobody could reach, or a registry that the mesh does not have; MeshError where it has none. */
  check(announcement: Announcement): AnnouncedInstance {
    const { discovery } = this.parts;
    const instance = announcedInstance(announcement);
    const { service } = instance;
    if (discovery.announce === undefined) {
      throw new MeshError('ERR_MESH_CONFIG', `${discovery.name} is no registry: it has nowhere to announce`, { service });
    }
    const { announceTo } = announcement;
    const names = discovery.registries ?? [discovery.name];
    if (announceTo !== undefined && !names.includes(announceTo)) {
      throw new ConfigError('announce.announceTo', `the name of a registry of this mesh (${names.join(', ')})`, announceTo);
    }
    return instance;
  }

  private async enter(announcement: Announcement, place: Place): Promise<OpenLease> {
    const { discovery, host, refusal, inMeshContext } = this.parts;
    const before = place.lease;
    place.lease = undefined;
    // What could not be taken out is replaced by what is entered now.
    if (before !== undefined) await before.close().catch(() => {});
    throwIf(refusal());
    const lease = new OpenLease(await inMeshContext(() => discovery.announce?.(announcement, host) as Promise<Lease>), this.leases);
    const refused = refusal();
    if (refused !== undefined) await lease.close();
    throwIf(refused);
    place.lease = lease;
    return lease;
  }

  private close(lease: OpenLease, key: string, place: Place): Promise<void> {
    const closing = lease.close();
    if (place.lease === lease) {
      place.lease = undefined;
      this.take(key, place, closing);
    }
    return closing;
  }

  /** `work` has the place until it is over; a place that nobody has is forgotten. */
  private take(key: string, place: Place, work: Promise<unknown>): void {
    const turn = Promise.allSettled([place.turn, work]).then(() => {
      if (place.turn === turn && place.lease === undefined) this.places.delete(key);
    });
    place.turn = turn;
  }
}

/** A lease that is closed once, and stands among the open ones until then. */
class OpenLease implements Lease {
  private closing: Promise<void> | undefined = undefined;

  constructor(
    private readonly lease: Lease,
    private readonly open: Set<Lease>,
  ) {
    open.add(this);
  }

  get id(): string {
    return this.lease.id;
  }

  close(): Promise<void> {
    this.open.delete(this);
    this.closing ??= this.lease.close();
    return this.closing;
  }
}

function throwIf(error: Error | undefined): void {
  if (error !== undefined) throw error;
}
