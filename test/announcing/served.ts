import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { Agent, type IncomingMessage, type RequestOptions, request as startRequest } from 'node:http';
import type { AddressInfo, Server } from 'node:net';
import type { TestContext } from 'node:test';
import { createMesh, fileDiscovery, type Mesh, type MeshEventName, type MeshOptions } from '../../src/index.js';
import { temporaryFolder } from '../discovery/recording-sink.js';

/** A mesh over a folder of its own, closed after the test, and what it told. */
export interface MeshOfTest {
  readonly mesh: Mesh;
  readonly folder: string;
  readonly heard: string[];
}

export function meshOfTest(test: TestContext, options: Partial<MeshOptions> = {}): MeshOfTest {
  const folder = temporaryFolder(test);
  const mesh = createMesh({ discovery: fileDiscovery({ path: folder, leaseMs: 5_000 }), ...options });
  const heard: string[] = [];
  for (const name of ['announcementFailed', 'announcementRecovered'] satisfies MeshEventName[]) mesh.on(name, () => heard.push(name));
  test.after(() => mesh.close());
  return { mesh, folder, heard };
}

/** Listens on loopback, and is closed after the test. */
export async function listening<S extends Server>(test: TestContext, server: S, port = 0, host = '127.0.0.1'): Promise<S> {
  server.listen(port, host);
  test.after(() => {
    server.close();
    if ('closeAllConnections' in server) (server as { closeAllConnections(): void }).closeAllConnections();
  });
  await once(server, 'listening');
  return server;
}

export function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}

/** One answer, its body read. */
export interface Answer {
  readonly status: number | undefined;
  readonly connection: string | undefined;
  readonly body: string;
}

/** A client that keeps its connections, with an agent that the test closes. */
export function keepAliveClient(test: TestContext, port: number): (options?: RequestOptions) => Promise<Answer> {
  const agent = new Agent({ keepAlive: true });
  test.after(() => agent.destroy());
  return (options = {}) => ask(port, { agent, ...options });
}

/** Asks, and reads the answer to its end. */
export function ask(port: number, options: RequestOptions = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = startRequest({ host: '127.0.0.1', port, ...options }, (response: IncomingMessage) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (chunk) => {
        body += chunk;
      });
      response.on('end', () => resolve({ status: response.statusCode, connection: response.headers.connection, body }));
      response.on('error', reject);
    });
    sent.on('error', reject);
    sent.end();
  });
}

/** A process that serves, killed after the test. */
export function child(test: TestContext, script: string, args: readonly string[]): ChildProcess {
  const process = fork(script, [...args]);
  test.after(() => process.kill('SIGKILL'));
  return process;
}
