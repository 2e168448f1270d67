import type { Agent } from 'node:http';
import type { Clock } from '../../core/clock.js';
import { HttpClient } from '../http-client.js';
import type { TlsOptions } from '../tls-options.js';

/** How the API server is reached, with credentials as they are now. */
export interface Connection {
  readonly server: string;
  readonly client: HttpClient;
  /** Who we are, as headers: empty where a client certificate says it. */
  readonly headers: Readonly<Record<string, string>>;
  /** Of services that name none. */
  readonly namespace: string;
}

/** Where the API server is and who we are to it. */
export interface ClusterAccess {
  /** The way to the server. Read anew each time, since tokens and certificates rotate. */
  connect(clock: Clock): Promise<Connection>;
  /** The server refused the credentials: what is kept of them has to be read again. */
  refused(): void;
  /** What to set when the server does not accept who we are. */
  readonly advice: string;
  close(): void;
}

/** The source's name in errors and events. */
export const SOURCE = 'kubernetes';

/**
 * One HTTP client for as long as the TLS material stays the same, and a new one when it changes. Those before it live on
 * until the end, because watches may still run over them.
 */
export class ClientPool {
  private readonly clients: HttpClient[] = [];
  private current: { readonly fingerprint: string; readonly client: HttpClient } | undefined = undefined;

  get(clock: Clock, tls: TlsOptions, agent?: Agent): HttpClient {
    const fingerprint = JSON.stringify(tls, (_, value: unknown) =>
      value instanceof Uint8Array ? Buffer.from(value).toString('base64') : value,
    );
    if (this.current?.fingerprint !== fingerprint) {
      const client = new HttpClient({ source: SOURCE, clock, tls, agent });
      this.clients.push(client);
      this.current = { fingerprint, client };
    }
    return this.current.client;
  }

  close(): void {
    for (const client of this.clients.splice(0)) client.close();
    this.current = undefined;
  }
}
