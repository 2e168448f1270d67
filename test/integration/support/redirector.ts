import { bodyOf, httpServer, json, type TestServer } from '../../support/servers.js';

/** A request as a server saw it. */
export interface Seen {
  readonly method: string;
  readonly url: string;
  readonly host: string;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: string;
}

/**
 * A server that redirects `/<status>?to=<location>` and answers anything else with what it saw. `{self}` in a
 * location is its own address.
 */
export function redirector(): Promise<TestServer> {
  const started: Promise<TestServer> = httpServer(async (request, response) => {
    const body = await bodyOf(request);
    const url = new URL(request.url ?? '/', 'http://x');
    const status = Number(/\/(\d{3})$/.exec(url.pathname)?.[1]);
    if (status >= 300 && status < 400) {
      const to = url.searchParams.get('to');
      const location = to === null ? {} : { location: Buffer.from(to.replace('{self}', (await started).origin)).toString('latin1') };
      response.writeHead(status, { ...location, 'content-type': 'text/plain' });
      response.end('moved');
      return;
    }
    const { method = '', headers } = request;
    json(response, { method, url: request.url ?? '', host: headers.host ?? '', headers, body } satisfies Seen);
  });
  return started;
}

export const to = (status: number, location: string) => `/${status}?to=${encodeURIComponent(location)}`;

export const seen = async (response: Response): Promise<Seen> => (await response.json()) as Seen;
