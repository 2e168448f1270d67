import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type Agent, type IncomingMessage, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import { LoadReport } from '../../src/balancing/load-reports/load-report.js';
import { readLoadReport } from '../../src/balancing/load-reports/read-load-report.js';
import { HEADER, replyWith, said } from '../balancing/load-reports/reports.js';

/** Real servers and what they answer, for the tests of load reports. */

/** Listens on this machine, until the test is over. */
export async function listening(t: TestContext, server: Server): Promise<number> {
  if (!server.listening) {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  }
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

/** An answer's headers; its body may still come. */
export async function ask(
  port: number,
  path = '/',
  headers: Record<string, string> = {},
  agent: Agent | false = false,
): Promise<IncomingMessage> {
  const asked = request({ port, host: '127.0.0.1', path, headers, agent });
  asked.end();
  const [answer] = (await once(asked, 'response', { signal: AbortSignal.timeout(10_000) })) as [IncomingMessage];
  return answer;
}

/** The whole answer. */
export async function asked(
  port: number,
  path = '/',
  headers: Record<string, string> = {},
): Promise<{ answer: IncomingMessage; body: string }> {
  const answer = await ask(port, path, headers);
  let body = '';
  for await (const chunk of answer) body += String(chunk);
  return { answer, body };
}

/** What a client of ours reads from an answer; undefined for no report. */
export function reportIn(answer: IncomingMessage): ReturnType<typeof said> | undefined {
  const value = answer.headers[HEADER];
  if (value === undefined) return undefined;
  assert.equal(typeof value, 'string');
  const report = new LoadReport();
  assert.ok(readLoadReport(replyWith([HEADER, String(value)]), report), String(value));
  return said(report);
}

/** Asks again until something holds, for ten seconds at most. */
export async function eventually(holds: () => Promise<boolean>, what: string): Promise<void> {
  const startedMs = performance.now();
  while (!(await holds())) {
    assert.ok(performance.now() - startedMs < 10_000, `waited in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
