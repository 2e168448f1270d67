import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import type { Payload } from '../../../src/core/request-body.js';

/** A request as it came over the wire. */
export interface Received {
  /** Names and values in turn. */
  readonly rawHeaders: readonly string[];
  readonly contentType: string | undefined;
  /** Undefined for a chunked body. */
  readonly length: number | undefined;
  readonly body: Buffer;
}

/** A server that remembers the requests that the built-in fetch sends it. */
export class Echo {
  readonly #server: Server;
  #received: Received | undefined;

  constructor() {
    this.#server = createServer(async (request, response) => {
      const { rawHeaders, headers } = request;
      const length = headers['content-length'];
      this.#received = {
        rawHeaders,
        contentType: headers['content-type'],
        length: length === undefined ? undefined : Number(length),
        body: await buffer(request).catch(() => Buffer.alloc(0)),
      };
      response.end();
    });
  }

  async start(): Promise<void> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
  }

  stop(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  /** What the built-in fetch sends of `init`. */
  async sent(init: RequestInit): Promise<Received> {
    const { port } = this.#server.address() as AddressInfo;
    const response = await fetch(`http://127.0.0.1:${port}/`, { method: 'POST', ...init });
    await response.arrayBuffer();
    if (this.#received === undefined) throw new Error('no request came');
    return this.#received;
  }
}

/** The bytes that a transport would send. */
export async function bytesOf(payload: Payload): Promise<Buffer> {
  if (typeof payload === 'string' || payload instanceof Uint8Array) return Buffer.from(payload as string);
  return buffer(payload);
}
