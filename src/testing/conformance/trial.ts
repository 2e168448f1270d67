import assert from 'node:assert/strict';
import { isDeepStrictEqual } from 'node:util';
import type { Announcement, Discovery, Lease } from '../../core/discovery.js';
import type { Instance } from '../../core/endpoint.js';
import { systemRandom } from '../../core/random.js';
import { parseInstance } from '../../discovery/instance.js';
import { eventually, pause, realHost } from './real-host.js';
import type { ConformanceSubject, EnteredInstance } from './subject.js';
import { WatchedService } from './watched-service.js';

/** Seconds that anything may take which does not depend on the registry's pace. */
const PATIENCE_MS = 10_000;
/** How often a registry is asked what it has. */
const LOOK_MS = 20;

/**
 * One case under way: the sources and watches that it has opened, and what it has entered, so that all of it is gone at
 * its end, however it ends.
 */
export class Trial {
  private readonly sources: Discovery[] = [];
  private readonly watches: WatchedService[] = [];
  private readonly leases: Lease[] = [];
  private readonly entered: { service: string; id: string }[] = [];

  constructor(readonly subject: ConformanceSubject) {}

  /** How long to wait for a change to be seen. */
  get withinMs(): number {
    return this.subject.traits.seenWithinMs;
  }

  /** A name that no case before has used, since registries may remember. */
  newService(): string {
    return `conformance-${Math.floor(systemRandom.next() * 2 ** 40).toString(36)}`;
  }

  source(): Discovery {
    const source = this.subject.discovery();
    this.sources.push(source);
    return source;
  }

  watch(source: Discovery, service: string): WatchedService {
    const watch = new WatchedService(source, service);
    this.watches.push(watch);
    return watch;
  }

  async put(service: string, ...instances: readonly EnteredInstance[]): Promise<void> {
    for (const { id } of instances) this.entered.push({ service, id });
    const { subject } = this;
    if (instances.length > 1 && subject.putMany !== undefined) await subject.putMany(service, instances);
    else for (const instance of instances) await subject.put(service, instance);
  }

  async remove(service: string, id: string): Promise<void> {
    const index = this.entered.findIndex((each) => each.service === service && each.id === id);
    this.entered.splice(index, 1);
    await this.subject.remove(service, id);
  }

  async announce(source: Discovery, announcement: Announcement): Promise<Lease> {
    assert.ok(source.announce, `${this.subject.name} announces, it says, and has no announce()`);
    const lease = await source.announce(announcement, realHost);
    this.leases.push(lease);
    return lease;
  }

  /** Waits until a watch has exactly these instances, with everything that was entered. The registry may know more of them. */
  sees(watch: WatchedService, ...instances: readonly EnteredInstance[]): Promise<void> {
    return this.waitFor(watch, instances, false);
  }

  /** Waits until a watch has exactly these instances, with exactly what was announced. */
  seesAnnounced(watch: WatchedService, ...instances: readonly EnteredInstance[]): Promise<void> {
    return this.waitFor(watch, instances, true);
  }

  private async waitFor(watch: WatchedService, instances: readonly EnteredInstance[], isExact: boolean): Promise<void> {
    const expected = new Map(instances.map((instance) => this.asSeen(instance)).map((each) => [each.id, each]));
    const differing = () => [...expected.values()].filter((each) => !agrees(watch.list.get(each.id), each, isExact));
    await eventually(
      () => watch.heard && watch.list.size === expected.size && differing().length === 0,
      `'${watch.service}' has ${instances.length} instances with what they say of themselves`,
      this.withinMs,
      () => {
        const [one] = differing();
        const { size } = watch.list;
        return { differing: one, seen: one && watch.list.get(one.id), size, ids: watch.ids.slice(0, 10), failure: String(watch.failure) };
      },
    );
    this.noFaults();
  }

  /** Waits until a watch says that there is nobody to call. */
  async seesNobody(watch: WatchedService): Promise<void> {
    await eventually(
      () => watch.isEmpty,
      `'${watch.service}' has no instances`,
      this.withinMs,
      () => ({ seen: watch.ids, failure: String(watch.failure) }),
    );
    this.noFaults();
  }

  /** Waits until the registry itself has these ids, where it can be asked. */
  async registryHas(service: string, count: number): Promise<void> {
    const { entries } = this.subject;
    if (entries === undefined) return;
    let found: readonly string[] = [];
    const untilMs = realHost.clock.now() + this.withinMs;
    do {
      found = await entries.call(this.subject, service);
      if (found.length === count) return;
      await pause(LOOK_MS);
    } while (realHost.clock.now() < untilMs);
    assert.equal(found.length, count, `entries of '${service}' in the registry: ${found.join(', ')}`);
  }

  noFaults(): void {
    for (const { service, faults } of this.watches) assert.deepEqual(faults, [], `the watch of '${service}'`);
  }

  async end(): Promise<void> {
    for (const watch of this.watches) watch.stop();
    await Promise.allSettled(this.leases.map((lease) => lease.close()));
    const removals = this.entered.splice(0).map(({ service, id }) => this.subject.remove(service, id));
    await Promise.allSettled(removals);
    await this.close();
  }

  /** Closes the sources alone. */
  async close(): Promise<void> {
    const ends = Promise.all(this.sources.splice(0).map(async (source) => source.close?.()));
    let isOver = false;
    ends.then(
      () => {
        isOver = true;
      },
      () => {},
    );
    await eventually(() => isOver, 'the sources close', PATIENCE_MS);
  }

  /** An instance as the registry can tell of it. */
  private asSeen({ id, url, weight, zone, metadata }: EnteredInstance): Instance {
    const { traits } = this.subject;
    return parseInstance({
      url,
      id: traits.ids ? id : undefined,
      weight: traits.weights ? weight : undefined,
      zone: traits.zones ? zone : undefined,
      metadata: traits.metadata ? metadata : undefined,
    });
  }
}

/** Whether two instances are one in every field. Of metadata, the registry may have more than was entered unless it is to be exact. */
function agrees(seen: Instance | undefined, expected: Instance, isExact: boolean): boolean {
  if (seen === undefined) return false;
  const metadata = isExact
    ? seen.metadata
    : Object.fromEntries(Object.keys(expected.metadata).flatMap((key) => (key in seen.metadata ? [[key, seen.metadata[key]]] : [])));
  const { priority: _, ...fields } = { ...seen, metadata };
  const { priority: __, ...wanted } = expected;
  return isDeepStrictEqual({ ...fields, metadata: { ...metadata } }, { ...wanted, metadata: { ...wanted.metadata } });
}
