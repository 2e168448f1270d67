/**
 * What a server says of its load in an answer: an ORCA report (Open Request Cost Aggregation, the message
 * `xds.data.orca.v3.OrcaLoadReport`), as far as balancing needs it. A number that the report leaves out is NaN, which
 * is neither above nor below anything.
 *
 * One object serves all the reports of a service, since one is read with every answer: reading overwrites it.
 *
 * Two of the numbers have no field in ORCA and travel as named metrics. These two names are fetchmesh's own:
 *
 * - `named_metrics.rif`: requests in flight at the server as it answers, the answered one not among them.
 * - `named_metrics.svc`: how long the server takes for a request on average, in milliseconds.
 */
export class LoadReport {
  /** How busy the application says it is: 0 is idle, 1 is full, and more is possible. */
  applicationUtilization = Number.NaN;
  /** The share of the CPU that is used: 1 is all of it, and more is possible. */
  cpuUtilization = Number.NaN;
  /** The share of the memory that is used. */
  memoryUtilization = Number.NaN;
  /** Requests answered per second, to all clients. */
  requestsPerSecond = Number.NaN;
  /** Those of them that failed, per second. */
  errorsPerSecond = Number.NaN;
  /** Requests in flight, of all clients. */
  requestsInFlight = Number.NaN;
  /** How long a request takes on average, in milliseconds. */
  serviceMs = Number.NaN;

  /** How many numbers are known. */
  known = 0;

  /** Notes a number. False for what cannot be one of a load (infinite, below 0) and for what was said already. */
  note(field: LoadField, value: number): boolean {
    if (!(value >= 0 && value < Number.POSITIVE_INFINITY) || !Number.isNaN(this[field])) return false;
    this[field] = value;
    this.known++;
    return true;
  }

  /** Forgets everything. */
  clear(): void {
    if (this.known === 0) return;
    this.known = 0;
    this.applicationUtilization = Number.NaN;
    this.cpuUtilization = Number.NaN;
    this.memoryUtilization = Number.NaN;
    this.requestsPerSecond = Number.NaN;
    this.errorsPerSecond = Number.NaN;
    this.requestsInFlight = Number.NaN;
    this.serviceMs = Number.NaN;
  }
}

/** The numbers of a report. */
export type LoadField =
  | 'applicationUtilization'
  | 'cpuUtilization'
  | 'memoryUtilization'
  | 'requestsPerSecond'
  | 'errorsPerSecond'
  | 'requestsInFlight'
  | 'serviceMs';

/** The names on the wire. JSON has those of protobuf's mapping beside the original ones, and both are in use. */
const BY_METRIC: ReadonlyMap<string, LoadField> = new Map([
  ['application_utilization', 'applicationUtilization'],
  ['applicationUtilization', 'applicationUtilization'],
  ['cpu_utilization', 'cpuUtilization'],
  ['cpuUtilization', 'cpuUtilization'],
  ['mem_utilization', 'memoryUtilization'],
  ['memUtilization', 'memoryUtilization'],
  ['rps_fractional', 'requestsPerSecond'],
  ['rpsFractional', 'requestsPerSecond'],
  ['eps', 'errorsPerSecond'],
]);

const BY_NAMED_METRIC: ReadonlyMap<string, LoadField> = new Map([
  ['rif', 'requestsInFlight'],
  ['svc', 'serviceMs'],
]);

/** Which number a metric is, or undefined for one that means nothing to balancing. */
export function fieldOf(metric: string): LoadField | undefined {
  return BY_METRIC.get(metric);
}

/** Which number a metric of the application's own is, by its name without `named_metrics.` before it. */
export function fieldOfNamed(metric: string): LoadField | undefined {
  return BY_NAMED_METRIC.get(metric);
}
