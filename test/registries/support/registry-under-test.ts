import type { Discovery } from '../../../src/index.js';
import type { ConformanceSubject, ConformanceTraits, EnteredInstance } from '../../../src/testing/index.js';
import type { ServerProcess } from '../servers/server-process.js';
import type { SourceRecipe } from './source-recipe.js';

/**
 * What the tests that every registry has to pass need of one: the conformance suite, the outages, the latencies and
 * the 10,000 instances are written once, against this.
 */

export type { EnteredInstance };
/** What a registry, or its source, can do by its nature. */
export type RegistryTraits = ConformanceTraits;

/** How a source differs from the usual one of these tests. */
export interface SourceChoice {
  /** Host and port to use in place of the server's own. */
  readonly via?: string | undefined;
  /** After how long a silence the source asks whether the registry lives, where it does so. */
  readonly livenessMs?: number | undefined;
}

/** A real registry, started, and hands that work on it from outside. */
export interface RegistryUnderTest extends ConformanceSubject {
  /** The process to freeze, kill and restart. */
  readonly server: ServerProcess;
  /** Whether the source speaks TCP alone, so that a test can stand in between. */
  readonly isReachedByTcp: boolean;
  /** A new source on the registry, as a user would make it; the caller closes it. */
  discovery(choice?: SourceChoice): Discovery;
  /** How another process makes such a source. */
  recipe(choice?: SourceChoice): SourceRecipe;
  /** Enters many at once, as fast as the registry takes them. */
  putMany(service: string, instances: readonly EnteredInstance[]): Promise<void>;
  /** Enters entries of this service that nobody can call: broken, hostile, oversized. Returns how many. */
  putBroken(service: string): Promise<number>;
  /** Ids that the registry itself has for the service: what an announcement must leave once, and then not at all. */
  entries(service: string): Promise<readonly string[]>;
  stop(): Promise<void>;
}

/** Starts a registry for a test file. */
export type StartRegistry = () => Promise<RegistryUnderTest>;
