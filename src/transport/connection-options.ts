import type { SecureContextOptions } from 'node:tls';
import { durationMs, knownKeys, wholeNumberIn } from '../core/options-check.js';

/** How connections to one endpoint are kept. */
export interface ConnectionOptions {
  /**
   * The most connections to one endpoint, and so the most requests in flight on it. An endpoint that has
   * this many is passed over until one is free. 1 to 65,535; default 256.
   */
  readonly max?: number | undefined;
  /**
   * How long an idle connection is kept, in milliseconds. Shorter than the server's own time, since a server
   * that closes just as a request is written loses that request. A server that announces its time
   * (`Keep-Alive: timeout=5`) shortens this one. Above 0; default 4,000 (Node's servers close after 5,000).
   */
  readonly idleMs?: number | undefined;
  /**
   * How old the connections to an endpoint may become, in milliseconds, before new ones take their place; what
   * they carry then finishes. Lets traffic follow changes behind a load balancer. Each time up to a fifth shorter, by
   * chance, so that clients which came together do not all connect anew at once. Above 0; default Infinity.
   */
  readonly maxAgeMs?: number | undefined;
  /** How long making a connection may take, in milliseconds. Above 0; default 5,000. */
  readonly connectTimeoutMs?: number | undefined;
}

/** What the TLS of `https:` endpoints is made of: Node's own options. */
export type TlsOptions = Pick<SecureContextOptions, 'ca' | 'cert' | 'key' | 'passphrase' | 'pfx' | 'minVersion' | 'ciphers'> & {
  /** The name that the certificate must be for, and SNI. Default: the service's name, or the endpoint's host under `host: 'endpoint'`. */
  readonly servername?: string | undefined;
  /** False takes any certificate: for tests alone. Default true. */
  readonly rejectUnauthorized?: boolean | undefined;
};

/** `ConnectionOptions` with every default filled in. */
export interface ConnectionSettings {
  readonly max: number;
  readonly idleMs: number;
  readonly maxAgeMs: number;
  readonly connectTimeoutMs: number;
}

const TLS_KEYS = ['ca', 'cert', 'key', 'passphrase', 'pfx', 'minVersion', 'ciphers', 'servername', 'rejectUnauthorized'];

/** @throws ConfigError for an option of TLS that there is not: a misspelt one could mean no check at all. */
export function tlsOptions(path: string, options: TlsOptions | undefined): TlsOptions | undefined {
  if (options !== undefined) knownKeys(path, options, TLS_KEYS);
  return options;
}

/** Fills in the defaults. @throws ConfigError that names the option under `path`. */
export function connectionOptions(path: string, options: ConnectionOptions = {}): ConnectionSettings {
  knownKeys(path, options, ['max', 'idleMs', 'maxAgeMs', 'connectTimeoutMs']);
  return {
    max: wholeNumberIn(`${path}.max`, options.max ?? 256, 1, 65_535),
    idleMs: durationMs(`${path}.idleMs`, options.idleMs ?? 4_000),
    maxAgeMs: durationMs(`${path}.maxAgeMs`, options.maxAgeMs ?? Number.POSITIVE_INFINITY, { infinite: true }),
    connectTimeoutMs: durationMs(`${path}.connectTimeoutMs`, options.connectTimeoutMs ?? 5_000),
  };
}
