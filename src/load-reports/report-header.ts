/** Puts the report among the headers of an answer, in place of one that is there. */

export const HEADER = 'endpoint-load-metrics';

/** What `writeHead` takes: an object, or names and values in turn. */
type GivenHeaders = Readonly<Record<string, unknown>> | readonly unknown[];

/**
 * The headers that `writeHead` was called with, and the report. Another report is taken out: a gateway that hands on
 * the answer of a server behind it would hand on that server's load as its own.
 *
 * They are given back in the form in which they came, since Node treats the forms differently: a name that stands in
 * an array twice is sent twice.
 */
export function withReport(headers: GivenHeaders, report: string): GivenHeaders {
  if (!isList(headers)) {
    const others = Object.entries(headers).filter(([name]) => !isHeader(name));
    return Object.fromEntries([...others, [HEADER, report]]);
  }
  // Node takes pairs in arrays of their own as well.
  if (Array.isArray(headers[0])) return [...headers.filter((pair) => !(Array.isArray(pair) && isHeader(pair[0]))), [HEADER, report]];
  return [...headers.filter((_, index) => !isHeader(headers[index - (index % 2)])), HEADER, report];
}

function isList(headers: GivenHeaders): headers is readonly unknown[] {
  return Array.isArray(headers);
}

function isHeader(name: unknown): boolean {
  return typeof name === 'string' && name.length === HEADER.length && name.toLowerCase() === HEADER;
}
