import type { ServerResponse } from 'node:http';
import type { Http2ServerResponse } from 'node:http2';
import { HEADER, withReport } from './report-header.js';
import type { ServerLoad } from './server-load.js';

/** An answer of a server, as Node has it. */
export type ReportedResponse = ServerResponse | Http2ServerResponse;

/** What is used of one. Its own types overload `writeHead` in two ways. */
interface Answer {
  statusCode: number;
  readonly headersSent: boolean;
  writeHead(...given: unknown[]): unknown;
  setHeader(name: string, value: string): unknown;
  once(event: 'close', listener: () => void): unknown;
}

/**
 * Counts a request in until its answer is over, and puts the report into the answer's headers.
 *
 * The report has to be made when the headers are written and not when the request comes: how many others are in
 * flight by then is what the client wants to know. Node writes them through `writeHead`, whether the application
 * calls it or not, so it is wrapped on the one response.
 */
export function observeAnswer(response: ReportedResponse, load: ServerLoad, isShown: boolean): void {
  const answer = response as unknown as Answer;
  const begunMs = load.begin();
  const { writeHead } = answer;

  answer.writeHead = (...given) => {
    if (isShown && !answer.headersSent) addReport(given);
    const written = writeHead.apply(answer, given);
    // Only now: headers that are not valid throw, and the application writes others.
    load.answered(answer.statusCode, begunMs);
    return written;
  };
  // Comes once, after the end of the body or when the connection breaks.
  answer.once('close', () => load.end());

  /** After the status, there may be words for it. */
  function addReport(given: unknown[]): void {
    const index = typeof given[1] === 'string' ? 2 : 1;
    const headers = given[index];
    if (typeof headers === 'object' && headers !== null) given[index] = withReport(headers as Record<string, unknown>, load.report());
    else answer.setHeader(HEADER, load.report());
  }
}
