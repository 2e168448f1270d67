import { ConfigError } from '../../core/errors.js';
import { durationMs, knownKeys, numberIn, oneOf, trueOrFalse, wholeNumberIn } from '../../core/options-check.js';
import { httpServers } from '../server-list.js';
import { type TlsOptions, tlsOptions } from '../tls-options.js';

/** Which instances of a Consul are seen, how it is asked, and how instances are announced to it. */
export interface ConsulDiscoveryOptions {
  /**
   * Where the agent is, or several of which one is used until it fails: http(s) URLs, with a base path where a proxy
   * stands in front. Default 'http://127.0.0.1:8500'.
   */
  readonly address?: string | readonly string[] | undefined;
  /** The ACL token that goes with every request. Default none: Consul's anonymous token. */
  readonly token?: string | undefined;
  /** A file with the token, read again when it changes and when Consul refuses the token. Default none. Not along with `token`. */
  readonly tokenFile?: string | undefined;
  /** TLS of https addresses, in Node's own words: `ca`, `cert`, `key`, `servername`, `rejectUnauthorized`. Default: Node's own. */
  readonly tls?: TlsOptions | undefined;
  /** The datacenter to look in. Default: the agent's own. */
  readonly datacenter?: string | undefined;
  /**
   * Datacenters that are asked, one after the other, while those before have no instance of a service. What is found
   * there has priority 1, 2 and so on. Default none.
   */
  readonly failoverDatacenters?: readonly string[] | undefined;
  /** The namespace, of Consul Enterprise. Default: the token's own. */
  readonly namespace?: string | undefined;
  /** The admin partition, of Consul Enterprise. Default: the agent's own. */
  readonly partition?: string | undefined;
  /**
   * 'passing' for instances all of whose checks pass; 'warning' for those with a warning as well, by the lower weight
   * that they have for this (`Weights.Warning`). Default 'passing'.
   */
  readonly health?: 'passing' | 'warning' | undefined;
  /** Instances must have all of these tags. Default none. */
  readonly tags?: readonly string[] | undefined;
  /** The nodes of instances must have all of these metadata. Default none. */
  readonly nodeMeta?: Readonly<Record<string, string>> | undefined;
  /** Instances must have all of these metadata. Default none. */
  readonly serviceMeta?: Readonly<Record<string, string>> | undefined;
  /**
   * A filter expression in Consul's language, which Consul applies before it answers: the way to have less sent, as in
   * `Service.Meta.version == "2"`. Default none.
   */
  readonly filter?: string | undefined;
  /** The node from which Consul sorts the list by round-trip time, '_agent' for the agent's own. Says nothing to balancers. Default none. */
  readonly near?: string | undefined;
  /**
   * 'default' asks the leader; 'stale' any server, which spares the leader; 'consistent' has the leader make sure that
   * it still is. Default 'default'.
   */
  readonly consistency?: 'default' | 'stale' | 'consistent' | undefined;
  /**
   * With 'stale': an answer of a server that heard of the leader longer ago than this, in milliseconds, is thrown away
   * and the leader asked. Above 0; default 5,000.
   */
  readonly maxStaleMs?: number | undefined;
  /** For how long Consul may keep a request without news, in milliseconds. 1,000 to 600,000; default 300,000. */
  readonly waitMs?: number | undefined;
  /**
   * While changes go on, a list is read once in this time, in milliseconds; the first two after a quiet time are read
   * at once. 1 to 60,000; default 100.
   */
  readonly coalesceMs?: number | undefined;
  /** For how long Consul may be silent before it is asked for a sign of life, in milliseconds. Above 0; default 30,000. */
  readonly livenessMs?: number | undefined;
  /** How long an answer may take that Consul does not delay on purpose, in milliseconds. Above 0; default 5,000. */
  readonly requestTimeoutMs?: number | undefined;
  /** The key in an instance's metadata, or else its node's, that has its zone. Default 'zone'. */
  readonly zoneKey?: string | undefined;
  /** What instances speak that do not say: `scheme` in their metadata, or the tag 'https'. 'http' or 'https'; default 'http'. */
  readonly scheme?: 'http' | 'https' | undefined;
  /** How long an announced instance counts as alive without a sign of life, in milliseconds. 1,000 to 86,400,000; default 15,000. */
  readonly leaseMs?: number | undefined;
  /**
   * How long Consul keeps an announced instance that gave no sign of life, as one that is critical, in milliseconds.
   * 60,000 (Consul's own least) to 86,400,000; default 60,000.
   */
  readonly deregisterAfterMs?: number | undefined;
  /** The tags of announced instances. Default none. */
  readonly announceTags?: readonly string[] | undefined;
  /** Whether an announced instance keeps the process alive. Default false. */
  readonly keepAlive?: boolean | undefined;
}

/** `ConsulDiscoveryOptions`, checked and with everything filled in. */
export interface ConsulSettings {
  readonly addresses: readonly string[];
  readonly token: string | undefined;
  readonly tokenFile: string | undefined;
  readonly tls: TlsOptions | undefined;
  readonly datacenter: string | undefined;
  readonly failoverDatacenters: readonly string[];
  readonly namespace: string | undefined;
  readonly partition: string | undefined;
  readonly health: 'passing' | 'warning';
  readonly tags: readonly string[];
  readonly nodeMeta: Readonly<Record<string, string>>;
  readonly serviceMeta: Readonly<Record<string, string>>;
  readonly filter: string | undefined;
  readonly near: string | undefined;
  readonly consistency: 'default' | 'stale' | 'consistent';
  readonly maxStaleMs: number;
  readonly waitMs: number;
  readonly coalesceMs: number;
  readonly livenessMs: number;
  readonly requestTimeoutMs: number;
  readonly zoneKey: string;
  readonly scheme: 'http' | 'https';
  readonly leaseMs: number;
  readonly deregisterAfterMs: number;
  readonly announceTags: readonly string[];
  readonly keepAlive: boolean;
}

const PATH = 'consulDiscovery';
const DAY_MS = 86_400_000;
/** Consul takes no longer wait than ten minutes. */
const LONGEST_WAIT_MS = 600_000;
/** Consul takes no shorter time for DeregisterCriticalServiceAfter. */
const SHORTEST_DEREGISTER_MS = 60_000;

const KEYS = [
  'address',
  'token',
  'tokenFile',
  'tls',
  'datacenter',
  'failoverDatacenters',
  'namespace',
  'partition',
  'health',
  'tags',
  'nodeMeta',
  'serviceMeta',
  'filter',
  'near',
  'consistency',
  'maxStaleMs',
  'waitMs',
  'coalesceMs',
  'livenessMs',
  'requestTimeoutMs',
  'zoneKey',
  'scheme',
  'leaseMs',
  'deregisterAfterMs',
  'announceTags',
  'keepAlive',
];

/** Checks the options and fills in the defaults. @throws ConfigError with the path of the first bad option. */
export function consulSettings(options: ConsulDiscoveryOptions): ConsulSettings {
  knownKeys(PATH, options, KEYS);
  if (options.token !== undefined && options.tokenFile !== undefined) {
    throw new ConfigError(`${PATH}.tokenFile`, 'left out where token is given', options.tokenFile);
  }
  return {
    addresses: httpServers(`${PATH}.address`, options.address ?? 'http://127.0.0.1:8500'),
    token: token(options.token),
    tokenFile: text('tokenFile', options.tokenFile),
    tls: tlsOptions(`${PATH}.tls`, options.tls),
    datacenter: text('datacenter', options.datacenter),
    failoverDatacenters: texts('failoverDatacenters', options.failoverDatacenters),
    namespace: text('namespace', options.namespace),
    partition: text('partition', options.partition),
    health: oneOf(`${PATH}.health`, options.health ?? 'passing', ['passing', 'warning']),
    tags: texts('tags', options.tags),
    nodeMeta: pairs('nodeMeta', options.nodeMeta),
    serviceMeta: pairs('serviceMeta', options.serviceMeta),
    filter: text('filter', options.filter),
    near: text('near', options.near),
    consistency: oneOf(`${PATH}.consistency`, options.consistency ?? 'default', ['default', 'stale', 'consistent']),
    maxStaleMs: durationMs(`${PATH}.maxStaleMs`, options.maxStaleMs ?? 5_000),
    waitMs: wholeNumberIn(`${PATH}.waitMs`, options.waitMs ?? 300_000, 1_000, LONGEST_WAIT_MS, 'milliseconds'),
    coalesceMs: numberIn(`${PATH}.coalesceMs`, options.coalesceMs ?? 100, 1, 60_000, 'milliseconds'),
    livenessMs: durationMs(`${PATH}.livenessMs`, options.livenessMs ?? 30_000),
    requestTimeoutMs: durationMs(`${PATH}.requestTimeoutMs`, options.requestTimeoutMs ?? 5_000),
    zoneKey: text('zoneKey', options.zoneKey) ?? 'zone',
    scheme: oneOf(`${PATH}.scheme`, options.scheme ?? 'http', ['http', 'https']),
    leaseMs: wholeNumberIn(`${PATH}.leaseMs`, options.leaseMs ?? 15_000, 1_000, DAY_MS, 'milliseconds'),
    deregisterAfterMs: wholeNumberIn(
      `${PATH}.deregisterAfterMs`,
      options.deregisterAfterMs ?? SHORTEST_DEREGISTER_MS,
      SHORTEST_DEREGISTER_MS,
      DAY_MS,
      'milliseconds',
    ),
    announceTags: texts('announceTags', options.announceTags),
    keepAlive: trueOrFalse(`${PATH}.keepAlive`, options.keepAlive ?? false),
  };
}

/** Errors must not show it. */
function token(value: unknown): string | undefined {
  if (value === undefined || (typeof value === 'string' && /^[\x21-\x7e]+$/.test(value))) return value;
  throw new ConfigError(`${PATH}.token`, 'the text of an ACL token', typeof value === 'string' ? 'another text' : value);
}

function text(key: string, value: unknown): string | undefined {
  if (value === undefined || (typeof value === 'string' && value !== '')) return value;
  throw new ConfigError(`${PATH}.${key}`, 'a text that is not empty', value);
}

function texts(key: string, value: unknown = []): readonly string[] {
  if (Array.isArray(value) && value.every((each) => typeof each === 'string' && each !== '')) return [...(value as string[])];
  throw new ConfigError(`${PATH}.${key}`, 'a list of texts that are not empty', value);
}

function pairs(key: string, value: unknown = {}): Readonly<Record<string, string>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    const entries: [string, unknown][] = Object.entries(value);
    if (entries.every(([, each]) => typeof each === 'string')) return Object.fromEntries(entries as [string, string][]);
  }
  throw new ConfigError(`${PATH}.${key}`, 'an object of texts', value);
}
