import type { Discovery } from 'fetchmesh';
import type { ServerProcess } from '../servers/server-process.js';

/**
 * What the tests that every registry has to pass need of one: the conformance suite, the outages, the latencies and
 * the 10,000 instances are written once, against this.
 */

/** An instance as somebody else than the source under test would enter it. */
export interface EnteredInstance {
  readonly id: string;
  readonly url: string;
  readonly weight?: number | undefined;
  readonly zone?: string | undefined;
  readonly metadata?: Readonly<Record<string, string>> | undefined;
}

/** What a registry, or its source, cannot do by its nature. */
export interface RegistryTraits {
  /** How soon a change is seen with the options that `discovery()` uses, in milliseconds: a generous bound. */
  readonly seenWithinMs: number;
  /** Whether the source is told of changes, in place of asking. */
  readonly live: boolean;
  /** Whether its entries have weights, zones, metadata, ids of their own. */
  readonly weights: boolean;
  readonly zones: boolean;
  readonly metadata: boolean;
  readonly ids: boolean;
  readonly announces: boolean;
  /** Whether a service that never was can be told from one without instances. */
  readonly tellsUnknown: boolean;
}

/** A real registry, started, and hands that work on it from outside. */
export interface RegistryUnderTest {
  readonly name: string;
  readonly traits: RegistryTraits;
  /** The process to freeze, kill and restart. */
  readonly server: ServerProcess;
  /** A new source on the registry, as a user would make it; the caller closes it. */
  discovery(): Discovery;
  /** Enters an instance, or changes the one with its id. */
  put(service: string, instance: EnteredInstance): Promise<void>;
  /** Enters many at once, as fast as the registry takes them. */
  putMany(service: string, instances: readonly EnteredInstance[]): Promise<void>;
  remove(service: string, id: string): Promise<void>;
  /** Enters entries of this service that nobody can call: broken, hostile, oversized. Returns how many. */
  putBroken(service: string): Promise<number>;
  /** Ids that the registry itself has for the service: what an announcement must leave once, and then not at all. */
  entries(service: string): Promise<readonly string[]>;
  /** Requests and other messages that the source has sent since the start, where the registry can tell. */
  stop(): Promise<void>;
}

/** Starts a registry for a test file. */
export type StartRegistry = () => Promise<RegistryUnderTest>;
