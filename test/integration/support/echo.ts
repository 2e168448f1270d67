import { httpServer, json, type TestServer } from '../../support/servers.js';

/** A request as a server received it. */
export interface Received {
  readonly method: string;
  readonly url: string;
  /** Lower-case name and value of each header, sorted. */
  readonly headers: readonly (readonly [string, string])[];
  /** As text of one character a byte. */
  readonly body: string;
}

/** A server that answers with the request that it received. */
export function echoServer(): Promise<TestServer> {
  return httpServer(async (request, response) => {
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of request) chunks.push(chunk as Buffer);
    } catch {
      return;
    }
    const headers: [string, string][] = [];
    const { rawHeaders } = request;
    for (let i = 0; i < rawHeaders.length; i += 2) headers.push([(rawHeaders[i] ?? '').toLowerCase(), rawHeaders[i + 1] ?? '']);
    const received: Received = {
      method: request.method ?? '',
      url: request.url ?? '',
      headers: headers.sort(([one], [other]) => (one < other ? -1 : 1)),
      body: Buffer.concat(chunks).toString('latin1'),
    };
    json(response, received);
  });
}

/** Headers that either side sends without having been told to, and by which nothing is said. */
const BY_DEFAULT: Readonly<Record<string, RegExp>> = {
  host: /^(127\.0\.0\.1:\d+|users(:\d+)?)$/,
  'user-agent': /^(node|undici|fetchmesh)$/,
  accept: /^\*\/\*$/,
  'accept-language': /^\*$/,
  'sec-fetch-mode': /^cors$/,
  connection: /^keep-alive$/,
};

/** What the server received, without what differs from one sender to the other by design: defaults and boundaries. */
export async function receivedBy(promise: Promise<Response>): Promise<Received> {
  const { method, url, headers, body } = (await (await promise).json()) as Received;
  const told = headers.filter(([name, value]) => BY_DEFAULT[name]?.test(value) !== true);
  const boundary = headers.find(([name]) => name === 'content-type')?.[1].match(/boundary=(.+)$/)?.[1];
  if (boundary === undefined) return { method, url, headers: told, body };
  const plain = (text: string) => text.replaceAll(boundary, 'BOUNDARY');
  return {
    method,
    url,
    headers: told.filter(([name]) => name !== 'content-length').map(([name, value]) => [name, plain(value)]),
    body: plain(body),
  };
}
