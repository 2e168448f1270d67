import { ConfigError } from '../../core/errors.js';
import { durationMs, knownKeys, numberIn, trueOrFalse } from '../../core/options-check.js';
import { httpServers } from '../server-list.js';
import { type TlsOptions, tlsOptions } from '../tls-options.js';

/** How an etcd is reached and used. All times in milliseconds. */
export interface EtcdDiscoveryOptions {
  /**
   * The members' client addresses: a URL or a list of them, `http://` or `https://`. One is used until it fails, then the
   * next. Default 'http://127.0.0.1:2379'.
   */
  readonly endpoints?: string | readonly string[] | undefined;
  /** What all keys begin with, taken as it is. A service's instances are the keys that begin with this, its name and a slash. Default 'services/'. */
  readonly prefix?: string | undefined;
  /** A user of etcd's. Needs `password`. Default: none, for an etcd without authentication. */
  readonly username?: string | undefined;
  /** The user's password. Ignored without `username`. Default: none. */
  readonly password?: string | undefined;
  /** TLS of `https:` endpoints: Node's own `ca`, `cert`, `key`, `servername` and so on. Default: what Node trusts. */
  readonly tls?: TlsOptions | undefined;
  /** How long an announced instance outlives its process. 1,000 to 86,400,000, rounded up to seconds; default 15,000. */
  readonly leaseMs?: number | undefined;
  /** Whether an announced instance keeps the process alive. Default false. */
  readonly keepAlive?: boolean | undefined;
  /** After this long without a word from a member it is asked whether it is there. Above 0; default 30,000. */
  readonly livenessMs?: number | undefined;
  /** How long a member may take to begin an answer, or be silent in the middle of one. Above 0; default 5,000. */
  readonly requestTimeoutMs?: number | undefined;
}

/** The options, checked and complete. */
export interface EtcdSettings {
  readonly endpoints: readonly string[];
  readonly prefix: string;
  readonly username: string | undefined;
  readonly password: string;
  readonly tls: TlsOptions | undefined;
  readonly leaseMs: number;
  readonly keepAlive: boolean;
  readonly livenessMs: number;
  readonly requestTimeoutMs: number;
}

const PATH = 'etcdDiscovery';
const KEYS = ['endpoints', 'prefix', 'username', 'password', 'tls', 'leaseMs', 'keepAlive', 'livenessMs', 'requestTimeoutMs'];
const LONGEST_LEASE_MS = 86_400_000;

/** @throws ConfigError for an option that is unknown or out of its range. */
export function etcdSettings(options: EtcdDiscoveryOptions): EtcdSettings {
  knownKeys(PATH, options, KEYS);
  const { username, password } = options;
  if (username !== undefined && text('username', username) === '') throw new ConfigError(`${PATH}.username`, "a user's name", username);
  if (username !== undefined && password === undefined) throw new ConfigError(`${PATH}.password`, 'set along with username', password);
  return {
    endpoints: endpoints(options.endpoints ?? 'http://127.0.0.1:2379'),
    prefix: text('prefix', options.prefix ?? 'services/'),
    username,
    password: secret(password ?? ''),
    tls: tlsOptions(`${PATH}.tls`, options.tls),
    leaseMs: Math.ceil(numberIn(`${PATH}.leaseMs`, options.leaseMs ?? 15_000, 1_000, LONGEST_LEASE_MS, 'milliseconds') / 1_000) * 1_000,
    keepAlive: trueOrFalse(`${PATH}.keepAlive`, options.keepAlive ?? false),
    livenessMs: durationMs(`${PATH}.livenessMs`, options.livenessMs ?? 30_000),
    requestTimeoutMs: durationMs(`${PATH}.requestTimeoutMs`, options.requestTimeoutMs ?? 5_000),
  };
}

function endpoints(given: unknown): readonly string[] {
  const path = `${PATH}.endpoints`;
  const servers = httpServers(path, given);
  for (const server of servers) {
    if (new URL(server).username === '') continue;
    throw new ConfigError(path, 'URLs without credentials (set username and password)', 'one with credentials');
  }
  return servers;
}

function text(name: string, value: unknown): string {
  if (typeof value === 'string') return value;
  throw new ConfigError(`${PATH}.${name}`, 'a string', value);
}

/** Errors show the values that they complain of, but not this one. */
function secret(value: unknown): string {
  if (typeof value === 'string') return value;
  throw new ConfigError(`${PATH}.password`, 'a string', `a ${typeof value}`);
}
