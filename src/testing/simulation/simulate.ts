import { createMesh } from '../../mesh.js';
import type { EndpointModel } from './endpoint-model.js';
import { EventHash } from './event-hash.js';
import { Fleet } from './fleet.js';
import { type LatencySummary, latencySummary } from './latency-summary.js';
import { noLengths } from './load-log.js';
import { randomStream } from './random-stream.js';
import { RequestLog, type TimeBucket } from './request-log.js';
import { controlOf, ScriptEvent } from './script.js';
import { SimulationClock } from './simulation-clock.js';
import { type SimulationOptions, simulationSettings } from './simulation-options.js';
import { Traffic } from './traffic.js';

/** What one endpoint had to do, from the end of the warm-up on. */
export interface EndpointLoad {
  readonly name: string;
  /** Requests that arrived, retries included. */
  readonly received: number;
  /** Requests that it worked for to the end. */
  readonly answered: number;
  /** Requests that it turned down without work: because it was told to, or because its queue was full. */
  readonly refused: number;
  /** The share of its workers' time that was work, while requests came. 0 for one without a bound of workers. */
  readonly utilization: number;
  /** How many requests it had, in its queue and at work, on average over that time. */
  readonly meanInSystem: number;
}

/** What came of a simulation. Requests count by when they were sent: after the warm-up. */
export interface SimulationResult {
  /** Requests sent. */
  readonly requests: number;
  /** Those that were answered with a status below 400. */
  readonly successes: number;
  /** How many ended in which way: by status, by the error's code, or 'unanswered'. */
  readonly outcomes: Readonly<Record<string, number>>;
  /** How long they took from the caller's point of view, failures included. */
  readonly latency: LatencySummary;
  /** How long those took that succeeded. */
  readonly successLatency: LatencySummary;
  /** How long each of them took that came to an end, in ascending order, in milliseconds. */
  readonly latenciesMs: Float64Array;
  /** By when requests were sent. */
  readonly series: readonly TimeBucket[];
  /** By endpoint, in the order in which they were added. */
  readonly endpoints: readonly EndpointLoad[];
  /** The share of all endpoints' time in which one had at least `i` requests, by `i`. The last one stands for all above. */
  readonly queueTail: readonly number[];
  /** How many pairs of a client and an endpoint had to do with each other, the warm-up included. */
  readonly connections: number;
  /** Events that happened, the warm-up's included. */
  readonly events: number;
  /** When the last one happened, in milliseconds of virtual time. */
  readonly endedAtMs: number;
  /** A fingerprint of all that happened, in order. Equal for two runs of the same seed and options. */
  readonly hash: string;
}

/**
 * Runs real meshes against simulated endpoints, in virtual time: discovery, balancers and policies are those that
 * serve production, only the wire and the servers behind it are a model. An hour passes in seconds, and the same seed
 * gives the same run, to the bit.
 *
 * Requests come by themselves, whether or not earlier ones were answered. An endpoint is a queue with workers. All
 * that takes time takes virtual time: what waits for the real world (a socket, a file) must not be in the options.
 *
 * @throws ConfigError that names the first bad option. What a script throws ends the run.
 * @example
 * const { latency } = await simulate({
 *   endpoints: [{ name: 'fast', count: 9, serviceMs: exponential(10) }, { name: 'slow', serviceMs: exponential(100) }],
 *   arrivals: poisson(400),
 *   durationMs: 60_000,
 *   mesh: { defaults: { balancer: p2c() } },
 *   events: [at(30_000, ({ endpoint }) => endpoint('fast-1').crash())],
 * });
 */
export async function simulate(options: SimulationOptions): Promise<SimulationResult> {
  const settings = simulationSettings(options);
  const { seed, durationMs, warmUpMs } = settings;
  const clock = new SimulationClock();
  const hash = new EventHash();
  const random = (purpose: string) => randomStream(seed, purpose);
  const fleet = new Fleet({ clock, hash, random, lossRatio: settings.lossRatio }, settings.networkDelay);
  for (const [index, endpoint] of options.endpoints.entries()) fleet.add(`simulate.endpoints[${index}]`, endpoint);
  const meshes = Array.from({ length: settings.clients }, (_, client) =>
    createMesh({ ...settings.mesh(client), discovery: fleet.registry, transport: fleet, clock, random: random(`client ${client}`) }),
  );
  const log = new RequestLog(warmUpMs);
  const traffic = new Traffic({ clock, hash, log, meshes, send: settings.send, durationMs, random }, settings.arrivals);

  let closing = false;
  let stopped = false;
  const plan = (atMs: number, action: () => void) => clock.plan(new ScriptEvent(action), atMs);
  const control = controlOf(fleet, traffic, () => clock.now());
  for (const { atMs, action } of settings.events) plan(atMs, () => action(control));
  plan(warmUpMs, () => {
    for (const { load } of fleet.endpoints) load.restart();
  });
  plan(durationMs, () => {
    closing = true;
    for (const endpoint of fleet.endpoints) endpoint.stopMeasuring();
  });
  plan(durationMs + settings.drainMs, () => {
    stopped = true;
  });

  try {
    await clock.run(() => stopped || (closing && traffic.underWay === 0));
    const latenciesMs = log.latencies('all');
    return {
      requests: log.sent,
      successes: log.successes(),
      outcomes: log.counts(),
      latency: latencySummary(latenciesMs),
      successLatency: latencySummary(log.latencies('successes')),
      latenciesMs,
      series: log.series(settings.seriesMs, durationMs),
      endpoints: fleet.endpoints.map(loadOf),
      queueTail: tailOf(fleet.endpoints),
      connections: fleet.connections,
      events: clock.happened,
      endedAtMs: clock.now(),
      hash: hash.digest(),
    };
  } finally {
    await Promise.all(meshes.map((mesh) => mesh.close({ graceMs: 0 })));
  }
}

function loadOf({ name, load }: EndpointModel): EndpointLoad {
  const { received, answered, refused, utilization, meanInSystem } = load;
  return { name, received, answered, refused, utilization, meanInSystem };
}

/** From how long there were exactly `i`, how often there were `i` or more. */
function tailOf(endpoints: readonly EndpointModel[]): number[] {
  const lengths = noLengths();
  for (const { load } of endpoints) load.addLengths(lengths);
  const tail = Array.from(lengths);
  for (let length = tail.length - 2; length >= 0; length--) tail[length] = (tail[length] as number) + (tail[length + 1] as number);
  const total = tail[0] as number;
  const shares = total === 0 ? [] : tail.map((ms) => ms / total);
  return shares.slice(0, shares.findLastIndex((share) => share > 0) + 1);
}
