import type { SimulationOptions, SimulationResult } from '../src/testing/simulation/index.js';
import type { Claim } from './claim.js';

/** One way of doing it, to be compared with the others. */
export interface Contender {
  /** As it stands in tables and legends. */
  readonly name: string;
  readonly mesh: NonNullable<SimulationOptions['mesh']>;
  /** What others have published for it, by measure. */
  readonly published?: Readonly<Record<string, string>>;
}

/** A number that runs are compared by. */
export interface Measure {
  /** Its heading in the table. */
  readonly name: string;
  /** How many decimals are shown. */
  readonly decimals: number;
  of(result: SimulationResult, options: Situation['options']): number;
}

/** What all contenders meet. */
export interface Situation {
  /** Its name among the others of its scenario; empty where it is the only one. */
  readonly name: string;
  readonly contenders: readonly Contender[];
  readonly options: Omit<SimulationOptions, 'mesh' | 'seed'>;
  /** In which time something is the matter, for the plot: from and to, in milliseconds. */
  readonly troubleMs?: readonly [number, number];
  /**
   * The part of its time that a quick run takes. Above 0, at most 1; default 1. Only where nothing is scripted and what
   * is measured does not depend on how long it is measured.
   */
  readonly quickShare?: number;
}

/** Situations that belong together: one table, one page. */
export interface Scenario {
  /** What it is called on the command line and in names of files. */
  readonly name: string;
  readonly title: string;
  /** What it is, and where it comes from: a paragraph for the page. */
  readonly about: string;
  readonly situations: readonly Situation[];
  readonly measures: readonly Measure[];
  /** What it is to show. Default: nothing that is put in numbers. */
  readonly claims?: readonly Claim[];
  /**
   * What the page's drawings show: the first situation over time and by server, or bars of one measure for all
   * situations, named here. Default: over time.
   */
  readonly drawn?: 'over time' | { readonly measure: string };
}

/** What is kept of one run. */
export interface Run {
  readonly seed: number;
  readonly hash: string;
  /** By the measures' names. */
  readonly numbers: Readonly<Record<string, number>>;
  /** When a step of the series began and its 99th percentile, in milliseconds. */
  readonly p99: readonly (readonly [number, number])[];
  /** Requests received, by endpoint. */
  readonly loads: readonly { readonly name: string; readonly received: number }[];
}

/** What one contender's runs gave in one situation, one for each seed. */
export interface Outcome {
  readonly situation: Situation;
  readonly contender: Contender;
  readonly runs: readonly Run[];
}

export function runOf(measures: readonly Measure[], seed: number, options: Situation['options'], result: SimulationResult): Run {
  return {
    seed,
    hash: result.hash,
    numbers: Object.fromEntries(measures.map((measure) => [measure.name, measure.of(result, options)])),
    p99: result.series.filter(({ requests }) => requests > 0).map(({ fromMs, latency }) => [fromMs, latency.p99Ms] as const),
    loads: result.endpoints.map(({ name, received }) => ({ name, received })),
  };
}

/** The options of one run; a quick one may be shorter. */
export function optionsOf({ options, quickShare = 1 }: Situation, quick: boolean): Situation['options'] {
  if (!quick || quickShare === 1) return options;
  return { ...options, durationMs: options.durationMs * quickShare, warmUpMs: (options.warmUpMs ?? 0) * quickShare };
}

/** The share of the requests that were answered within `ms`, in percent. */
export function percentWithin({ latenciesMs, requests }: SimulationResult, ms: number): number {
  let within = 0;
  while (within < latenciesMs.length && (latenciesMs[within] as number) <= ms) within++;
  return (100 * within) / requests;
}
