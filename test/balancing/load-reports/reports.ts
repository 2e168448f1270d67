import type { LoadField, LoadReport } from '../../../src/balancing/load-reports/load-report.js';
import type { Endpoint } from '../../../src/core/endpoint.js';
import type { Picker } from '../../../src/core/picker.js';
import { Reply } from '../../../src/core/reply.js';
import { aCall } from '../endpoints.js';

/** Answers with load reports, for the tests of balancing by them. */

export const HEADER = 'endpoint-load-metrics';

/** An answer with these headers, as bytes: the way the wire has them. */
export function replyWith(...headers: readonly [name: string, value: string][]): Reply {
  return new Reply(
    200,
    'OK',
    headers.flat().map((text) => Buffer.from(text, 'latin1')),
  );
}

/** What a report says, without what it leaves out. */
export function said(report: LoadReport): Partial<Record<LoadField, number>> {
  return Object.fromEntries(Object.entries(report).filter(([name, value]) => name !== 'known' && !Number.isNaN(value)));
}

/** An attempt whose answer took `latencyMs` and brings this report. */
export function reported(picker: Picker, endpoint: Endpoint, report: string, nowMs: number, latencyMs = 5): void {
  picker.settle?.(endpoint, 'success', latencyMs, aCall, nowMs, replyWith([HEADER, report]));
}

/** A report of so many requests per second at this utilization. */
export function loaded(rate: number, utilization: number, errors = 0): string {
  return `TEXT rps_fractional=${rate}, application_utilization=${utilization}, eps=${errors}`;
}
