import { p2c } from './balancing/p2c.js';
import type { Clock } from './core/clock.js';
import type { Discovery } from './core/discovery.js';
import { ConfigError } from './core/errors.js';
import { durationMs, knownKeys, wholeNumberIn } from './core/options-check.js';
import type { Balancer } from './core/picker.js';
import type { PolicyStack } from './core/policy.js';
import type { Random } from './core/random.js';
import type { Classifier } from './core/verdict.js';
import { mergePolicies, type PolicyLists } from './policies/merge-policies.js';
import { standard } from './policies/standard.js';
import { policyStack } from './policy-stack.js';
import { type ConnectionOptions, type ConnectionSettings, connectionOptions, type TlsOptions } from './transport/connection-options.js';
import type { Transport } from './transport/transport.js';

/** How one service is called. What is left out is taken from `defaults`, and from the mesh's own defaults. */
export interface ServiceOptions {
  /** Chooses an endpoint for each attempt. Default `p2c()`: two choices by peak EWMA latency. */
  readonly balancer?: Balancer | undefined;
  /** What stands around a request: see `standard` and `PolicyLists`. Merged with the defaults by policy name. Default `standard()`. */
  readonly policies?: PolicyLists | undefined;
  /**
   * Which name goes into the Host header and into TLS (SNI and the certificate's name): the service's, or
   * the endpoint's own address. Default 'service'.
   */
  readonly host?: 'service' | 'endpoint' | undefined;
  /** How connections to one endpoint are kept. Merged option by option. */
  readonly connections?: ConnectionOptions | undefined;
  /** What the TLS of `https:` endpoints is made of. Default: Node's own. */
  readonly tls?: TlsOptions | undefined;
  /** Decides what an attempt amounted to; undefined leaves it to the default. */
  readonly classify?: Classifier | undefined;
}

/** How lists of endpoints are kept. */
export interface CacheOptions {
  /** The most services known at once; the one unused longest makes room. 1 to 100,000; default 1,000. */
  readonly maxServices?: number | undefined;
  /** For how long a list that looks like a mistake is held back, in milliseconds. Default 30,000. */
  readonly holdMs?: number | undefined;
  /** For how long a failed first lookup is remembered, in milliseconds. Default 1,000. */
  readonly negativeTtlMs?: number | undefined;
  /** For how long a call waits for the first list, in milliseconds, within its own time. Default 10,000. */
  readonly coldTimeoutMs?: number | undefined;
}

/** What a mesh is made of. */
export interface MeshOptions {
  /** Where services are. */
  readonly discovery: Discovery;
  /** How services are called, where `services` says nothing else. */
  readonly defaults?: ServiceOptions | undefined;
  /** How single services are called. A name that stands here is a service by declaration. */
  readonly services?: Readonly<Record<string, ServiceOptions>> | undefined;
  /** More hosts that are services, besides the declared names, single-label hosts and hosts under `.mesh`. */
  readonly claims?: readonly string[] | RegExp | ((hostname: string) => boolean) | undefined;
  /**
   * What `fetch` does with hosts that are no service: hand them to the `fetch` of the runtime, without any
   * policy, or refuse them. Default 'passthrough'.
   */
  readonly unknownHosts?: 'passthrough' | 'error' | undefined;
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
}

/** Options that were checked as a whole: nothing in them can fail at the first request. */
export interface MeshSettings {
  readonly cache: CacheSettings;
  readonly defaults: ServiceSettings;
  readonly services: ReadonlyMap<string, ServiceSettings>;
}

const MESH_KEYS = ['discovery', 'defaults', 'services', 'claims', 'unknownHosts', 'cache', 'transport', 'clock', 'random'];
const SERVICE_KEYS = ['balancer', 'policies', 'host', 'connections', 'tls', 'classify'];
const CACHE_KEYS = ['maxServices', 'holdMs', 'negativeTtlMs', 'coldTimeoutMs'];

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
    const given = options[name] as Record<string, unknown> | undefined;
    if (given !== undefined && typeof given[method] !== 'function')
      throw new ConfigError(name, `an object with the method ${method}`, given);
  }
  const base = options.defaults ?? {};
  const services = new Map<string, ServiceSettings>();
  for (const [name, service] of Object.entries(options.services ?? {})) {
    services.set(name, serviceSettings(`services.${name}`, base, service));
  }
  return { cache: cacheSettings(options.cache), defaults: serviceSettings('defaults', base, {}), services };
}

/**
 * A service's options over the defaults': a service's own value takes the place of the default one, but
 * `connections` is merged option by option and `policies` by policy name.
 */
function serviceSettings(path: string, base: ServiceOptions, own: ServiceOptions): ServiceSettings {
  knownKeys('defaults', base, SERVICE_KEYS);
  knownKeys(path, own, SERVICE_KEYS);
  const balancer = own.balancer ?? base.balancer ?? p2c();
  if (typeof balancer.build !== 'function') throw new ConfigError(`${path}.balancer`, 'a balancer, such as p2c()', balancer);
  const host = own.host ?? base.host ?? 'service';
  if (host !== 'service' && host !== 'endpoint') throw new ConfigError(`${path}.host`, "'service' or 'endpoint'", host);
  const classify = own.classify ?? base.classify;
  if (classify !== undefined && typeof classify !== 'function') throw new ConfigError(`${path}.classify`, 'a function', classify);
  const given = own.policies === undefined ? base.policies : mergePolicies(base.policies ?? standard(), own.policies);
  return {
    balancer,
    policies: policyStack(`${path}.policies`, given ?? standard()),
    host,
    connections: connectionOptions(`${path}.connections`, { ...base.connections, ...own.connections }),
    tls: own.tls ?? base.tls,
    classify,
  };
}

function cacheSettings(options: CacheOptions = {}): CacheSettings {
  knownKeys('cache', options, CACHE_KEYS);
  return {
    maxServices: wholeNumberIn('cache.maxServices', options.maxServices ?? 1_000, 1, 100_000),
    holdMs: durationMs('cache.holdMs', options.holdMs ?? 30_000),
    negativeTtlMs: durationMs('cache.negativeTtlMs', options.negativeTtlMs ?? 1_000),
    coldTimeoutMs: durationMs('cache.coldTimeoutMs', options.coldTimeoutMs ?? 10_000),
  };
}

function isStrings(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((each) => typeof each === 'string');
}
