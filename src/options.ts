import { adaptive } from './balancing/adaptive/adaptive.js';
import type { Clock } from './core/clock.js';
import type { Discovery } from './core/discovery.js';
import { ConfigError } from './core/errors.js';
import { durationMs, knownKeys, wholeNumberIn } from './core/options-check.js';
import type { Balancer } from './core/picker.js';
import type { PolicyStack } from './core/policy.js';
import type { Random } from './core/random.js';
import type { Classifier } from './core/verdict.js';
import { type DiskSnapshotOptions, type DiskSnapshotSettings, diskSnapshotSettings } from './discovery/disk-snapshot.js';
import { mergePolicies, type PolicyLists } from './policies/merge-policies.js';
import { standard } from './policies/standard.js';
import { policyStack } from './policy-stack.js';
import { isServiceName, SERVICE_NAME } from './service-names.js';
import {
  type ConnectionOptions,
  type ConnectionSettings,
  connectionOptions,
  type TlsOptions,
  tlsOptions,
} from './transport/connection-options.js';
import type { Transport } from './transport/transport.js';

/** How one service is called. What is left out is taken from `defaults`, and from the mesh's own defaults. */
export interface ServiceOptions {
  /** Chooses an endpoint for each attempt. Default `adaptive()`: by the servers' load reports, or else by their latency and the requests in flight. */
  readonly balancer?: Balancer | undefined;
  /** What stands around a request: see `standard` and `PolicyLists`. Merged with the defaults by policy name. Default `standard()`. */
  readonly policies?: PolicyLists | undefined;
  /**
   * Which name goes into the Host header and into TLS (SNI and the certificate's name): the service's, or
   * the endpoint's own address. Default 'service'.
   */
  readonly host?: 'service' | 'endpoint' | undefined;
  /** How connections to one endpoint are kept. Merged option by option. Default: see `ConnectionOptions`. */
  readonly connections?: ConnectionOptions | undefined;
  /** What the TLS of `https:` endpoints is made of. Default: Node's own. */
  readonly tls?: TlsOptions | undefined;
  /** Decides what an attempt amounted to; undefined leaves it to the default. One that throws is reported. Default: by status and error. */
  readonly classify?: Classifier | undefined;
}

/** How lists of endpoints are kept. */
export interface CacheOptions {
  /** The most services known at once; the one unused longest makes room. 1 to 100,000; default 1,000. */
  readonly maxServices?: number | undefined;
  /** For how long a list that looks like a mistake is held back, in milliseconds. Above 0; default 30,000. */
  readonly holdMs?: number | undefined;
  /** For how long a failed first lookup is remembered, in milliseconds. Above 0; default 1,000. */
  readonly negativeTtlMs?: number | undefined;
  /** For how long a call waits for the first list, in milliseconds, within its own time. Above 0; default 10,000. */
  readonly coldTimeoutMs?: number | undefined;
  /** Where the last good lists are kept on disk, for a start while the registry is down. Default: nowhere. */
  readonly snapshot?: DiskSnapshotOptions | undefined;
}

/** What a mesh is made of. */
export interface MeshOptions {
  /** Where services are. */
  readonly discovery: Discovery;
  /** How services are called, where `services` says nothing else. Default: none, every option has its own. */
  readonly defaults?: ServiceOptions | undefined;
  /** How single services are called. A name that stands here is a service by declaration. Default: none. */
  readonly services?: Readonly<Record<string, ServiceOptions>> | undefined;
  /**
   * More hosts that are services, besides the declared names, single-label hosts and hosts under `.mesh`: a list, a
   * pattern, or a function of the host in lower case. Default: none.
   */
  readonly claims?: readonly string[] | RegExp | ((hostname: string) => boolean) | undefined;
  /**
   * What `fetch` does with hosts that are no service: hand them to the `fetch` of the runtime, without any
   * policy, or refuse them. Default 'passthrough'.
   */
  readonly unknownHosts?: 'passthrough' | 'error' | undefined;
  /** How lists of endpoints are kept. Default: see `CacheOptions`. */
  readonly cache?: CacheOptions | undefined;
  /** The way to the wire. Default: HTTP/1.1 through undici. */
  readonly transport?: Transport | undefined;
  /** The source of time. Default: the machine's. */
  readonly clock?: Clock | undefined;
  /** The source of chance. Default: the engine's. */
  readonly random?: Random | undefined;
}

/** `ServiceOptions` with everything filled in. */
export interface ServiceSettings {
  readonly balancer: Balancer;
  readonly policies: PolicyStack;
  readonly host: 'service' | 'endpoint';
  readonly connections: ConnectionSettings;
  readonly tls: TlsOptions | undefined;
  readonly classify: Classifier | undefined;
}

/** `CacheOptions` with everything filled in. */
export interface CacheSettings {
  readonly maxServices: number;
  readonly holdMs: number;
  readonly negativeTtlMs: number;
  readonly coldTimeoutMs: number;
  readonly snapshot: DiskSnapshotSettings | undefined;
}

/** Options that were checked as a whole: nothing in them can fail at the first request. */
export interface MeshSettings {
  readonly cache: CacheSettings;
  readonly defaults: ServiceSettings;
  readonly services: ReadonlyMap<string, ServiceSettings>;
}

const MESH_KEYS = ['discovery', 'defaults', 'services', 'claims', 'unknownHosts', 'cache', 'transport', 'clock', 'random'];
const SERVICE_KEYS = ['balancer', 'policies', 'host', 'connections', 'tls', 'classify'];
const CACHE_KEYS = ['maxServices', 'holdMs', 'negativeTtlMs', 'coldTimeoutMs', 'snapshot'];

/** Checks the options and fills in the defaults. @throws ConfigError with the path of the first bad option. */
export function meshSettings(options: MeshOptions): MeshSettings {
  knownKeys('', options, MESH_KEYS);
  const { discovery, unknownHosts, claims } = options;
  if (typeof discovery?.watch !== 'function')
    throw new ConfigError('discovery', 'a source of endpoints, such as staticDiscovery({...})', discovery);
  if (unknownHosts !== undefined && unknownHosts !== 'passthrough' && unknownHosts !== 'error') {
    throw new ConfigError('unknownHosts', "'passthrough' or 'error'", unknownHosts);
  }
  if (claims !== undefined && !(claims instanceof RegExp) && typeof claims !== 'function' && !isStrings(claims)) {
    throw new ConfigError('claims', 'a list of host names, a pattern or a function', claims);
  }
  for (const [name, method] of [
    ['clock', 'setTimer'],
    ['random', 'next'],
    ['transport', 'connect'],
  ] as const) {
    const given = options[name] as Record<string, unknown> | null | undefined;
    if (given !== undefined && typeof given?.[method] !== 'function')
      throw new ConfigError(name, `an object with the method ${method}`, given);
  }
  const base = options.defaults ?? {};
  // First of all, so that what is wrong in them is not reported as a service's.
  const defaults = serviceSettings('defaults', undefined, base);
  const services = new Map<string, ServiceSettings>();
  for (const [name, service] of declaredServices(options.services)) {
    services.set(name, serviceSettings(`services.${name}`, base, service));
  }
  return { cache: cacheSettings(options.cache), defaults, services };
}

/** Hosts fold case, so names that differ in nothing else would share one host. */
function declaredServices(services: MeshOptions['services'] = {}): [string, ServiceOptions][] {
  if (typeof services !== 'object' || services === null || Array.isArray(services)) {
    throw new ConfigError('services', "an object with the options of each service by the service's name", services);
  }
  const entries = Object.entries(services);
  const names = new Set<string>();
  for (const [name] of entries) {
    if (!isServiceName(name)) throw new ConfigError('services', `an object whose keys are names: ${SERVICE_NAME}`, name);
    const folded = name.toLowerCase();
    if (names.has(folded)) throw new ConfigError(`services.${name}`, 'a name that differs from the others in more than case', name);
    names.add(folded);
  }
  return entries;
}

/**
 * A service's options over the defaults': a service's own value takes the place of the default one, but
 * `connections` is merged option by option and `policies` by policy name.
 */
function serviceSettings(path: string, defaults: ServiceOptions | undefined, own: ServiceOptions): ServiceSettings {
  knownKeys(path, own, SERVICE_KEYS);
  const base = defaults ?? {};
  const balancer = own.balancer ?? base.balancer ?? adaptive();
  if (typeof balancer.build !== 'function') throw new ConfigError(`${path}.balancer`, 'a balancer, such as adaptive()', balancer);
  const host = own.host ?? base.host ?? 'service';
  if (host !== 'service' && host !== 'endpoint') throw new ConfigError(`${path}.host`, "'service' or 'endpoint'", host);
  const classify = own.classify ?? base.classify;
  if (classify !== undefined && typeof classify !== 'function') throw new ConfigError(`${path}.classify`, 'a function', classify);
  return {
    balancer,
    policies:
      defaults === undefined
        ? policyStack(`${path}.policies`, own.policies ?? standard())
        : servicePolicies(`${path}.policies`, base.policies ?? standard(), own.policies),
    host,
    connections: connectionOptions(`${path}.connections`, { ...base.connections, ...own.connections }),
    tls: tlsOptions(`${path}.tls`, own.tls ?? base.tls),
    classify,
  };
}

function servicePolicies(path: string, base: PolicyLists, own: PolicyLists | undefined): PolicyStack {
  if (own === undefined) return policyStack(path, base);
  // Before they are merged, so that an error names the place where a policy was written.
  policyStack(path, own);
  try {
    return policyStack(path, mergePolicies(base, own));
  } catch (error) {
    if (error instanceof ConfigError && !error.path.startsWith(path))
      throw new ConfigError(`${path}.${error.path}`, error.expected, error.got);
    throw error;
  }
}

function cacheSettings(options: CacheOptions = {}): CacheSettings {
  knownKeys('cache', options, CACHE_KEYS);
  return {
    maxServices: wholeNumberIn('cache.maxServices', options.maxServices ?? 1_000, 1, 100_000),
    holdMs: durationMs('cache.holdMs', options.holdMs ?? 30_000),
    negativeTtlMs: durationMs('cache.negativeTtlMs', options.negativeTtlMs ?? 1_000),
    coldTimeoutMs: durationMs('cache.coldTimeoutMs', options.coldTimeoutMs ?? 10_000),
    snapshot: options.snapshot === undefined ? undefined : diskSnapshotSettings('cache.snapshot', options.snapshot),
  };
}

function isStrings(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((each) => typeof each === 'string');
}
