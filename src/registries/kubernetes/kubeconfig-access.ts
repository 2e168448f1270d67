import { existsSync } from 'node:fs';
import type { Agent } from 'node:http';
import type { RequestOptions } from 'node:https';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Clock } from '../../core/clock.js';
import { excerpt, RegistryError } from '../registry-error.js';
import type { TlsOptions } from '../tls-options.js';
import { ClientPool, type ClusterAccess, type Connection, SOURCE } from './access.js';

/** The optional package that reads kubeconfig files. A plain string, so that neither compilers nor bundlers look for it. */
const PACKAGE: string = '@kubernetes/client-node';

/**
 * What is used of the official client's class. Spelt out, because the package's own types need those of packages that it
 * does not bring along.
 */
interface KubeConfig {
  clusters: readonly Cluster[];
  loadFromFile(file: string): void;
  loadFromDefault(): void;
  setCurrentContext(context: string): void;
  getCurrentContext(): string | undefined;
  getContexts(): readonly { readonly name: string }[];
  getContextObject(name: string | undefined): { readonly namespace?: string | undefined } | null;
  getCurrentCluster(): Cluster | null;
  /** Adds credentials, TLS options and the agent of a proxy to a request's options. */
  applyToHTTPSOptions(options: RequestOptions): Promise<void>;
}

/** Exec plugins ask servers of their own; one that hangs must not be waited for without end. */
const LONGEST_LOGIN_MS = 60_000;

interface Cluster {
  readonly server: string;
  readonly skipTLSVerify?: boolean | undefined;
  readonly proxyUrl?: string | undefined;
}

export interface KubeconfigAccessInit {
  /** A file, or undefined for that of kubectl. */
  readonly path: string | undefined;
  /** Default: the file's current context. */
  readonly context: string | undefined;
  readonly namespace: string | undefined;
}

/**
 * Access by a kubeconfig file, read by the official client's `KubeConfig`: tokens, client certificates, exec plugins,
 * auth providers and proxies all work as they do there. Its list and watch are not used.
 *
 * The file is read again when the server refuses what it gave: a login may have put new credentials there.
 */
export class KubeconfigAccess implements ClusterAccess {
  readonly advice = "set kubeconfig and context to ones with valid credentials (try 'kubectl auth whoami')";
  private readonly clients = new ClientPool();
  private loaded: Promise<KubeConfig> | undefined = undefined;
  private connecting: Promise<Connection> | undefined = undefined;

  constructor(private readonly init: KubeconfigAccessInit) {}

  /** Watches that begin together share one answer: an exec plugin is not run for each of them. */
  connect(clock: Clock): Promise<Connection> {
    this.connecting ??= this.connectNow(clock).finally(() => {
      this.connecting = undefined;
    });
    return this.connecting;
  }

  refused(): void {
    this.loaded = undefined;
  }

  close(): void {
    this.clients.close();
    this.loaded = undefined;
  }

  private async connectNow(clock: Clock): Promise<Connection> {
    this.loaded ??= this.load();
    let server = this.file;
    try {
      const config = await this.loaded;
      const cluster = config.getCurrentCluster();
      const context = config.getContextObject(config.getCurrentContext());
      if (cluster === null || context === null) throw new Error(this.missingContext(config));
      server = cluster.server;
      const options: RequestOptions = {};
      await within(clock, LONGEST_LOGIN_MS, config.applyToHTTPSOptions(options));
      // Without a proxy the connections are ours, and kept.
      const agent = cluster.proxyUrl ? (options.agent as Agent) : undefined;
      return {
        server,
        client: this.clients.get(clock, tlsOf(options), agent),
        headers: headersOf(options),
        namespace: this.init.namespace ?? context.namespace ?? 'default',
      };
    } catch (error) {
      this.loaded = undefined;
      if (error instanceof RegistryError) throw error;
      const reason = excerpt(error instanceof Error ? error.message : String(error));
      throw new RegistryError({ source: SOURCE, server, what: `could not be asked (${reason})`, advice: this.advice, cause: error });
    }
  }

  private get file(): string {
    return this.init.path ?? 'the default kubeconfig';
  }

  private async load(): Promise<KubeConfig> {
    const { KubeConfig } = await this.officialClient();
    const config = new KubeConfig();
    if (this.init.path !== undefined) config.loadFromFile(this.init.path);
    else if (hasDefaultKubeconfig()) config.loadFromDefault();
    else throw new Error('there is no ~/.kube/config, and KUBECONFIG is not set');
    if (this.init.context !== undefined) config.setCurrentContext(this.init.context);
    allowPlainHttp(config);
    return config;
  }

  private async officialClient(): Promise<{ readonly KubeConfig: new () => KubeConfig }> {
    try {
      return await import(PACKAGE);
    } catch (cause) {
      const what = `could not be read, because the package ${PACKAGE} cannot be loaded`;
      throw new RegistryError({ source: SOURCE, server: this.file, what, advice: `npm install ${PACKAGE}@1`, cause });
    }
  }

  private missingContext(config: KubeConfig): string {
    const names = config.getContexts().map(({ name }) => name);
    const wanted = config.getCurrentContext();
    if (wanted === undefined || wanted === '') return `it has no current context: set context to one of ${names.join(', ')}`;
    return `its context '${wanted}' does not exist or names no cluster; it has ${names.length === 0 ? 'none' : names.join(', ')}`;
  }
}

function within(clock: Clock, ms: number, login: Promise<void>): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = clock.setTimer(() => reject(new Error(`its exec plugin gave no credentials within ${ms} ms`)), ms);
    timer.unref();
    login.then(resolve, reject).finally(() => timer.cancel());
  });
}

/** Whether there is a kubeconfig where kubectl looks for one. */
export function hasDefaultKubeconfig(env: Readonly<Record<string, string | undefined>> = process.env): boolean {
  return !!env.KUBECONFIG || existsSync(join(homedir(), '.kube', 'config'));
}

/** The official client refuses `http:` unless the cluster says that TLS need not be checked; there is none to check. */
function allowPlainHttp(config: KubeConfig): void {
  config.clusters = config.clusters.map((cluster) => (cluster.server.startsWith('http:') ? { ...cluster, skipTLSVerify: true } : cluster));
}

function tlsOf({ ca, cert, key, pfx, passphrase, servername, rejectUnauthorized }: RequestOptions): TlsOptions {
  return { ca, cert, key, pfx, passphrase, servername, ...(rejectUnauthorized !== undefined && { rejectUnauthorized }) };
}

function headersOf({ headers, auth }: RequestOptions): Record<string, string> {
  const result: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers ?? {})) {
    // Tokens from files often end in a newline.
    if (value !== undefined) result[name.toLowerCase()] = String(value).trim();
  }
  if (typeof auth === 'string') result.authorization = `Basic ${Buffer.from(auth).toString('base64')}`;
  return result;
}
