import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Certificates } from './certificates.js';
import { type ChildServer, prepareSite, startServer } from './child-server.js';
import { type Etcd, startEtcd } from './etcd.js';
import { callJson, exchange, type HttpOptions } from './http-call.js';
import { ADMIN_TOKEN, type KubernetesFiles, signedToken, USER_TOKEN, writeKubernetesFiles } from './kubernetes-files.js';
import { programPath } from './programs.js';
import type { RestartOptions, ServerProcess } from './server-process.js';

export interface KubernetesOptions {
  /** Default a free one. */
  readonly port?: number;
  /** More of kube-apiserver's flags. */
  readonly flags?: readonly string[];
}

/** What a service account may do: a rule of Kubernetes' Role. */
export interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
}

export interface ServiceAccount {
  readonly namespace: string;
  readonly name: string;
}

/** No TokenRequest may ask for less. */
const SHORTEST_REQUEST_SECONDS = 600;

/** Starts an etcd and a kube-apiserver over it, and waits until it is ready. */
export async function startKubernetes(options: KubernetesOptions = {}): Promise<Kubernetes> {
  const program = programPath('kubernetes');
  const etcd = await startEtcd();
  try {
    const site = await prepareSite('kubernetes', 1, options.port);
    const files = writeKubernetesFiles(site.folder);
    const address = `https://127.0.0.1:${site.ports[0]}`;
    const server = await startServer({
      name: 'kube-apiserver',
      site,
      address,
      command: program,
      parameters: [
        `--etcd-servers=${etcd.server.address}`,
        `--secure-port=${site.ports[0]}`,
        '--bind-address=127.0.0.1',
        '--advertise-address=127.0.0.1',
        '--service-cluster-ip-range=10.96.0.0/16',
        '--authorization-mode=RBAC',
        '--endpoint-reconciler-type=none',
        ...files.flags,
        ...(options.flags ?? []),
      ],
      answers: async () => {
        const { status } = await exchange(`${address}/readyz`, { ca: files.certificates.ca, headers: AS_ADMIN, timeoutMs: 3_000 });
        return status === 200;
      },
    });
    return new Kubernetes(server, etcd, files);
  } catch (error) {
    await etcd.stop();
    throw error;
  }
}

const AS_ADMIN = { authorization: `Bearer ${ADMIN_TOKEN}` };

/** Kubernetes' API server over an etcd of its own. As a process it is the API server. */
export class Kubernetes implements ServerProcess {
  /** May do everything. */
  readonly adminToken = ADMIN_TOKEN;
  /** Known to the server, but without any right. */
  readonly userToken = USER_TOKEN;

  constructor(
    private readonly server: ChildServer,
    readonly etcd: Etcd,
    private readonly files: KubernetesFiles,
  ) {}

  /** The authority of the server's certificate. The client's certificate is an administrator's. */
  get certificates(): Certificates {
    return this.files.certificates;
  }

  /** One call of the API as the administrator. */
  call(path: string, options: HttpOptions = {}): Promise<unknown> {
    return callJson(`${this.address}${path}`, { ...options, ca: this.certificates.ca, headers: { ...AS_ADMIN, ...options.headers } });
  }

  async createNamespace(name: string): Promise<void> {
    await this.call('/api/v1/namespaces', { body: { metadata: { name } } });
  }

  /** Makes a service account that may do in its namespace what the rules say. */
  async createServiceAccount({ namespace, name }: ServiceAccount, rules: readonly Rule[]): Promise<void> {
    const access = `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}`;
    await this.call(`/api/v1/namespaces/${namespace}/serviceaccounts`, { body: { metadata: { name } } });
    await this.call(`${access}/roles`, { body: { metadata: { name }, rules } });
    await this.call(`${access}/rolebindings`, {
      body: {
        metadata: { name },
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name },
        subjects: [{ kind: 'ServiceAccount', namespace, name }],
      },
    });
  }

  /**
   * A token of a service account. The API gives none that lives for less than ten minutes: a shorter one is signed
   * here, with the server's own key. The server remembers for ten seconds that it has accepted a token, and may accept
   * it for so much longer.
   */
  async createToken(account: ServiceAccount, seconds: number): Promise<string> {
    const path = `/api/v1/namespaces/${account.namespace}/serviceaccounts/${account.name}`;
    if (seconds >= SHORTEST_REQUEST_SECONDS) {
      const answer = await this.call(`${path}/token`, { body: { spec: { expirationSeconds: seconds } } });
      return (answer as { status: { token: string } }).status.token;
    }
    const { metadata } = (await this.call(path)) as { metadata: { uid: string } };
    return signedToken(this.files.signingKey, { ...account, uid: metadata.uid }, seconds);
  }

  /** Writes a kubeconfig for a token, and returns its path. */
  kubeconfig(token: string, namespace = 'default'): string {
    const path = join(this.server.folder, `kubeconfig-${namespace}.json`);
    const configuration = {
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': 'test',
      contexts: [{ name: 'test', context: { cluster: 'test', user: 'test', namespace } }],
      clusters: [{ name: 'test', cluster: { server: this.address, 'certificate-authority': this.certificates.caFile } }],
      users: [{ name: 'test', user: { token } }],
    };
    // JSON is YAML.
    writeFileSync(path, JSON.stringify(configuration, undefined, 2));
    return path;
  }

  get address(): string {
    return this.server.address;
  }

  get pid(): number {
    return this.server.pid;
  }

  freeze(): void {
    this.server.freeze();
  }

  thaw(): void {
    this.server.thaw();
  }

  kill(): Promise<void> {
    return this.server.kill();
  }

  /** Empty means that its etcd restarts empty as well: it keeps nothing itself. */
  async restart({ empty = false }: RestartOptions = {}): Promise<void> {
    await this.server.kill();
    if (empty) await this.etcd.restart({ empty });
    await this.server.restart({ empty });
  }

  async stop(): Promise<void> {
    await this.server.stop();
    await this.etcd.stop();
  }

  log(): string {
    return this.server.log();
  }
}
