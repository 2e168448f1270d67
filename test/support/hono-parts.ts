import type { Server } from 'node:http';
import type { HonoMiddleware } from '../../src/load-reports/hono.js';

/** What the tests use of Hono, whose own types need those of a browser. */
export interface HonoParts {
  readonly Hono: new () => {
    use(middleware: HonoMiddleware): void;
    get(path: string, handle: (context: { text(body: string, status?: number): unknown }) => unknown): void;
    readonly fetch: unknown;
    request(path: string): Promise<Response>;
  };
  serve(options: { readonly fetch: unknown; readonly port: number; readonly hostname: string }): Server;
}

/** Loads Hono and its server for Node. */
export async function honoParts(): Promise<HonoParts> {
  const [server, core] = await Promise.all(['@hono/node-server', 'hono'].map((name) => import(name)));
  return { ...core, ...server };
}
