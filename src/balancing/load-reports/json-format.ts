import { decimalOf } from './decimal-number.js';
import { fieldOf, fieldOfNamed, type LoadField, type LoadReport } from './load-report.js';

/**
 * A report as JSON: `{"cpu_utilization": 0.3, "named_metrics": {"rif": 2}}`. Protobuf's mapping to JSON writes names
 * as `cpuUtilization`, reads either, and lets a number stand in quotes or be null for none.
 */

/** Reads `text` into `report`; false if it is malformed. */
export function readJson(text: string, report: LoadReport): boolean {
  const parsed = parse(text);
  return isRecord(parsed) && noteAll(parsed, fieldOf, report) && noteNamed(parsed, report);
}

function noteNamed({ named_metrics, namedMetrics = named_metrics }: Readonly<Record<string, unknown>>, report: LoadReport): boolean {
  if (namedMetrics === undefined || namedMetrics === null) return true;
  return isRecord(namedMetrics) && noteAll(namedMetrics, fieldOfNamed, report);
}

function noteAll(
  metrics: Readonly<Record<string, unknown>>,
  fieldFor: (metric: string) => LoadField | undefined,
  report: LoadReport,
): boolean {
  for (const [metric, value] of Object.entries(metrics)) {
    const field = fieldFor(metric);
    if (field === undefined || value === null) continue;
    if (!report.note(field, typeof value === 'string' ? decimalOf(value) : typeof value === 'number' ? value : Number.NaN)) return false;
  }
  return true;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
