import { availableParallelism } from 'node:os';
import { performance } from 'node:perf_hooks';

/** What this process has used since it began. */
export interface ProcessUsage {
  /** Time of all its threads on a CPU, in milliseconds, over the number of CPUs that it may use. */
  readonly cpuMs: number;
  /** Time in which its event loop had something to do, in milliseconds. */
  readonly loopMs: number;
}

/** Asks the system. Costs some microseconds, so it is asked now and then. */
export function processUsage(): ProcessUsage {
  const { user, system } = process.cpuUsage();
  return { cpuMs: (user + system) / 1_000 / availableParallelism(), loopMs: performance.eventLoopUtilization().active };
}
