import type { SecureContextOptions } from 'node:tls';
import { ConfigError } from '../core/errors.js';

/** TLS of a registry's servers: Node's own options, of which these are the usual ones. */
export type TlsOptions = SecureContextOptions & {
  /** The name that the server's certificate has to have. Default: the server's host. */
  readonly servername?: string | undefined;
  /** Whether a server is refused whose certificate nobody vouches for. Default true. */
  readonly rejectUnauthorized?: boolean | undefined;
};

/** @throws ConfigError for what cannot be TLS options. Errors do not show them: they may hold a key. */
export function tlsOptions(path: string, given: TlsOptions | undefined): TlsOptions | undefined {
  if (given === undefined || (typeof given === 'object' && given !== null && !Array.isArray(given))) return given;
  throw new ConfigError(path, "an object of Node's TLS options (ca, cert, key and so on)", Array.isArray(given) ? 'a list' : typeof given);
}
