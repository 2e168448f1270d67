import { Child } from './child.js';
import type { FleetOrder, FleetRound } from './fleet-client.js';
import { FLEET_CONTENDERS, type FleetContender } from './fleet-contenders.js';
import type { FleetTask } from './fleet-server.js';
import { shuffled } from './statistics.js';

/**
 * Balancers over real sockets, side by side: HTTP servers whose work is a queue with workers and a timer, so that the
 * cores have time to spare and what is waited for is the queues; and requests that come by themselves, whether or not
 * the ones before them were answered (an open loop). How long a request takes counts from when it was due.
 *
 * The servers are started once. Rounds go from one contender to the next and around again, each time in another order,
 * with processes of its own, and in the same round all have the same arrivals and the servers the same service times.
 */

/** What the contenders meet. */
export interface FleetSetUp {
  readonly name: string;
  readonly about: string;
  readonly task: Omit<FleetTask, 'seed'>;
  /** Requests a second, of all clients together. */
  readonly perSecond: number;
  readonly processes: number;
  /** Clients, each with a mesh of its own, in each of the processes. */
  readonly clientsEach: number;
  readonly rounds: number;
  /** Connections are opened and code is compiled; and at nine tenths of the load queues take their time to fill. */
  readonly warmUpMs: number;
  readonly contenders: readonly FleetContender[];
}

export interface FleetResult {
  readonly contender: FleetContender;
  readonly name: string;
  readonly requests: number;
  readonly failed: number;
  readonly meanMs: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  /** The 99th percentile of each round. */
  readonly p99OfRoundsMs: readonly number[];
  /** How late requests were sent on average, in the worst round: below 1 ms unless the client had too little of its core. */
  readonly lateMs: number;
}

export interface FleetResults {
  readonly setUp: FleetSetUp;
  readonly results: readonly FleetResult[];
  /** How busy the servers' process was on average, from 0 to 1: near 1, a queue of the event loop was measured. */
  readonly serverShare: number;
}

const WORKERS = 4;
const FAST_MS = 5;
const SLOW_MS = 80;

/** Claim 15. */
const TWO_SLOW: FleetSetUp = {
  name: 'Two slow servers of sixteen',
  about:
    `Fourteen servers take ${FAST_MS} ms for a request and two take ${SLOW_MS}, each with ${WORKERS} workers and a queue; the times are spread evenly from half to one and a half of that. ` +
    'One client sends 600 requests a second (Poisson), with which dealing them out evenly keeps the slow servers busy for three quarters of their time. ' +
    "undici's RoundRobinPool goes around its connections, of which it opens as many as it needs at once, each to the next server: with this load it uses the first servers alone, which are fast.",
  task: { servers: 16, slow: 2, workers: WORKERS, fastMs: FAST_MS, slowMs: SLOW_MS, spread: 'even' },
  perSecond: 600,
  processes: 1,
  clientsEach: 1,
  rounds: 3,
  warmUpMs: 1_500,
  contenders: [
    'adaptive',
    'p2c-peak-ewma',
    'p2c-pending',
    'least-request',
    'round-robin',
    'undici-balanced-pool',
    'undici-round-robin-pool',
  ],
};

const TWO_SLOW_UNEVEN: FleetSetUp = {
  ...TWO_SLOW,
  name: 'Two slow servers of sixteen, requests that differ',
  about: `The same with times that are spread exponentially: then one request of a hundred takes ${Math.round(FAST_MS * Math.log(100))} ms on a fast server too, and no balancer has a lower 99th percentile.`,
  task: { ...TWO_SLOW.task, spread: 'exponential' },
  contenders: ['adaptive', 'p2c-peak-ewma', 'least-request', 'round-robin'],
};

const ALIKE_MS = 10;
const ALIKE_LOAD = 0.9;

/** Claim 16. */
const TEN_CLIENTS: FleetSetUp = {
  name: 'Ten clients of twenty servers',
  about:
    `Twenty servers, each with one worker that takes ${ALIKE_MS} ms for a request (exponential), are busy for ${ALIKE_LOAD * 100} % of their time. ` +
    'The requests (Poisson) are those of ten clients in two processes, each of which knows only its own.',
  task: { servers: 20, slow: 0, workers: 1, fastMs: ALIKE_MS, slowMs: ALIKE_MS, spread: 'exponential' },
  perSecond: (20 * ALIKE_LOAD * 1_000) / ALIKE_MS,
  processes: 2,
  clientsEach: 5,
  rounds: 4,
  warmUpMs: 2_500,
  contenders: ['adaptive', 'p2c-peak-ewma', 'p2c-pending', 'round-robin'],
};

const ROUND_MS = 4_000;
const QUICK_ROUND_MS = 1_500;
const QUICK_WARM_UP_MS = 1_500;
/** Answers are waited for that long; the standard stack gives up before. */
const LIMIT_MS = 60_000;

export async function run({ node, quick }: { readonly node: string; readonly quick: boolean }): Promise<FleetResults[]> {
  const all: FleetResults[] = [];
  for (const setUp of [TWO_SLOW, TWO_SLOW_UNEVEN, TEN_CLIENTS]) all.push(await runOne(setUp, node, quick));
  return all;
}

async function runOne(setUp: FleetSetUp, node: string, quick: boolean): Promise<FleetResults> {
  const server = new Child({ node, script: 'fleet-server.js', args: [JSON.stringify(setUp.task)], core: 'server' });
  try {
    const urls = await server.ask<string[]>(undefined, LIMIT_MS);
    const rounds = new Map<FleetContender, FleetRound[]>(setUp.contenders.map((contender) => [contender, []]));
    const startMs = performance.now();
    for (let round = 1; round <= (quick ? 1 : setUp.rounds); round++) {
      for (const contender of shuffled(setUp.contenders)) {
        await server.ask({ seed: round }, LIMIT_MS);
        rounds.get(contender)?.push(await oneRound({ setUp, contender, urls, node, quick, seed: round }));
      }
    }
    const serverShare = (await server.ask<number>('cpu', LIMIT_MS)) / 1_000 / (performance.now() - startMs);
    return { setUp, results: [...rounds].map(([contender, its]) => resultOf(contender, its)), serverShare };
  } finally {
    server.end();
  }
}

interface Round {
  readonly setUp: FleetSetUp;
  readonly contender: FleetContender;
  readonly urls: readonly string[];
  readonly node: string;
  readonly quick: boolean;
  readonly seed: number;
}

/** New processes, which share the requests. */
async function oneRound({ setUp, contender, urls, node, quick, seed }: Round): Promise<FleetRound> {
  const { processes, clientsEach, perSecond } = setUp;
  const args = [contender, String(clientsEach), ...urls];
  const nodeArgs = ['--no-warnings'];
  // The servers leave most of their core to whoever needs it.
  const clients = Array.from(
    { length: processes },
    (_, index) => new Child({ node, script: 'fleet-client.js', args, nodeArgs, core: index % 2 === 0 ? 'client' : 'server' }),
  );
  try {
    await Promise.all(clients.map((client) => client.ask(undefined, LIMIT_MS)));
    const order = {
      perSecond: perSecond / processes,
      durationMs: quick ? QUICK_ROUND_MS : ROUND_MS,
      warmUpMs: quick ? QUICK_WARM_UP_MS : setUp.warmUpMs,
    };
    const parts = await Promise.all(
      clients.map((client, index) => client.ask<FleetRound>({ ...order, seed: seed * 1_000 + index } satisfies FleetOrder, LIMIT_MS)),
    );
    return {
      latenciesMs: parts.flatMap(({ latenciesMs }) => latenciesMs),
      failed: parts.reduce((sum, { failed }) => sum + failed, 0),
      lateMs: Math.max(...parts.map(({ lateMs }) => lateMs)),
    };
  } finally {
    for (const client of clients) client.end();
  }
}

function resultOf(contender: FleetContender, rounds: readonly FleetRound[]): FleetResult {
  const latenciesMs = rounds.flatMap((round) => round.latenciesMs);
  const quantile = (of: readonly number[], ratio: number): number => {
    const sorted = of.toSorted((a, b) => a - b);
    return sorted[Math.max(0, Math.ceil(ratio * sorted.length) - 1)] ?? Number.NaN;
  };
  return {
    contender,
    name: FLEET_CONTENDERS[contender].name,
    requests: latenciesMs.length,
    failed: rounds.reduce((sum, { failed }) => sum + failed, 0),
    meanMs: latenciesMs.reduce((sum, ms) => sum + ms, 0) / latenciesMs.length,
    p50Ms: quantile(latenciesMs, 0.5),
    p99Ms: quantile(latenciesMs, 0.99),
    p999Ms: quantile(latenciesMs, 0.999),
    p99OfRoundsMs: rounds.map((round) => quantile(round.latenciesMs, 0.99)),
    lateMs: Math.max(...rounds.map(({ lateMs }) => lateMs)),
  };
}
