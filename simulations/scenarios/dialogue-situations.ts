import type { StandardOptions } from '../../src/index.js';
import { at, regular, type SimulatedEndpointOptions, type SimulationOptions } from '../../src/testing/simulation/index.js';
import { phased } from '../phases.js';

/**
 * The situations of dialogue's simulations, as its SimulationTest.java (at 6291a1d) sets them up, and what its report.md
 * gives for the strategy CONCURRENCY_LIMITER_ROUND_ROBIN.
 */
export interface DialogueSituation {
  readonly name: string;
  /** `chance`: by how much the share of successes goes up and down by chance (three standard deviations); default 0. */
  readonly published: { readonly success: number; readonly meanS: number; readonly chance?: number };
  readonly options: Omit<SimulationOptions, 'mesh' | 'seed'>;
  readonly troubleMs?: readonly [number, number];
  /** What of the standard stack is set for it, beside that POST may be sent twice. */
  readonly tuned?: StandardOptions;
  /** The same where dialogue's client has no limit that the standard stack has, and nothing else is set. */
  readonly unlimited?: StandardOptions;
  /** Statuses that tell of a broken endpoint here, beside the usual ones. */
  readonly failures?: readonly number[];
}

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const CLIENTS = 10;

interface Traffic {
  readonly perSecond: number;
  readonly forMs: number;
  /** When it is broken off. */
  readonly abortMs?: number;
  readonly clients?: number;
  readonly events?: SimulationOptions['events'];
  readonly paths?: readonly string[];
}

function traffic(endpoints: readonly SimulatedEndpointOptions[], given: Traffic): DialogueSituation['options'] {
  const { perSecond, forMs, abortMs = 10 * MINUTE, clients = CLIENTS, events = [], paths = ['/'] } = given;
  return {
    endpoints,
    arrivals: regular(perSecond),
    clients,
    durationMs: forMs,
    drainMs: abortMs - forMs,
    events,
    send: (mesh, { random }) => {
      const path = paths[Math.floor(random.next() * paths.length)] ?? '/';
      return mesh.fetch(`http://simulated${path}`, { method: 'POST' });
    },
  };
}

/** Tries that cost nothing but time: for services that must not fail. */
const PERSISTENT = { budgetRatio: 1, budgetTokens: 1_000 };

const linear = { ms: 60, doublesAt: 60 };

export const DIALOGUE: readonly DialogueSituation[] = [
  {
    name: 'simplest_possible_case',
    published: { success: 100, meanS: 0.785757575 },
    options: traffic([phased('fast', { ms: 600 }), phased('medium', { ms: 800 }), phased('slightly-slow', { ms: 1_000 })], {
      perSecond: 11,
      forMs: 20 * MINUTE,
      abortMs: 60 * MINUTE,
    }),
  },
  {
    name: 'slow_503s_then_revert',
    published: { success: 100, meanS: 0.088828705 },
    options: traffic(
      [
        phased('fast', linear),
        phased(
          'slow-failures-then-revert',
          { ...linear, untilMs: 3_000 },
          { ms: 1_000, doublesAt: 60, status: 503, untilMs: 10_000 },
          linear,
        ),
      ],
      { perSecond: 200, forMs: 15_000 },
    ),
    troubleMs: [3_000, 10_000],
    tuned: { attemptTimeoutMs: 250, retry: PERSISTENT },
  },
  {
    name: 'fast_503s_then_revert',
    published: { success: 100, meanS: 0.120107163 },
    options: traffic(
      [
        phased('normal', { ms: 120 }),
        phased('fast-503s', { ms: 120, untilMs: 3_000 }, { ms: 1e-5, status: 503, untilMs: MINUTE }, { ms: 120 }),
      ],
      { perSecond: 500, forMs: 90_000 },
    ),
    troubleMs: [3_000, MINUTE],
    tuned: { retry: { ...PERSISTENT, backoff: { baseMs: 0 } } },
  },
  {
    name: 'fast_400s_then_revert',
    published: { success: 93.6, meanS: 0.113583333 },
    options: traffic(
      [
        phased('normal', { ms: 120 }),
        phased('fast-400s', { ms: 120, untilMs: 3_000 }, { ms: 20, status: 400, untilMs: 30_000 }, { ms: 120 }),
      ],
      { perSecond: 100, forMs: MINUTE },
    ),
    troubleMs: [3_000, 30_000],
    failures: [400],
  },
  {
    name: 'short_outage_on_one_node',
    published: { success: 99.4, meanS: 4.35103125 },
    options: traffic(
      [
        phased('stable', { ms: 2_000 }),
        phased('has-outage', { ms: 2_000, untilMs: 30_000 }, { ms: 1e-5, status: 500, untilMs: 50_000 }, { ms: 2_000 }),
      ],
      { perSecond: 20, forMs: 80_000, abortMs: 3 * MINUTE, clients: 1 },
    ),
    troubleMs: [30_000, 50_000],
    tuned: { retry: { ...PERSISTENT, retryOn: [500] } },
  },
  {
    name: 'drastic_slowdown',
    published: { success: 100, meanS: 0.251969999 },
    options: traffic(
      [phased('fast', linear), phased('slow', { ...linear, untilMs: 3_000 }, { ms: 10_000, doublesAt: 60, untilMs: 10_000 }, linear)],
      {
        perSecond: 200,
        forMs: 20_000,
      },
    ),
    troubleMs: [3_000, 10_000],
    tuned: { attemptTimeoutMs: 250, retry: PERSISTENT },
  },
  {
    name: 'all_nodes_500',
    published: { success: 74.1, meanS: 3.347395 },
    options: traffic(
      ['node-1', 'node-2'].map((name) => phased(name, { ms: 600, status: 500, untilMs: 10_000 }, { ms: 600 })),
      { perSecond: 100, forMs: 20_000 },
    ),
    troubleMs: [0, 10_000],
    tuned: {
      circuitBreaker: false,
      retry: { ...PERSISTENT, attempts: 30, retryOn: [500], budgetTokens: 100_000, backoff: { maxMs: 200 } },
    },
  },
  {
    name: 'black_hole',
    published: { success: 91.5, meanS: 0.600005464 },
    options: traffic([phased('node-1', { ms: 600 }), phased('black-hole', { ms: 600, untilMs: 3_000 }, { ms: 86_400_000 })], {
      perSecond: 200,
      forMs: 10_000,
      abortMs: 30_000,
    }),
    troubleMs: [3_000, 10_000],
    tuned: { attemptTimeoutMs: 700, retry: PERSISTENT },
    unlimited: { timeoutMs: HOUR, attemptTimeoutMs: HOUR },
  },
  {
    name: 'one_endpoint_dies_on_each_server',
    published: { success: 66.2, meanS: 2.0278288 },
    options: traffic(
      ['/e1', '/e2'].map((path, index) =>
        phased(`server-${index + 1}`, { ms: 600, untilMs: 3_000 }, { ms: 600, path, status: 500 }, { ms: 600 }),
      ),
      { perSecond: 250, forMs: 10_000, paths: ['/e1', '/e2'] },
    ),
    troubleMs: [3_000, 10_000],
    tuned: { circuitBreaker: false, retry: { ...PERSISTENT, retryOn: [500] } },
  },
  {
    name: 'live_reloading',
    published: { success: 92.9, meanS: 5.3514976 },
    options: traffic([phased('always-on', { ms: 600, doublesAt: 60 }), phased('always-broken', { ms: 600, doublesAt: 60, status: 500 })], {
      perSecond: 250,
      forMs: 10_000,
      events: [at(5_000, ({ add }) => add(phased('added-halfway', { ms: 600, doublesAt: 60 })))],
    }),
    troubleMs: [0, 10_000],
    tuned: { retry: { ...PERSISTENT, retryOn: [500] } },
  },
  {
    name: 'uncommon_flakes',
    published: { success: 99, meanS: 0.000001, chance: 0.3 },
    options: traffic(
      ['fast-0', 'fast-1'].map((name) => phased(name, { ms: 1e-3 })),
      {
        perSecond: 1_000,
        forMs: 10_000,
        abortMs: 10_001,
        events: ['fast-0', 'fast-1'].map((name) =>
          at(0, ({ endpoint }) => endpoint(name).fail({ status: 500, ratio: 0.01, afterMs: 1e-3 })),
        ),
      },
    ),
    tuned: { retry: { retryOn: [500], backoff: { baseMs: 0 } } },
  },
  {
    name: 'one_big_spike',
    published: { success: 100, meanS: 1.579726259 },
    options: traffic(
      ['node-1', 'node-2'].map((name) => phased(name, { ms: 150, errorsAbove: { count: 100, status: 429 } })),
      { perSecond: 30_000, forMs: 33.35, abortMs: 10_000, clients: 1 },
    ),
    tuned: { endpointConcurrency: 100, bulkhead: { concurrency: 200, queue: 1_000, queueTimeoutMs: 10_000 } },
  },
  {
    name: 'slowdown_and_error_thresholds',
    published: { success: 100, meanS: 178.655204751 },
    options: traffic(
      [600, 800, 1_000].map((ms) => phased(`takes-${ms}-ms`, { ms, doublesAt: 30, errorsAbove: { count: 40, status: 500 } })),
      { perSecond: 500, forMs: 20_000 },
    ),
    // Ten clients: three at a time from each, thirty for each server, which is where its time doubles.
    tuned: {
      timeoutMs: 10 * MINUTE,
      endpointConcurrency: 3,
      bulkhead: { concurrency: 9, queue: 2_000, queueTimeoutMs: 10 * MINUTE },
    },
  },
];
