import { join } from 'node:path';
import { type Certificates, makeCertificates } from './certificates.js';
import { prepareSite, type Site, startServer } from './child-server.js';
import { callJson } from './http-call.js';
import { programPath } from './programs.js';
import type { RestartOptions, ServerProcess } from './server-process.js';
import { startTogether } from './start-together.js';

export interface EtcdOptions {
  /** Default 1. */
  readonly members?: 1 | 3;
  /** Switches authentication on, with a user `root` of this password. Default none. */
  readonly auth?: { readonly rootPassword: string };
  /** TLS on the client port; `'mutual'` also asks clients for a certificate. Default none. */
  readonly tls?: 'server' | 'mutual';
  /** The client port of the first member. Default a free one. */
  readonly port?: number;
  /** More of etcd's flags. */
  readonly flags?: readonly string[];
}

/** One etcd, or a cluster of three. */
export interface Etcd {
  readonly members: readonly ServerProcess[];
  /** The only member, or the first. */
  readonly server: ServerProcess;
  /** The members' client addresses. */
  readonly endpoints: readonly string[];
  readonly certificates: Certificates | undefined;
  /** The member that leads now. */
  leader(): Promise<ServerProcess>;
  /** One call of etcd's JSON gateway, as root where there are users: `call('kv/put', { key: base64('a'), value: base64('1') })`. */
  call(path: string, body?: object): Promise<unknown>;
  /** Kills and starts all members at once. One of three alone cannot restart empty: the others know it by what it had. */
  restart(options?: RestartOptions): Promise<void>;
  stop(): Promise<void>;
}

/** Keys and values in etcd's JSON gateway. */
export function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}

/** Starts etcd, one process a member, and waits until all of them serve. */
export async function startEtcd(options: EtcdOptions = {}): Promise<Etcd> {
  const program = programPath('etcd');
  const sites: Site[] = [await prepareSite('etcd', 2, options.port)];
  while (sites.length < (options.members ?? 1)) sites.push(await prepareSite('etcd', 2));
  const scheme = options.tls === undefined ? 'http' : 'https';
  const endpoints = sites.map(({ ports }) => `${scheme}://127.0.0.1:${ports[0]}`);
  const certificates = options.tls && makeCertificates(join(folderOf(sites), 'tls'));
  const gateway = new Gateway(endpoints, options, certificates);
  const members = await startTogether(
    sites.map((site, index) => () => {
      const address = endpoints[index] ?? '';
      const answers = (): Promise<boolean> => gateway.isHealthy(address);
      const parameters = parametersOf(sites, site, address, options, certificates);
      const furnish = index === 0 ? { furnish: () => gateway.addRoot() } : {};
      return startServer({ name: `etcd ${index}`, site, address, command: program, parameters, answers, ...furnish });
    }),
  );
  return new EtcdCluster(members, gateway);
}

class EtcdCluster implements Etcd {
  constructor(
    readonly members: readonly ServerProcess[],
    private readonly gateway: Gateway,
  ) {}

  get server(): ServerProcess {
    return firstOf(this.members);
  }

  get endpoints(): readonly string[] {
    return this.gateway.endpoints;
  }

  get certificates(): Certificates | undefined {
    return this.gateway.certificates;
  }

  call(path: string, body: object = {}): Promise<unknown> {
    return this.gateway.call(path, body);
  }

  async leader(): Promise<ServerProcess> {
    for (const member of this.members) {
      if (await this.gateway.isLeader(member.address)) return member;
    }
    throw new Error('no member of etcd leads');
  }

  async restart(options?: RestartOptions): Promise<void> {
    // All are gone before the first one starts again: it would take the old data from those that still run.
    await Promise.all(this.members.map((member) => member.kill()));
    await Promise.all(this.members.map((member) => member.restart(options)));
  }

  async stop(): Promise<void> {
    await Promise.all(this.members.map((member) => member.stop()));
  }
}

/** The calls of etcd's JSON gateway. */
class Gateway {
  constructor(
    readonly endpoints: readonly string[],
    private readonly options: EtcdOptions,
    readonly certificates: Certificates | undefined,
  ) {}

  async isHealthy(endpoint: string): Promise<boolean> {
    const answer = await callJson(`${endpoint}/health`, { ...this.tls, timeoutMs: 3_000 });
    return (answer as { health?: string }).health === 'true';
  }

  async isLeader(endpoint: string): Promise<boolean> {
    try {
      const answer = (await this.post(endpoint, 'maintenance/status', {}, {})) as { leader?: string; header?: { member_id?: string } };
      return answer.leader !== undefined && answer.leader === answer.header?.member_id;
    } catch {
      return false;
    }
  }

  /** Asks the first member that answers. */
  async call(path: string, body: object): Promise<unknown> {
    let failure: unknown;
    for (const endpoint of this.endpoints) {
      try {
        return await this.post(endpoint, path, body, await this.authorization(endpoint));
      } catch (error) {
        failure = error;
      }
    }
    throw failure;
  }

  /** The user root, and authentication switched on. */
  async addRoot(): Promise<void> {
    const { auth } = this.options;
    if (auth === undefined) return;
    const endpoint = firstOf(this.endpoints);
    await this.post(endpoint, 'auth/user/add', { name: 'root', password: auth.rootPassword }, {});
    await this.post(endpoint, 'auth/role/add', { name: 'root' }, {});
    await this.post(endpoint, 'auth/user/grant', { user: 'root', role: 'root' }, {});
    await this.post(endpoint, 'auth/enable', {}, {});
  }

  private async authorization(endpoint: string): Promise<Record<string, string>> {
    const { auth } = this.options;
    if (auth === undefined) return {};
    const answer = (await this.post(endpoint, 'auth/authenticate', { name: 'root', password: auth.rootPassword }, {})) as { token: string };
    return { authorization: answer.token };
  }

  private post(endpoint: string, path: string, body: object, headers: Record<string, string>): Promise<unknown> {
    return callJson(`${endpoint}/v3/${path}`, { ...this.tls, method: 'POST', body, headers });
  }

  private get tls(): { ca?: string; cert?: string; key?: string } {
    if (this.certificates === undefined) return {};
    const { ca, client } = this.certificates;
    return this.options.tls === 'mutual' ? { ca, cert: client.cert, key: client.key } : { ca };
  }
}

function parametersOf(
  sites: readonly Site[],
  site: Site,
  address: string,
  options: EtcdOptions,
  certificates: Certificates | undefined,
): readonly string[] {
  const nameOf = ({ ports }: Site): string => `member-${ports[0]}`;
  const peerOf = ({ ports }: Site): string => `http://127.0.0.1:${ports[1]}`;
  return [
    `--name=${nameOf(site)}`,
    `--data-dir=${site.data}`,
    `--listen-client-urls=${address}`,
    `--advertise-client-urls=${address}`,
    `--listen-peer-urls=${peerOf(site)}`,
    `--initial-advertise-peer-urls=${peerOf(site)}`,
    `--initial-cluster=${sites.map((each) => `${nameOf(each)}=${peerOf(each)}`).join(',')}`,
    // The cheapest hash of passwords: each of a test's own calls logs in.
    '--bcrypt-cost=4',
    // One alone elects itself, and need not wait long for it.
    ...(sites.length === 1 ? ['--heartbeat-interval=20', '--election-timeout=200'] : []),
    ...(certificates ? [`--cert-file=${certificates.server.certFile}`, `--key-file=${certificates.server.keyFile}`] : []),
    ...(certificates && options.tls === 'mutual' ? ['--client-cert-auth', `--trusted-ca-file=${certificates.caFile}`] : []),
    ...(options.flags ?? []),
  ];
}

function folderOf(sites: readonly Site[]): string {
  return firstOf(sites).folder;
}

function firstOf<Item>(items: readonly Item[]): Item {
  const [first] = items;
  if (first === undefined) throw new Error('there is none');
  return first;
}
