import { ConfigError } from '../../core/errors.js';
import { durationMs, knownKeys, numberIn, trueOrFalse, wholeNumberIn } from '../../core/options-check.js';
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

/** One endpoint of a simulation, or several of a kind. */
export interface SimulatedEndpointOptions {
  /**
   * What it is called: in the script, in the results, and as its id. With a `count`, the name is followed by a number from
   * 1. Letters, digits, dots and hyphens; default 'endpoint'.
   */
  readonly name?: string | undefined;
  /** How many of this kind there are. 1 to 100,000; default: one, whose name has no number. */
  readonly count?: number | undefined;
  /** How long a request takes at speed 1, in milliseconds. */
  readonly serviceMs: Times;
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
  /** What the registry says of it: see `InstanceInput`. Default: nothing. */
  readonly weight?: number | undefined;
  readonly priority?: number | undefined;
  readonly zone?: string | undefined;
  readonly metadata?: Readonly<Record<string, string>> | undefined;
}

/** One endpoint, with every default filled in. */
export interface EndpointSettings {
  readonly name: string;
  /** What the registry says of it, besides its address. */
  readonly traits: Pick<SimulatedEndpointOptions, 'weight' | 'priority' | 'zone' | 'metadata'>;
  readonly serviceMs: Distribution;
  readonly workers: number;
  readonly queueLimit: number;
  readonly speed: number;
  readonly coldStart: ColdStart | undefined;
  readonly delayMs: Distribution;
  readonly dropsCancelled: boolean;
  readonly answerHeaders: SimulatedEndpointOptions['answerHeaders'];
}

const KEYS = [
  'name',
  'count',
  'serviceMs',
  'workers',
  'queueLimit',
  'speed',
  'coldStart',
  'delayMs',
  'dropsCancelled',
  'answerHeaders',
  'weight',
  'priority',
  'zone',
  'metadata',
];

/** The endpoints that `options` stand for. @throws ConfigError that names the first bad option under `path`. */
export function endpointSettings(path: string, options: SimulatedEndpointOptions, networkDelay: Distribution): EndpointSettings[] {
  knownKeys(path, options, KEYS);
  const { name = 'endpoint', count, coldStart, answerHeaders, delayMs, weight, priority, zone, metadata } = options;
  if (typeof name !== 'string' || !/^[a-z\d]([a-z\d.-]{0,200}[a-z\d])?$/i.test(name)) {
    throw new ConfigError(`${path}.name`, 'a name of letters, digits, dots and hyphens', name);
  }
  if (answerHeaders !== undefined && typeof answerHeaders !== 'function') {
    throw new ConfigError(`${path}.answerHeaders`, 'a function', answerHeaders);
  }
  const shared = {
    serviceMs: distributionOf(`${path}.serviceMs`, options.serviceMs),
    workers: wholeNumberIn(`${path}.workers`, options.workers ?? 1, 1, Number.POSITIVE_INFINITY),
    queueLimit: wholeNumberIn(`${path}.queueLimit`, options.queueLimit ?? Number.POSITIVE_INFINITY, 0, Number.POSITIVE_INFINITY),
    speed: speedOf(`${path}.speed`, options.speed ?? 1),
    coldStart: coldStart === undefined ? undefined : checkedColdStart(`${path}.coldStart`, coldStart),
    delayMs: delayMs === undefined ? networkDelay : distributionOf(`${path}.delayMs`, delayMs),
    dropsCancelled: trueOrFalse(`${path}.dropsCancelled`, options.dropsCancelled ?? false),
    answerHeaders,
    traits: { weight, priority, zone, metadata },
  };
  if (count === undefined) return [{ ...shared, name }];
  wholeNumberIn(`${path}.count`, count, 1, 100_000);
  return Array.from({ length: count }, (_, index) => ({ ...shared, name: `${name}-${index + 1}` }));
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
