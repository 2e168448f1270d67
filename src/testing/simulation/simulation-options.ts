import { ConfigError } from '../../core/errors.js';
import { durationMs, knownKeys, numberIn, wholeNumberIn } from '../../core/options-check.js';
import type { MeshOptions } from '../../options.js';
import { type Distribution, distributionOf, type Times } from './distributions.js';
import type { SimulatedEndpointOptions } from './endpoint-options.js';
import { SERVICE } from './fleet.js';
import type { ScriptedEvent } from './script.js';
import type { SendRequest } from './traffic.js';

/** How a client's mesh is made. Where the endpoints are, the way to them, time and chance are the simulation's. */
export type ClientOptions = Omit<MeshOptions, 'discovery' | 'transport' | 'clock' | 'random'>;

/** What lies between clients and endpoints. */
export interface NetworkOptions {
  /** How long a message travels, in milliseconds: each way, a number of its own. At least 0; default 0. */
  readonly delayMs?: Times | undefined;
  /**
   * How many of the requests, and of the answers, never arrive. From 0 to 1; default 0. Nothing tells their caller, which
   * waits until its time is over: this is not the packet that TCP sends again, but the connection that hangs.
   */
  readonly lossRatio?: number | undefined;
}

/** What is simulated. */
export interface SimulationOptions {
  /** What stands for the servers. */
  readonly endpoints: readonly SimulatedEndpointOptions[];
  /** How requests come, all clients together: `poisson(200)`, `regular(200)`, or any distribution of the times between two. */
  readonly arrivals: Distribution;
  /** For how long requests come, in milliseconds of virtual time. Above 0. */
  readonly durationMs: number;
  /** How many clients there are, each with a mesh of its own; each request is one of theirs, by chance. 1 to 100,000; default 1. */
  readonly clients?: number | undefined;
  /** How each client's mesh is made, or a function of the client's number, from 0. Default: with the defaults of `createMesh`. */
  readonly mesh?: ClientOptions | ((client: number) => ClientOptions) | undefined;
  /** Makes the run repeatable: the same seed, the same run. A whole number from 0 to 2^32 - 1; default 1. */
  readonly seed?: number | undefined;
  /** Requests sent before this time are not in the results, in milliseconds. At least 0, less than `durationMs`; default 0. */
  readonly warmUpMs?: number | undefined;
  /** For how long requests may go on when no more are sent, in milliseconds; then they count as unanswered. At least 0; default 60,000. */
  readonly drainMs?: number | undefined;
  /** The network. Default: one without delay or loss. */
  readonly network?: NetworkOptions | undefined;
  /** What happens meanwhile: see `at`. Default: nothing. */
  readonly events?: readonly ScriptedEvent[] | undefined;
  /** Sends one request. Default: GET / to the service. */
  readonly send?: SendRequest | undefined;
  /** How long a step of the series of results is, in milliseconds. Above 0; default a hundredth of the time that is measured. */
  readonly seriesMs?: number | undefined;
}

/** The options with every default filled in. */
export interface SimulationSettings {
  readonly arrivals: Distribution;
  readonly durationMs: number;
  readonly clients: number;
  readonly mesh: (client: number) => ClientOptions;
  readonly seed: number;
  readonly warmUpMs: number;
  readonly drainMs: number;
  readonly networkDelay: Distribution;
  readonly lossRatio: number;
  readonly events: readonly ScriptedEvent[];
  readonly send: SendRequest;
  readonly seriesMs: number;
}

const KEYS = [
  'endpoints',
  'arrivals',
  'durationMs',
  'clients',
  'mesh',
  'seed',
  'warmUpMs',
  'drainMs',
  'network',
  'events',
  'send',
  'seriesMs',
];

const URL_OF_SERVICE = `http://${SERVICE}/`;

/** Checks all options but those of the endpoints. @throws ConfigError that names the first bad one. */
export function simulationSettings(options: SimulationOptions): SimulationSettings {
  knownKeys('simulate', options, KEYS);
  const { endpoints, events = [], network = {}, mesh = {}, send } = options;
  if (!Array.isArray(endpoints)) throw new ConfigError('simulate.endpoints', 'a list of endpoints', endpoints);
  if (!Array.isArray(events)) throw new ConfigError('simulate.events', 'a list of at(...)', events);
  if (send !== undefined && typeof send !== 'function') throw new ConfigError('simulate.send', 'a function', send);
  knownKeys('simulate.network', network, ['delayMs', 'lossRatio']);
  const runMs = durationMs('simulate.durationMs', options.durationMs);
  const warmUpMs = numberIn('simulate.warmUpMs', options.warmUpMs ?? 0, 0, Number.MAX_VALUE);
  if (warmUpMs >= runMs) throw new ConfigError('simulate.warmUpMs', `less than durationMs (${runMs})`, warmUpMs);
  const arrivals = distributionOf('simulate.arrivals', options.arrivals);
  if (!(arrivals.meanMs > 0)) throw new ConfigError('simulate.arrivals', 'times that are above 0 on average', arrivals.meanMs);
  return {
    arrivals,
    durationMs: runMs,
    clients: wholeNumberIn('simulate.clients', options.clients ?? 1, 1, 100_000),
    mesh: typeof mesh === 'function' ? mesh : () => mesh,
    seed: wholeNumberIn('simulate.seed', options.seed ?? 1, 0, 2 ** 32 - 1),
    warmUpMs,
    drainMs: numberIn('simulate.drainMs', options.drainMs ?? 60_000, 0, Number.MAX_VALUE),
    networkDelay: distributionOf('simulate.network.delayMs', network.delayMs ?? 0),
    lossRatio: numberIn('simulate.network.lossRatio', network.lossRatio ?? 0, 0, 1),
    events,
    send: send ?? ((client) => client.fetch(URL_OF_SERVICE)),
    seriesMs: durationMs('simulate.seriesMs', options.seriesMs ?? (runMs - warmUpMs) / 100),
  };
}
