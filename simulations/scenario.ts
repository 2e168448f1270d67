import type { SimulationOptions, SimulationResult } from '../src/testing/simulation/index.js';

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
  of(result: SimulationResult): number;
}

/** A situation in which contenders are compared. */
export interface Scenario {
  /** What it is called on the command line and in names of files. */
  readonly name: string;
  readonly title: string;
  /** What it is, and where it comes from: a paragraph for the page. */
  readonly about: string;
  readonly contenders: readonly Contender[];
  readonly measures: readonly Measure[];
  /** What all contenders meet. */
  readonly situation: Omit<SimulationOptions, 'mesh' | 'seed'>;
  /** In which time something is the matter, for the plot: from and to, in milliseconds. */
  readonly troubleMs?: readonly [number, number];
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

export function runOf(scenario: Scenario, seed: number, result: SimulationResult): Run {
  return {
    seed,
    hash: result.hash,
    numbers: Object.fromEntries(scenario.measures.map((measure) => [measure.name, measure.of(result)])),
    p99: result.series.filter(({ requests }) => requests > 0).map(({ fromMs, latency }) => [fromMs, latency.p99Ms] as const),
    loads: result.endpoints.map(({ name, received }) => ({ name, received })),
  };
}

/** The share of the requests that were answered within `ms`, in percent. */
export function percentWithin({ latenciesMs, requests }: SimulationResult, ms: number): number {
  let within = 0;
  while (within < latenciesMs.length && (latenciesMs[within] as number) <= ms) within++;
  return (100 * within) / requests;
}
