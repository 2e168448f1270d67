import { Call } from '../../src/core/call.js';
import type { Discovery, DiscoveryHost, DiscoverySink } from '../../src/core/discovery.js';
import type { Endpoint } from '../../src/core/endpoint.js';
import { EventEmitter, type MeshEventName } from '../../src/core/events.js';
import type { Random } from '../../src/core/random.js';
import { EndpointSet, type EndpointSetOptions } from '../../src/discovery/endpoint-set.js';
import { seededRandom } from '../../src/testing/seeded-random.js';
import { VirtualClock } from '../../src/testing/virtual-clock.js';

/** A source that says what the test says. */
export class ScriptedSource implements Discovery {
  readonly name: string = 'script';
  watches = 0;
  stops = 0;
  /** The sinks of all watches, the newest last. */
  readonly sinks: DiscoverySink[] = [];
  /** What happens inside `watch`. */
  onWatch: (sink: DiscoverySink, host: DiscoveryHost) => void = () => {};

  watch(_service: string, sink: DiscoverySink, host: DiscoveryHost): () => void {
    this.watches++;
    this.sinks.push(sink);
    this.onWatch(sink, host);
    return () => {
      this.stops++;
    };
  }

  /** The sink of the newest watch. */
  get sink(): DiscoverySink {
    const sink = this.sinks.at(-1);
    if (sink === undefined) throw new Error('nobody watches');
    return sink;
  }
}

/** A host whose chance is fixed by a seed, and which notes what it is told. */
export class TestHost implements DiscoveryHost {
  readonly skippedEntries: { service: string; entry: string; reason: string }[] = [];
  /** What became of announcements: 'failed: reason', 'announced'. */
  readonly announcements: string[] = [];
  constructor(
    readonly clock: VirtualClock = new VirtualClock(),
    readonly random: Random = seededRandom(1),
  ) {}
  announcementFailed(_service: string, _instance: string, error: unknown): void {
    this.announcements.push(`failed: ${error instanceof Error ? error.message : error}`);
  }
  announced(): void {
    this.announcements.push('announced');
  }
  skipped(service: string, entry: string, reason: string): void {
    this.skippedEntries.push({ service, entry, reason });
  }
}

/** An endpoint set with everything around it that a test looks at. */
export interface SetUnderTest {
  readonly set: EndpointSet;
  readonly source: ScriptedSource;
  readonly clock: VirtualClock;
  readonly host: TestHost;
  readonly events: EventEmitter;
  readonly retired: Endpoint[];
  readonly emptied: { count: number };
  /** The events heard so far, as `name` and event. */
  readonly heard: { readonly name: MeshEventName; readonly event: unknown }[];
}

export const DISCOVERY_EVENTS: readonly MeshEventName[] = [
  'endpointAdded',
  'endpointRemoved',
  'endpointEjected',
  'endpointRecovered',
  'registryFailed',
  'registryRecovered',
  'listHeld',
];

export interface SetChoices {
  readonly options?: EndpointSetOptions;
  readonly source?: ScriptedSource;
  /** A source to use instead of the scripted one. */
  readonly discovery?: Discovery;
}

export function makeSet({ options, source = new ScriptedSource(), discovery = source }: SetChoices = {}): SetUnderTest {
  const host = new TestHost();
  const events = new EventEmitter();
  const heard: SetUnderTest['heard'] = [];
  for (const name of DISCOVERY_EVENTS) events.on(name, (event) => heard.push({ name, event }));
  const retired: Endpoint[] = [];
  const emptied = { count: 0 };
  const set = new EndpointSet({
    service: 'users',
    discovery,
    host,
    clock: host.clock,
    events,
    options,
    onRetired: (endpoint) => retired.push(endpoint),
    onEmpty: () => emptied.count++,
  });
  return { set, source, clock: host.clock, host, events, retired, emptied, heard };
}

/** The ids of the endpoints that a set has, sorted. */
export function idsOf(set: EndpointSet): string[] {
  return [...set.view].map(({ id }) => id).sort();
}

/** `count` instances with different addresses. */
export function instances(count: number, first = 1): string[] {
  return Array.from({ length: count }, (_, index) => `http://10.0.0.${first + index}:80`);
}

export function newCall(service = 'users'): Call {
  return new Call({ service, method: 'GET', path: '/', headers: [], idempotent: true });
}

/** What a promise has come to by now: it is looked at and not waited for. */
export function track<T>(promise: Promise<T>): { state: 'pending' | 'done' | 'failed'; error: unknown } {
  const tracked: { state: 'pending' | 'done' | 'failed'; error: unknown } = { state: 'pending', error: undefined };
  promise.then(
    () => {
      tracked.state = 'done';
    },
    (error) => {
      tracked.state = 'failed';
      tracked.error = error;
    },
  );
  return tracked;
}
