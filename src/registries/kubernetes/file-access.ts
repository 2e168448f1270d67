import { readFile } from 'node:fs/promises';
import { isIPv6 } from 'node:net';
import type { Clock } from '../../core/clock.js';
import { RegistryError } from '../registry-error.js';
import { ClientPool, type ClusterAccess, type Connection, SOURCE } from './access.js';

/** Where Kubernetes puts a pod's credentials. */
const SERVICE_ACCOUNT_FOLDER = '/var/run/secrets/kubernetes.io/serviceaccount';

export interface FileAccessInit {
  readonly server: string;
  readonly token?: string | undefined;
  readonly tokenFile?: string | undefined;
  readonly ca?: string | undefined;
  readonly caFile?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  readonly namespace?: string | undefined;
  /** Names the namespace of services that name none, where `namespace` does not. */
  readonly namespaceFile?: string | undefined;
  readonly advice: string;
}

/**
 * Credentials given as they are, or in files. Files are read before each request: that is a few times an hour, and a
 * token of a service account changes every hour.
 */
export class FileAccess implements ClusterAccess {
  readonly advice: string;
  private readonly clients = new ClientPool();

  constructor(private readonly init: FileAccessInit) {
    this.advice = init.advice;
  }

  async connect(clock: Clock): Promise<Connection> {
    const { server, token, tokenFile, ca, caFile, cert, key, namespace, namespaceFile } = this.init;
    const [tokenNow, caNow, namespaceNow] = await Promise.all([
      token ?? this.read('tokenFile', tokenFile),
      ca ?? this.read('caFile', caFile),
      namespace ?? this.read('namespace', namespaceFile),
    ]);
    return {
      server,
      client: this.clients.get(clock, { ca: caNow, cert, key }),
      headers: tokenNow === undefined ? {} : { authorization: `Bearer ${tokenNow.trim()}` },
      namespace: namespaceNow?.trim() || 'default',
    };
  }

  /** Nothing is kept. */
  refused(): void {}

  close(): void {
    this.clients.close();
  }

  private async read(option: string, path: string | undefined): Promise<string | undefined> {
    if (path === undefined) return undefined;
    try {
      return await readFile(path, 'utf8');
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      const what = `could not be asked, since ${path} cannot be read (${reason})`;
      throw new RegistryError({ source: SOURCE, server: this.init.server, what, advice: `set ${option}`, cause });
    }
  }
}

/** The access that every pod has; undefined outside a cluster. */
export function inClusterAccess(
  env: Readonly<Record<string, string | undefined>>,
  namespace: string | undefined,
  folder = SERVICE_ACCOUNT_FOLDER,
): FileAccess | undefined {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = env;
  if (!host || !port) return undefined;
  return new FileAccess({
    server: `https://${isIPv6(host) ? `[${host}]` : host}:${port}`,
    tokenFile: `${folder}/token`,
    caFile: `${folder}/ca.crt`,
    namespace,
    namespaceFile: `${folder}/namespace`,
    advice: 'let the pod have a service account with a token (automountServiceAccountToken), or set server and token',
  });
}
