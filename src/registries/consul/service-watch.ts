import type { DiscoveryHost, DiscoverySink, InstanceInput, Stop } from '../../core/discovery.js';
import type { Agents } from './agents.js';
import { Feed } from './feed.js';
import { HealthList } from './health-list.js';
import type { ConsulSettings } from './options.js';

/** One datacenter that is asked. */
interface Place {
  readonly feed: Feed;
  readonly list: HealthList;
  /** Whether it has answered. */
  hasAnswered: boolean;
  isFailing: boolean;
}

/**
 * A service in its datacenter and, while it has no instance there, in those that stand in for it. What these have comes
 * behind what is near, by priority, and goes as soon as there is something near again.
 */
export class ServiceWatch {
  private readonly datacenters: readonly (string | undefined)[];
  private readonly places: Place[] = [];
  /** Whether the sink has had a list. */
  private hasSpoken = false;

  constructor(
    private readonly service: string,
    private readonly sink: DiscoverySink,
    private readonly host: DiscoveryHost,
    private readonly agents: Agents,
    private readonly settings: ConsulSettings,
  ) {
    this.datacenters = [settings.datacenter, ...settings.failoverDatacenters];
  }

  start(): Stop {
    this.open(0);
    return () => {
      for (const { feed } of this.places.splice(0)) feed.stop();
    };
  }

  private open(index: number): void {
    const { service, host, agents, settings } = this;
    const datacenter = this.datacenters[index];
    const list = new HealthList({
      settings,
      priority: index,
      idSuffix: index === 0 ? '' : `@${datacenter}`,
      skipped: (entry, reason) => host.skipped(service, entry, reason),
    });
    const feed = new Feed({
      service,
      datacenter,
      list,
      agents,
      settings,
      host,
      listener: {
        listed: (instances) => this.listed(place, index, instances),
        changed: (change) => this.heard(place, () => this.sink.patch(change)),
        failed: (error) => this.failed(place, index, error),
      },
    });
    const place: Place = { feed, list, hasAnswered: false, isFailing: false };
    this.places.push(place);
    feed.start();
  }

  private listed(place: Place, index: number, instances: readonly InstanceInput[]): void {
    const isFirst = !place.hasAnswered;
    this.heard(place, () => {
      // The first list of a datacenter that stands in takes nothing away.
      if (index > 0 && isFirst) this.sink.patch({ upsert: instances });
      else this.tellAll();
    });
  }

  private heard(place: Place, tell: () => void): void {
    place.hasAnswered = true;
    place.isFailing = false;
    if (this.hasSpoken) tell();
    this.closeSpare();
    this.openNext();
    if (!this.hasSpoken) this.speakFirst();
  }

  private failed(place: Place, index: number, error: unknown): void {
    place.isFailing = true;
    const isMissed = index === 0 || this.places.every(({ list }) => list.size === 0);
    this.openNext();
    if (!this.hasSpoken && index > 0) this.speakFirst();
    if (isMissed) this.sink.failed(error);
  }

  /** An empty first list would fail the callers who wait, although another datacenter may help them: so that is asked first. */
  private speakFirst(): void {
    if (!this.places.every(({ hasAnswered, isFailing }) => hasAnswered || isFailing)) return;
    if (!this.places[0]?.hasAnswered) return;
    this.hasSpoken = true;
    this.tellAll();
  }

  private tellAll(): void {
    this.sink.snapshot(this.places.flatMap(({ list }) => list.instances()));
  }

  /** Asks the next datacenter when none of those before has an instance. */
  private openNext(): void {
    const { places, datacenters } = this;
    const isNeeded = places.every(
      ({ list, hasAnswered, isFailing }, index) => list.size === 0 && (hasAnswered || (index > 0 && isFailing)),
    );
    if (places.length > 0 && places.length < datacenters.length && isNeeded) this.open(places.length);
  }

  /** Lets go of those behind the first that has an instance. */
  private closeSpare(): void {
    const first = this.places.findIndex(({ list }) => list.size > 0);
    if (first < 0 || first === this.places.length - 1) return;
    const spare = this.places.splice(first + 1);
    for (const { feed } of spare) feed.stop();
    const remove = spare
      .flatMap(({ list }) => list.instances())
      .map((instance) => (typeof instance === 'string' ? instance : (instance.id ?? '')));
    if (this.hasSpoken && remove.length > 0) this.sink.patch({ remove });
  }
}
