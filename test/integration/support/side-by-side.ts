import { createMesh, type Mesh, type MeshOptions, type MeshRequestInit, standard, staticDiscovery } from '../../../src/index.js';
import type { TestServer } from '../../support/servers.js';

/**
 * The built-in fetch and `mesh.fetch` asked for the same thing of the same server, the one by its address and
 * the other by its name, and what a caller can see of the two outcomes.
 */

/** What a caller can see of one request. Addresses and names of the server are both shown as `http://server`. */
export interface Seen {
  readonly status?: number;
  readonly statusText?: string;
  readonly url?: string;
  readonly redirected?: boolean;
  readonly type?: string;
  readonly headers?: readonly (readonly [string, string])[];
  readonly hasBody?: boolean;
  /** Latin-1 text, or how reading it failed. */
  readonly body?: unknown;
  /** How the promise of the response failed: the kind of the error. */
  readonly threw?: string;
}

export interface SideBySide {
  readonly builtIn: Seen;
  readonly mesh: Seen;
  /** What `mesh.fetch` or the reading of its body failed with. */
  readonly error: unknown;
}

/** The name that the server has in the mesh. */
export const SERVICE = 'users';

/** A mesh that does no more than to find the server: what is compared is one request. Whoever makes it closes it. */
export function meshOf(server: TestServer, options: Partial<MeshOptions> = {}): Mesh {
  return createMesh({
    discovery: staticDiscovery({ [SERVICE]: [server.origin] }),
    defaults: { policies: standard({ retry: false, circuitBreaker: false }) },
    ...options,
  });
}

export type MakeInit = () => RequestInit & MeshRequestInit;

/** Asks both for `path`. Each gets an init of its own, since streams can be sent once. */
export async function sideBySide(server: TestServer, mesh: Mesh, path: string, init: MakeInit = () => ({})): Promise<SideBySide> {
  const errors: unknown[] = [];
  const builtIn = await look(() => fetch(server.origin + path, init()), server.origin, []);
  const ofMesh = await look(() => mesh.fetch(`http://${SERVICE}${path}`, init()), `http://${SERVICE}`, errors);
  return { builtIn, mesh: ofMesh, error: errors[0] };
}

async function look(ask: () => Promise<Response>, origin: string, errors: unknown[]): Promise<Seen> {
  let response: Response;
  try {
    response = await ask();
  } catch (error) {
    errors.push(error);
    return { threw: kindOf(error) };
  }
  const { status, statusText, redirected, type } = response;
  const url = response.url.startsWith(origin) ? `http://server${response.url.slice(origin.length)}` : response.url;
  const headers = [...response.headers].filter(([name]) => name !== 'date');
  const hasBody = response.body !== null;
  let body: unknown;
  try {
    body = Buffer.from(await response.arrayBuffer()).toString('latin1');
  } catch (error) {
    errors.push(error);
    body = { threw: kindOf(error) };
  }
  return { status, statusText, url, redirected, type, headers, hasBody, body };
}

/** A MeshError is a TypeError under a name of its own, as fetch's contract has it. */
export function kindOf(error: unknown): string {
  if (error instanceof TypeError) return 'TypeError';
  return error instanceof Error ? error.name : String(error);
}
