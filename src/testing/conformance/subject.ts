import type { Discovery } from '../../core/discovery.js';

/** An instance as somebody else than the source under test would enter it. */
export interface EnteredInstance {
  readonly id: string;
  readonly url: string;
  readonly weight?: number | undefined;
  readonly zone?: string | undefined;
  readonly metadata?: Readonly<Record<string, string>> | undefined;
}

/** What a registry, or its source, can do by its nature. What it cannot is not asked of it. */
export interface ConformanceTraits {
  /** How soon a change is seen with the options that `discovery()` uses, in milliseconds: a generous bound. */
  readonly seenWithinMs: number;
  /** Whether the source is told of changes, in place of asking. */
  readonly live: boolean;
  /** Whether entries have weights. */
  readonly weights: boolean;
  /** Whether entries have zones. */
  readonly zones: boolean;
  /** Whether entries have metadata. */
  readonly metadata: boolean;
  /** Whether entries have ids of their own; if not, the id is the address. */
  readonly ids: boolean;
  /** Whether instances can be announced. */
  readonly announces: boolean;
  /** Whether a service that never was can be told from one without instances. */
  readonly tellsUnknown: boolean;
  /** Whether each instance says whether it speaks TLS, and under which path it serves. Default true. */
  readonly wholeUrls?: boolean | undefined;
  /** Whether a source sees what changes after it was made. Default true. */
  readonly changes?: boolean | undefined;
  /** Services' names with odd characters that the registry allows. Default: one with a dash, and one of digits. */
  readonly oddNames?: readonly string[] | undefined;
}

/** A source, and hands that work on its registry from outside. */
export interface ConformanceSubject {
  /** Names the source in errors. */
  readonly name: string;
  readonly traits: ConformanceTraits;
  /** A new source on the registry, as a user would make it. It is closed by whoever asked for it. */
  discovery(): Discovery;
  /** Enters an instance, or changes the one with its id. */
  put(service: string, instance: EnteredInstance): Promise<void>;
  /** Enters many at once. Default: `put`, one by one. */
  putMany?(service: string, instances: readonly EnteredInstance[]): Promise<void>;
  /** Takes an instance out. */
  remove(service: string, id: string): Promise<void>;
  /** Enters entries of this service that nobody can call: broken, hostile, oversized. Returns how many. Default: the registry takes none. */
  putBroken?(service: string): Promise<number>;
  /** Ids that the registry itself has for the service: what an announcement must leave once, and then not at all. Default: nobody can tell. */
  entries?(service: string): Promise<readonly string[]>;
}

/** One thing that every source must do. */
export interface ConformanceCase {
  /** What it must do, as a sentence. */
  readonly name: string;
  /** Tries it. Rejects if the source does something else. */
  run(): Promise<void>;
}
