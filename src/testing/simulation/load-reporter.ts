import type { Call } from '../../core/call.js';
import { LOAD_PROBE_PATH } from '../../core/load-probe.js';
import type { RawHeaders } from '../../core/reply.js';
import { HEADER } from '../../load-reports/report-header.js';
import { ServerLoad } from '../../load-reports/server-load.js';
import type { LoadLog } from './load-log.js';
import type { SimulationClock } from './simulation-clock.js';

/** What `loadReports()` averages over by default. */
const AVERAGE_MS = 5_000;

/** What a simulated endpoint says of its load: what a real server with `loadReports()` would, worked out by the same code. */
export class LoadReporter {
  private readonly server: ServerLoad;

  constructor(
    private readonly where: 'answers' | 'probes' | 'both',
    clock: SimulationClock,
    log: LoadLog,
  ) {
    // Its workers are all that it has.
    this.server = new ServerLoad(AVERAGE_MS, clock, () => ({ cpuMs: log.workedMs, loopMs: log.workedMs }));
  }

  /** Whether this request is a probe that gets an answer of its own. */
  answersProbe({ method, path }: Call): boolean {
    return this.where !== 'answers' && method === 'GET' && path === LOAD_PROBE_PATH;
  }

  /** A request that came at `receivedMs` is done. */
  answered(status: number, receivedMs: number): void {
    this.server.answered(status, receivedMs);
  }

  /** The headers of its answer, while so many others are in the queue or at work; none where answers say nothing. */
  inAnswer(others: number): RawHeaders | undefined {
    return this.where === 'probes' ? undefined : this.toProbe(others);
  }

  toProbe(inSystem: number): RawHeaders {
    this.server.inFlight = inSystem;
    return [HEADER, this.server.probeReport()];
  }
}
