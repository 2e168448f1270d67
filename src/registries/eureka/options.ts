import { ConfigError } from '../../core/errors.js';
import { durationMs, knownKeys, numberIn, oneOf, trueOrFalse } from '../../core/options-check.js';
import { httpServers } from '../server-list.js';
import { type TlsOptions, tlsOptions } from '../tls-options.js';

/** Where a Eureka registry is, and how to read and write it. */
export interface EurekaDiscoveryOptions {
  /**
   * The servers, with their base path: `http://127.0.0.1:8761/eureka` for Spring Cloud, `.../eureka/v2` for Netflix's own.
   * A user and a password may stand in a URL. Default `['http://127.0.0.1:8761/eureka']`.
   */
  readonly servers?: string | readonly string[] | undefined;
  /**
   * Which server is asked while all of them answer: `'random'`, one that each process draws, so that a fleet spreads over
   * them, or `'listed'`, the first, to which it also returns within five minutes of its recovery. Default `'random'`.
   */
  readonly serverOrder?: 'random' | 'listed' | undefined;
  /**
   * How often the registry is asked for what has changed, in milliseconds; each time up to a fifth of it sooner, by
   * chance. Above 0; default 30,000.
   */
  readonly fetchMs?: number | undefined;
  /**
   * For how long the servers answer from their response cache, in milliseconds: their
   * `eureka.server.response-cache-update-interval-ms`, or 0 where `use-read-only-response-cache` is false. What a server
   * that drains waits for is reckoned with it. At least 0; default 30,000, as the servers' own.
   */
  readonly serverCacheMs?: number | undefined;
  /** How long a server may take to begin an answer, or to go on with one, in milliseconds. Above 0; default 5,000. */
  readonly requestTimeoutMs?: number | undefined;
  /** The user of basic authentication. Default: the one in the server's URL, or none. */
  readonly username?: string | undefined;
  /** The password of basic authentication. Default: the one in the server's URL, or none. */
  readonly password?: string | undefined;
  /** TLS of `https:` servers: `ca`, `cert`, `key` and so on, as Node takes them. Default: Node's own. */
  readonly tls?: TlsOptions | undefined;
  /** What a service's name is in Eureka: an application's name, or a VIP address. Default `'app'`. */
  readonly by?: 'app' | 'vip' | undefined;
  /** What an instance is reached by: its `hostName` or its `ipAddr`; the other one where that is empty. Default `'hostName'`. */
  readonly address?: 'hostName' | 'ipAddr' | undefined;
  /** Whether an instance that has both ports enabled is reached over https. Default false. */
  readonly preferSecure?: boolean | undefined;
  /** The zone of announced instances that name none. Default: none. */
  readonly zone?: string | undefined;
  /**
   * How long Eureka keeps an announced instance that says nothing, in milliseconds; it takes whole seconds, so this is
   * rounded up. A heartbeat is sent every third of it. At least 1,000; default 90,000.
   */
  readonly leaseMs?: number | undefined;
  /** Whether an announced instance keeps the process alive. Default false. */
  readonly keepAlive?: boolean | undefined;
}

/** The options, checked and complete. */
export interface EurekaSettings {
  readonly servers: readonly EurekaServer[];
  readonly serverOrder: 'random' | 'listed';
  readonly fetchMs: number;
  readonly serverCacheMs: number;
  readonly requestTimeoutMs: number;
  readonly tls: TlsOptions | undefined;
  readonly by: 'app' | 'vip';
  readonly address: 'hostName' | 'ipAddr';
  readonly preferSecure: boolean;
  readonly zone: string | undefined;
  readonly leaseMs: number;
  readonly keepAlive: boolean;
}

/** One server, and what opens it. */
export interface EurekaServer {
  /** Without credentials. */
  readonly url: string;
  readonly authorization: string | undefined;
}

const PATH = 'eurekaDiscovery';
const KEYS: readonly (keyof EurekaDiscoveryOptions)[] = [
  'servers',
  'serverOrder',
  'fetchMs',
  'serverCacheMs',
  'requestTimeoutMs',
  'username',
  'password',
  'tls',
  'by',
  'address',
  'preferSecure',
  'zone',
  'leaseMs',
  'keepAlive',
];

/** @throws ConfigError for an option that is out of its range. */
export function eurekaSettings(options: EurekaDiscoveryOptions): EurekaSettings {
  knownKeys(PATH, options, KEYS);
  return {
    servers: eurekaServers(options),
    serverOrder: oneOf(`${PATH}.serverOrder`, options.serverOrder ?? 'random', ['random', 'listed']),
    fetchMs: durationMs(`${PATH}.fetchMs`, options.fetchMs ?? 30_000),
    serverCacheMs: numberIn(`${PATH}.serverCacheMs`, options.serverCacheMs ?? 30_000, 0, 2 ** 31 - 1, 'milliseconds'),
    requestTimeoutMs: durationMs(`${PATH}.requestTimeoutMs`, options.requestTimeoutMs ?? 5_000),
    tls: tlsOptions(`${PATH}.tls`, options.tls),
    by: oneOf(`${PATH}.by`, options.by ?? 'app', ['app', 'vip']),
    address: oneOf(`${PATH}.address`, options.address ?? 'hostName', ['hostName', 'ipAddr']),
    preferSecure: trueOrFalse(`${PATH}.preferSecure`, options.preferSecure ?? false),
    zone: text('zone', options.zone),
    leaseMs: Math.ceil(numberIn(`${PATH}.leaseMs`, options.leaseMs ?? 90_000, 1_000, 2 ** 31 - 1, 'milliseconds') / 1_000) * 1_000,
    keepAlive: trueOrFalse(`${PATH}.keepAlive`, options.keepAlive ?? false),
  };
}

function eurekaServers(options: EurekaDiscoveryOptions): readonly EurekaServer[] {
  const username = text('username', options.username);
  const password = text('password', options.password);
  if (password !== undefined && username === undefined) {
    throw new ConfigError(`${PATH}.username`, 'given along with the password', username);
  }
  return httpServers(`${PATH}.servers`, options.servers ?? 'http://127.0.0.1:8761/eureka').map((server) => {
    const url = new URL(server);
    const user = username ?? decoded(url.username);
    const secret = password ?? decoded(url.password);
    url.username = url.password = '';
    const credentials = Buffer.from(`${user}:${secret}`).toString('base64');
    return { url: url.href.replace(/\/+$/, ''), authorization: user === '' ? undefined : `Basic ${credentials}` };
  });
}

/** A URL may hold a percent sign that stands for itself. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

function text(key: string, value: unknown): string | undefined {
  if (value === undefined || typeof value === 'string') return value;
  throw new ConfigError(`${PATH}.${key}`, 'a string', value);
}
