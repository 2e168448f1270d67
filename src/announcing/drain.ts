import type { Clock, Timer } from '../core/clock.js';
import { DEFAULT_PROPAGATION_MS } from '../core/discovery.js';
import { durationMs, knownKeys, numberIn } from '../core/options-check.js';
import type { RequestsInFlight } from './requests-in-flight.js';
import type { AnnounceableServer } from './server-place.js';

/** How a server that is announced is brought to its end. */
export interface DrainOptions {
  /**
   * How long to go on serving after the instance left the registry, until all clients have seen that, in milliseconds.
   * At least 0; default: what the registry needs, which is 2,000 where it does not say.
   */
  readonly propagationMs?: number | undefined;
  /** How long the requests that are then under way may take, in milliseconds. Above 0; default 10,000. */
  readonly timeoutMs?: number | undefined;
}

/** What became of the requests of a server that was drained. */
export interface DrainResult {
  /** Requests answered to the end since the drain began. */
  readonly finished: number;
  /** Requests and upgraded connections that were still open when the time was over, and were cut. */
  readonly cut: number;
  /** Whether the registry took the instance out. False when it could not be told: then the lease runs out by itself. */
  readonly removed: boolean;
}

export interface DrainSettings {
  readonly propagationMs: number;
  readonly timeoutMs: number;
}

/** A registry that does not answer must not hold a server up. */
const REMOVAL_MS = 5_000;
/** A connection that neither asks nor ends for this long has nothing under way. */
const QUIET_MS = 1_000;

/** Checks the options, and fills in those of `defaults`. @throws ConfigError for one that is out of its range. */
export function drainSettings(path: string, options: DrainOptions, defaults: DrainOptions): DrainSettings {
  knownKeys(path, options, ['propagationMs', 'timeoutMs']);
  const propagationMs = options.propagationMs ?? defaults.propagationMs ?? DEFAULT_PROPAGATION_MS;
  return {
    propagationMs: numberIn(`${path}.propagationMs`, propagationMs, 0, Number.MAX_SAFE_INTEGER, 'milliseconds'),
    timeoutMs: durationMs(`${path}.timeoutMs`, options.timeoutMs ?? defaults.timeoutMs ?? 10_000),
  };
}

/** What is drained. */
export interface DrainParts {
  readonly server: AnnounceableServer;
  readonly requests: RequestsInFlight;
  readonly clock: Clock;
  /** Takes the instance out of the registry. */
  leave(): Promise<void>;
}

/**
 * Ends a server in the order in which no request is lost. Clients must not be sent away before they know where else
 * to go: so the registry comes first, then the time that the news takes, in which everything is served as before, only
 * that each answer gives its connection up. Then nobody is left who would ask, and the server closes.
 */
export async function drain({ server, requests, clock, leave }: DrainParts, settings: DrainSettings): Promise<DrainResult> {
  const finishedBefore = requests.finished;
  requests.letGoOfConnections();
  const leaving = leave().then(
    () => true,
    () => false,
  );
  const removed = await Promise.race([leaving, waitFor(REMOVAL_MS, clock, leaving).then(() => false)]);
  if (settings.propagationMs > 0) await waitFor(settings.propagationMs, clock);
  const cut = await closeServer(server, requests, clock, settings.timeoutMs);
  return { finished: requests.finished - finishedBefore, cut, removed };
}

/** Stops accepting, waits for what is under way, and cuts what is left after `timeoutMs`. Resolves with how many that were. */
async function closeServer(server: AnnounceableServer, requests: RequestsInFlight, clock: Clock, timeoutMs: number): Promise<number> {
  let isClosed = false;
  const closed = new Promise<void>((resolve) => {
    // It may be closed already, which is an error to Node and none to us.
    server.close(() => {
      isClosed = true;
      resolve();
    });
  });
  requests.endSessions();
  closeIdle(server);
  await Promise.race([nothingUnderWay(server, requests, clock, closed), waitFor(timeoutMs, clock, closed)]);
  // With its last connection closed by others, there is nothing left to cut.
  const cut = isClosed ? 0 : requests.size;
  requests.onChange = () => {};
  requests.destroy();
  if ('closeAllConnections' in server) server.closeAllConnections();
  await waitFor(QUIET_MS, clock, closed);
  // The answers hear of the end of their connections a moment later than the server does.
  await waitFor(0, clock);
  return cut;
}

/** Resolves when no request was under way for a while, although connections are open. */
function nothingUnderWay(server: AnnounceableServer, requests: RequestsInFlight, clock: Clock, closed: Promise<void>): Promise<void> {
  return new Promise((resolve) => {
    let quiet: Timer | undefined;
    const look = (): void => {
      quiet?.cancel();
      if (requests.size > 0) return;
      quiet = clock.setTimer(resolve, QUIET_MS);
    };
    requests.onChange = () => {
      look();
      // The connection of an answer that is over becomes idle a moment later.
      clock.setTimer(() => closeIdle(server), 0);
    };
    closed.then(() => {
      requests.onChange = () => {};
      quiet?.cancel();
    });
    look();
  });
}

function closeIdle(server: AnnounceableServer): void {
  if ('closeIdleConnections' in server) server.closeIdleConnections();
}

/** Resolves after a time, or earlier and without a trace when `earlier` comes. */
function waitFor(ms: number, clock: Clock, earlier?: Promise<unknown>): Promise<void> {
  return new Promise((resolve) => {
    const timer = clock.setTimer(resolve, ms);
    earlier?.then(() => {
      timer.cancel();
      resolve();
    });
  });
}
