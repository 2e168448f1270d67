import { ConfigError } from '../../core/errors.js';
import { durationMs, knownKeys, numberIn, oneOf, trueOrFalse, wholeNumberIn } from '../../core/options-check.js';
import { type Distribution, distributionOf, type Times } from './distributions.js';

/** How an endpoint is slow after its start. */
export interface ColdStart {
  /** The part of its speed that it has at first; it rises evenly to 1. Above 0, at most 1. */
  readonly speed: number;
  /** For how long, in milliseconds. Above 0. */
  readonly forMs: number;
}

/** What an endpoint's answers may tell of it. */
export interface EndpointView {
  readonly name: string;
  /** Requests in its queue and at work, without the one that is being answered. */
  readonly inSystem: number;
}

/** A request, as an endpoint sees it that decides by itself how long it works and what it answers. */
export interface ReceivedRequest {
  readonly method: string;
  readonly path: string;
  /** Requests in its queue and at work, this one included. */
  readonly inSystem: number;
  /** When its work began, in milliseconds of virtual time since the beginning. */
  readonly begunMs: number;
  /** The virtual time. */
  readonly nowMs: number;
}

/** One endpoint of a simulation, or several of a kind. */
export interface SimulatedEndpointOptions {
  /**
   * What it is called: in the script, in the results, and as its id. With a `count`, the name is followed by a number from
   * 1. Letters, digits, dots and hyphens; default 'endpoint'.
   */
  readonly name?: string | undefined;
  /** How many of this kind there are. 1 to 100,000; default: one, whose name has no number. */
  readonly count?: number | undefined;
  /**
   * How long a request takes at speed 1, in milliseconds; or a function that says so when its work begins: of what is
   * asked, of how much there is to do, of the time. It must return a finite number of at least 0.
   */
  readonly serviceMs: Times | ((request: ReceivedRequest) => number);
  /** The status of an answer, or a function that says so when the work is done. From 200 to 599; default 200. */
  readonly status?: number | ((request: ReceivedRequest) => number) | undefined;
  /** How many requests it works for at a time. At least 1, Infinity for no bound; default 1. */
  readonly workers?: number | undefined;
  /** How many requests may wait for a worker; one more is answered with 503. At least 0; default Infinity. */
  readonly queueLimit?: number | undefined;
  /** How fast it works. 0 (not at all) or more; default 1. */
  readonly speed?: number | undefined;
  /** How it is slow at first, when it is added or restarted within the run. Default: it is not. */
  readonly coldStart?: ColdStart | undefined;
  /** How long a message travels to it, and from it, in milliseconds. Default: that of the network. */
  readonly delayMs?: Times | undefined;
  /** Whether it leaves out requests in its queue whose caller has given up; most servers never learn of it. Default false. */
  readonly dropsCancelled?: boolean | undefined;
  /** The headers of its answers: for balancers that read load reports. Default: none. */
  readonly answerHeaders?: ((endpoint: EndpointView) => Readonly<Record<string, string>>) | undefined;
  /**
   * Where it says how busy it is, as a server with `loadReports()` does: in its 'answers', to 'probes' (which it answers
   * at once, whatever it has to do), or in 'both'. Default: nowhere; then a probe is a request like any other.
   */
  readonly reportsLoad?: 'answers' | 'probes' | 'both' | undefined;
  /** What the registry says of it: see `InstanceInput`. Default: nothing. */
  readonly weight?: number | undefined;
  readonly priority?: number | undefined;
  readonly zone?: string | undefined;
  readonly metadata?: Readonly<Record<string, string>> | undefined;
}

/** How long requests take: drawn by chance, or worked out of the request. */
export type WorkTimes = Distribution | ((request: ReceivedRequest) => number);

/** One endpoint, with every default filled in. */
export interface EndpointSettings {
  readonly name: string;
  /** What the registry says of it, besides its address. */
  readonly traits: Pick<SimulatedEndpointOptions, 'weight' | 'priority' | 'zone' | 'metadata'>;
  readonly serviceMs: WorkTimes;
  readonly status: number | ((request: ReceivedRequest) => number);
  readonly workers: number;
  readonly queueLimit: number;
  readonly speed: number;
  readonly coldStart: ColdStart | undefined;
  readonly delayMs: Distribution;
  readonly dropsCancelled: boolean;
  readonly answerHeaders: SimulatedEndpointOptions['answerHeaders'];
  readonly reportsLoad: SimulatedEndpointOptions['reportsLoad'];
}

const KEYS = [
  'name',
  'count',
  'serviceMs',
  'status',
  'workers',
  'queueLimit',
  'speed',
  'coldStart',
  'delayMs',
  'dropsCancelled',
  'answerHeaders',
  'reportsLoad',
  'weight',
  'priority',
  'zone',
  'metadata',
];

/** The endpoints that `options` stand for. @throws ConfigError that names the first bad option under `path`. */
export function endpointSettings(path: string, options: SimulatedEndpointOptions, networkDelay: Distribution): EndpointSettings[] {
  knownKeys(path, options, KEYS);
  const { name = 'endpoint', count, coldStart, answerHeaders, reportsLoad, delayMs, weight, priority, zone, metadata } = options;
  if (typeof name !== 'string' || !/^[a-z\d]([a-z\d.-]{0,200}[a-z\d])?$/i.test(name)) {
    throw new ConfigError(`${path}.name`, 'a name of letters, digits, dots and hyphens', name);
  }
  if (answerHeaders !== undefined && typeof answerHeaders !== 'function') {
    throw new ConfigError(`${path}.answerHeaders`, 'a function', answerHeaders);
  }
  const shared = {
    serviceMs: workTimesOf(`${path}.serviceMs`, options.serviceMs),
    status: statusOf(`${path}.status`, options.status ?? 200),
    workers: wholeNumberIn(`${path}.workers`, options.workers ?? 1, 1, Number.POSITIVE_INFINITY),
    queueLimit: wholeNumberIn(`${path}.queueLimit`, options.queueLimit ?? Number.POSITIVE_INFINITY, 0, Number.POSITIVE_INFINITY),
    speed: speedOf(`${path}.speed`, options.speed ?? 1),
    coldStart: coldStart === undefined ? undefined : checkedColdStart(`${path}.coldStart`, coldStart),
    delayMs: delayMs === undefined ? networkDelay : distributionOf(`${path}.delayMs`, delayMs),
    dropsCancelled: trueOrFalse(`${path}.dropsCancelled`, options.dropsCancelled ?? false),
    answerHeaders,
    reportsLoad: reportsLoad === undefined ? undefined : oneOf(`${path}.reportsLoad`, reportsLoad, ['answers', 'probes', 'both']),
    traits: { weight, priority, zone, metadata },
  };
  if (count === undefined) return [{ ...shared, name }];
  wholeNumberIn(`${path}.count`, count, 1, 100_000);
  return Array.from({ length: count }, (_, index) => ({ ...shared, name: `${name}-${index + 1}` }));
}

/** @throws ConfigError for what is no time, no distribution and no function. */
export function workTimesOf(path: string, times: SimulatedEndpointOptions['serviceMs']): WorkTimes {
  if (typeof times !== 'function') return distributionOf(path, times);
  return (request) => numberIn(path, times(request), 0, Number.MAX_VALUE);
}

function statusOf(path: string, status: EndpointSettings['status']): EndpointSettings['status'] {
  if (typeof status === 'function') return (request) => wholeNumberIn(path, status(request), 200, 599);
  return wholeNumberIn(path, status, 200, 599);
}

/** @throws ConfigError for a speed that is not a finite number of at least 0. */
export function speedOf(path: string, speed: number): number {
  return numberIn(path, speed, 0, 1e9);
}

function checkedColdStart(path: string, coldStart: ColdStart): ColdStart {
  knownKeys(path, coldStart, ['speed', 'forMs']);
  numberIn(`${path}.speed`, coldStart.speed, Number.MIN_VALUE, 1);
  durationMs(`${path}.forMs`, coldStart.forMs);
  return coldStart;
}
