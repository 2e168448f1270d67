import type { Reply } from '../../core/reply.js';
import { readBinary } from './binary-format.js';
import { readJson } from './json-format.js';
import type { LoadReport } from './load-report.js';
import { readText } from './text-format.js';

/**
 * The load report in an answer's headers, in any of the forms that servers send it in:
 *
 *     endpoint-load-metrics: TEXT cpu_utilization=0.3, rps_fractional=10     the form of the specification
 *     endpoint-load-metrics: JSON {"cpu_utilization": 0.3}
 *     endpoint-load-metrics: BIN CTMzMzMzM9M/
 *     endpoint-load-metrics-bin: CTMzMzMzM9M/                                gRPC's
 *     endpoint-load-metrics: cpu_utilization:0.3                             Envoy's before there were words for formats
 *
 * A report is advice from another machine, so it is believed whole or not at all: one that is malformed, too long, or
 * says a number twice is no report. Neither is one that a cache kept: it tells of the past, and possibly of another
 * server.
 */

const HEADER = 'endpoint-load-metrics';
const BINARY_HEADER = 'endpoint-load-metrics-bin';

/** Characters. A report with every field and thirty named metrics has fewer. */
export const MAX_REPORT_LENGTH = 2_048;

/** Reads the report of `reply` into `report`; false, and an empty report, if there is none that can be believed. Never throws. */
export function readLoadReport(reply: Reply, report: LoadReport): boolean {
  report.clear();
  const binary = reply.header(BINARY_HEADER);
  const value = binary ?? reply.header(HEADER);
  if (value === undefined || value.length > MAX_REPORT_LENGTH) return false;
  // An answer with an Age comes from a cache (RFC 9111 section 5.1).
  if (reply.header('age') !== undefined) return false;
  if ((binary === undefined ? readByFormat(value.trim(), report) : readBinary(value.trim(), report)) && report.known > 0) return true;
  report.clear();
  return false;
}

function readByFormat(value: string, report: LoadReport): boolean {
  if (value.startsWith('TEXT ')) return readText(value.slice(5), report);
  if (value.startsWith('JSON ')) return readJson(value.slice(5), report);
  if (value.startsWith('BIN ')) return readBinary(value.slice(4).trim(), report);
  return value.startsWith('{') ? readJson(value, report) : readText(value, report);
}
