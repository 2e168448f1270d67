import { ConfigError } from '../../core/errors.js';
import { durationMs, knownKeys, oneOf } from '../../core/options-check.js';
import { httpServers } from '../server-list.js';
import type { ClusterAccess } from './access.js';
import type { AddressType, SliceReading } from './endpoint-slice.js';
import { FileAccess, inClusterAccess } from './file-access.js';
import { hasDefaultKubeconfig, KubeconfigAccess } from './kubeconfig-access.js';
import { type KubernetesServiceOptions, LABEL } from './service-address.js';

/** Where the cluster is, who we are to it, and which of its endpoints are called. */
export interface KubernetesDiscoveryOptions {
  /**
   * The namespace of services that name none (`users`; `users.shop` names one). Default: that of the pod, or of the
   * kubeconfig's context, else 'default'.
   */
  readonly namespace?: string | undefined;
  /**
   * The API server: a URL such as 'https://10.96.0.1'. Default: that of the cluster that the process runs in, or of the
   * kubeconfig.
   */
  readonly server?: string | undefined;
  /** A bearer token. Needs `server`. Default: none. */
  readonly token?: string | undefined;
  /** A file with a bearer token, read again for each request, so that it may change. Needs `server`. Default: none. */
  readonly tokenFile?: string | undefined;
  /** The certificate authority of the server, as PEM. Needs `server`. Default: those that Node trusts. */
  readonly ca?: string | undefined;
  /** A file with the certificate authority, as PEM; it may change. Needs `server`. Default: none. */
  readonly caFile?: string | undefined;
  /** A client certificate, as PEM. Needs `server` and `key`. Default: none. */
  readonly cert?: string | undefined;
  /** The key of `cert`, as PEM. Default: none. */
  readonly key?: string | undefined;
  /**
   * A kubeconfig file; true for that of kubectl (`KUBECONFIG`, else ~/.kube/config). Needs the package
   * `@kubernetes/client-node`. Default: true where there is such a file and the process runs in no cluster, else false.
   */
  readonly kubeconfig?: boolean | string | undefined;
  /** The context of the kubeconfig to use. Default: its current one. */
  readonly context?: string | undefined;
  /**
   * The port to call, by its name or number in the EndpointSlices. Default: the only one, or the one named http, https,
   * web, http-web, api or http-api, or the only one whose appProtocol is HTTP. A slice where that leaves none or several
   * is skipped and reported.
   */
  readonly port?: string | number | undefined;
  /** The scheme of all endpoints. Default: 'https' for a port whose appProtocol or name says so, or 443; else 'http'. */
  readonly scheme?: 'http' | 'https' | undefined;
  /**
   * The address families that may be called, the preferred one first. A pod with addresses of several is one instance.
   * Default ['IPv4', 'IPv6'].
   */
  readonly addressTypes?: readonly ('IPv4' | 'IPv6')[] | undefined;
  /**
   * The zone that the process runs in: where every endpoint of a service has zone hints, and some are for this zone, only
   * those are called. Default: hints are ignored.
   */
  readonly hintsForZone?: string | undefined;
  /** Services that go by another name, namespace or port than their own. Default: none. */
  readonly services?: Readonly<Record<string, KubernetesServiceOptions>> | undefined;
  /** When nothing was heard for this long, in milliseconds, the server is asked for a sign of life. Default 30,000. */
  readonly livenessMs?: number | undefined;
  /** For how long, in milliseconds, to wait for an answer of the server. Default 5,000. */
  readonly requestTimeoutMs?: number | undefined;
}

/** The options, checked. */
export interface KubernetesSettings {
  readonly access: ClusterAccess;
  readonly reading: SliceReading;
  readonly services: Readonly<Record<string, KubernetesServiceOptions>>;
  readonly livenessMs: number;
  readonly requestTimeoutMs: number;
}

const PATH = 'kubernetesDiscovery';
const TEXTS = ['token', 'tokenFile', 'ca', 'caFile', 'cert', 'key', 'context', 'hintsForZone'] as const;
const KNOWN = [
  ...TEXTS,
  'namespace',
  'server',
  'kubeconfig',
  'port',
  'scheme',
  'addressTypes',
  'services',
  'livenessMs',
  'requestTimeoutMs',
];
const OF_SERVER = ['token', 'tokenFile', 'ca', 'caFile', 'cert', 'key'] as const;

/** @throws ConfigError for the first option that is wrong. */
export function checkedSettings(options: KubernetesDiscoveryOptions): KubernetesSettings {
  knownKeys(PATH, options, KNOWN);
  for (const option of TEXTS) nonEmptyText(`${PATH}.${option}`, options[option]);
  checkedLabel(`${PATH}.namespace`, options.namespace);
  const { services = {}, livenessMs = 30_000, requestTimeoutMs = 5_000 } = options;
  return {
    access: accessOf(options),
    reading: {
      port: checkedPort(`${PATH}.port`, options.port),
      scheme: options.scheme === undefined ? undefined : oneOf(`${PATH}.scheme`, options.scheme, ['http', 'https']),
      addressTypes: checkedAddressTypes(options.addressTypes),
      hintsForZone: options.hintsForZone,
    },
    services: checkedServices(services),
    livenessMs: durationMs(`${PATH}.livenessMs`, livenessMs),
    requestTimeoutMs: durationMs(`${PATH}.requestTimeoutMs`, requestTimeoutMs),
  };
}

function accessOf(options: KubernetesDiscoveryOptions): ClusterAccess {
  const { server, kubeconfig, context, namespace, token, tokenFile, ca, caFile, cert, key } = options;
  if (kubeconfig !== undefined && typeof kubeconfig !== 'boolean' && (typeof kubeconfig !== 'string' || kubeconfig === '')) {
    throw new ConfigError(`${PATH}.kubeconfig`, 'true or the path of a file', kubeconfig);
  }
  if (server !== undefined) {
    for (const other of ['kubeconfig', 'context'] as const) {
      if (options[other] !== undefined && options[other] !== false) {
        throw new ConfigError(`${PATH}.${other}`, 'left out where server is set', options[other]);
      }
    }
    const [url = ''] = httpServers(`${PATH}.server`, server);
    exclusive('token', 'tokenFile', options);
    exclusive('ca', 'caFile', options);
    if ((cert === undefined) !== (key === undefined)) {
      throw new ConfigError(`${PATH}.${cert === undefined ? 'cert' : 'key'}`, 'set along with the other of cert and key', undefined);
    }
    const advice = 'set token or tokenFile (or cert and key) to valid credentials';
    return new FileAccess({ server: url, token, tokenFile, ca, caFile, cert, key, namespace, advice });
  }
  for (const option of OF_SERVER) {
    if (options[option] !== undefined) throw new ConfigError(`${PATH}.server`, `a URL where ${option} is set`, undefined);
  }
  const wantsFile = context !== undefined || (kubeconfig !== undefined && kubeconfig !== false);
  const inCluster = wantsFile ? undefined : inClusterAccess(process.env, namespace);
  if (inCluster !== undefined) return inCluster;
  if (wantsFile || (kubeconfig !== false && hasDefaultKubeconfig())) {
    return new KubeconfigAccess({ path: typeof kubeconfig === 'string' ? kubeconfig : undefined, context, namespace });
  }
  throw new ConfigError(
    `${PATH}.server`,
    'a URL, since the process runs in no cluster (KUBERNETES_SERVICE_HOST) and has no kubeconfig',
    undefined,
  );
}

function exclusive(one: 'token' | 'ca', other: 'tokenFile' | 'caFile', options: KubernetesDiscoveryOptions): void {
  if (options[one] !== undefined && options[other] !== undefined) {
    throw new ConfigError(`${PATH}.${other}`, `left out where ${one} is set`, options[other]);
  }
}

function nonEmptyText(path: string, value: unknown): void {
  // A secret must not be shown.
  if (value !== undefined && (typeof value !== 'string' || value === ''))
    throw new ConfigError(path, 'a string that is not empty', typeof value);
}

function checkedLabel(path: string, value: unknown): void {
  if (value !== undefined && (typeof value !== 'string' || !LABEL.test(value))) {
    throw new ConfigError(path, 'a name of 1 to 63 lower-case letters, digits and hyphens', value);
  }
}

function checkedPort(path: string, value: unknown): string | number | undefined {
  if (value === undefined || (typeof value === 'string' && value !== '')) return value;
  if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= 65_535) return value;
  throw new ConfigError(path, 'the name of a port, or a number from 1 to 65535', value);
}

function checkedAddressTypes(value: unknown = ['IPv4', 'IPv6']): readonly AddressType[] {
  const isList = Array.isArray(value) && value.length > 0 && new Set(value).size === value.length;
  if (isList && value.every((each) => each === 'IPv4' || each === 'IPv6')) return [...(value as AddressType[])];
  throw new ConfigError(`${PATH}.addressTypes`, "a list of 'IPv4' and 'IPv6', the preferred one first", value);
}

function checkedServices(services: unknown): Readonly<Record<string, KubernetesServiceOptions>> {
  const path = `${PATH}.services`;
  if (typeof services !== 'object' || services === null || Array.isArray(services)) throw new ConfigError(path, 'an object', services);
  for (const [name, options] of Object.entries(services as Record<string, unknown>)) {
    knownKeys(`${path}.${name}`, options, ['name', 'namespace', 'port']);
    const { name: inCluster, namespace, port } = options as KubernetesServiceOptions;
    checkedLabel(`${path}.${name}.name`, inCluster);
    checkedLabel(`${path}.${name}.namespace`, namespace);
    checkedPort(`${path}.${name}.port`, port);
  }
  return { ...(services as Readonly<Record<string, KubernetesServiceOptions>>) };
}
