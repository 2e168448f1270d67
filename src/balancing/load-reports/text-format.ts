import { decimalOf } from './decimal-number.js';
import { fieldOf, fieldOfNamed, type LoadReport } from './load-report.js';

/**
 * A report as a list: `cpu_utilization=0.3, rps_fractional=10, named_metrics.rif=2`. Names and values stand on both
 * sides of an equals sign, or of a colon, which is how Envoy had it first.
 *
 * A metric that is not known here may be known elsewhere and is passed over, whatever its value. What is known must
 * be a number, once.
 */

const NAMED = 'named_metrics.';

/** Reads `text` into `report`; false if it is malformed. */
export function readText(text: string, report: LoadReport): boolean {
  for (let from = 0; from < text.length; ) {
    const comma = text.indexOf(',', from);
    const to = comma < 0 ? text.length : comma;
    if (!readPair(text, from, to, report)) return false;
    from = to + 1;
  }
  return true;
}

function readPair(text: string, from: number, to: number, report: LoadReport): boolean {
  const pair = text.slice(from, to).trim();
  // Lists may have empty members (RFC 9110 section 5.6.1).
  if (pair === '') return true;
  const equals = pair.indexOf('=');
  const split = equals < 0 ? pair.indexOf(':') : equals;
  if (split <= 0) return false;
  const metric = pair.slice(0, split).trimEnd();
  const field = metric.startsWith(NAMED) ? fieldOfNamed(metric.slice(NAMED.length)) : fieldOf(metric);
  if (field !== undefined) return report.note(field, decimalOf(pair.slice(split + 1).trimStart()));
  // Two headers were joined, each with the word for its format: who of the two speaks for the server?
  return !metric.includes(' ');
}
