import { randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Certificates, makeCertificates } from './certificates.js';
import { prepareSite, type Site, startServer } from './child-server.js';
import { callJson, type HttpOptions } from './http-call.js';
import { programPath } from './programs.js';
import type { ServerProcess } from './server-process.js';

export interface ConsulOptions {
  /** Access control: everything is denied without a token, and the server's `token` may do everything. Default false. */
  readonly acl?: boolean;
  /** TLS on the main port; `'mutual'` also asks clients for a certificate. Default none. */
  readonly tls?: 'server' | 'mutual';
  /** Default `dc1`. */
  readonly datacenter?: string;
  /** A server of another datacenter to join. Both then know each other's services. Default none. */
  readonly joinWan?: Consul;
  /** The HTTP port. Default a free one. */
  readonly port?: number;
  /** More of Consul's configuration. */
  readonly configuration?: Readonly<Record<string, unknown>>;
}

/** A Consul agent: a server, or the client of one. */
export interface Consul extends ServerProcess {
  /** The token that may do everything; undefined without access control. */
  readonly token: string | undefined;
  readonly certificates: Certificates | undefined;
  /** Where it answers DNS questions, `127.0.0.1:PORT`. */
  readonly dns: string;
  readonly ports: ConsulPorts;
  /** One call of its HTTP API with `token`: `call('/v1/agent/service/register', { method: 'PUT', body: {...} })`. */
  call(path: string, options?: HttpOptions): Promise<unknown>;
  /** A token of the given rules, in Consul's language: `service_prefix "" { policy = "read" }`. */
  createToken(rules: string): Promise<string>;
}

export interface ConsulPorts {
  readonly http: number;
  readonly dns: number;
  readonly server: number;
  readonly serfLan: number;
  readonly serfWan: number;
}

/** Starts a server of its own datacenter, and waits until it leads and its catalogue has itself. */
export async function startConsul(options: ConsulOptions = {}): Promise<Consul> {
  const site = await prepareSite('consul', 5, options.port);
  const token = options.acl ? randomUUID() : undefined;
  const { datacenter = 'dc1', joinWan } = options;
  return startAgent(site, token, options, {
    server: true,
    bootstrap_expect: 1,
    datacenter,
    // The shortest election that Consul allows: it waits for nobody.
    performance: { raft_multiplier: 1 },
    ...(token !== undefined && { acl: aclOf({ initial_management: token, agent: token }) }),
    ...(joinWan && { retry_join_wan: [`127.0.0.1:${joinWan.ports.serfWan}`] }),
  });
}

/** Starts an agent that keeps nothing itself, and asks the given server: what runs on each machine of a cluster. */
export async function startConsulAgent(server: Consul, options: ConsulOptions = {}): Promise<Consul> {
  const site = await prepareSite('consul-agent', 5, options.port);
  const { datacenter = 'dc1' } = options;
  return startAgent(site, server.token, options, {
    server: false,
    datacenter,
    retry_join: [`127.0.0.1:${server.ports.serfLan}`],
    ...(server.token !== undefined && { acl: aclOf({ agent: server.token }) }),
  });
}

function aclOf(tokens: Readonly<Record<string, string>>): object {
  return { enabled: true, default_policy: 'deny', tokens };
}

async function startAgent(
  site: Site,
  token: string | undefined,
  options: ConsulOptions,
  role: Readonly<Record<string, unknown>>,
): Promise<Consul> {
  const program = programPath('consul');
  const ports = portsOf(site);
  const certificates =
    options.tls && makeCertificates(join(site.folder, 'tls'), { serverNames: [`server.${options.datacenter ?? 'dc1'}.consul`] });
  const name = `node-${ports.http}`;
  const file = join(site.folder, 'agent.json');
  const configuration = { ...role, ...placeOf(site, name, ports, certificates, options), ...options.configuration };
  writeFileSync(file, JSON.stringify(configuration));

  const address = `${certificates ? 'https' : 'http'}://127.0.0.1:${ports.http}`;
  const call = (path: string, request: HttpOptions = {}): Promise<unknown> =>
    callJson(`${address}${path}`, {
      ...request,
      ...(certificates && { ca: certificates.ca }),
      ...(certificates && options.tls === 'mutual' && { cert: certificates.client.cert, key: certificates.client.key }),
      headers: { ...(token !== undefined && { 'x-consul-token': token }), ...request.headers },
    });
  const agent = await startServer({
    name: 'Consul',
    site,
    address,
    command: program,
    parameters: ['agent', '-config-file', file, '-log-level=warn'],
    answers: async () => (await call(`/v1/catalog/node/${name}`, { timeoutMs: 3_000 })) !== null && (await seesWan(call, options)),
  });
  const createToken = (rules: string): Promise<string> => tokenOf(call, rules);
  return Object.assign(agent, { token, certificates, ports, dns: `127.0.0.1:${ports.dns}`, call, createToken });
}

function portsOf({ ports }: Site): ConsulPorts {
  const [http = 0, dns = 0, server = 0, serfLan = 0, serfWan = 0] = ports;
  return { http, dns, server, serfLan, serfWan };
}

function placeOf(site: Site, name: string, ports: ConsulPorts, certificates: Certificates | undefined, { tls }: ConsulOptions): object {
  return {
    node_name: name,
    data_dir: site.data,
    bind_addr: '127.0.0.1',
    client_addr: '127.0.0.1',
    ports: {
      ...(certificates ? { http: -1, https: ports.http } : { http: ports.http }),
      dns: ports.dns,
      server: ports.server,
      serf_lan: ports.serfLan,
      serf_wan: ports.serfWan,
      grpc: -1,
      grpc_tls: -1,
    },
    ...(certificates && { tls: { https: tlsOf(certificates, tls === 'mutual') } }),
    // Tests make many connections from one address.
    limits: { http_max_conns_per_client: 10_000 },
    disable_update_check: true,
  };
}

function tlsOf({ caFile, server }: Certificates, mutual: boolean): object {
  return { ca_file: caFile, cert_file: server.certFile, key_file: server.keyFile, verify_incoming: mutual };
}

type CallConsul = Consul['call'];

/** Whether it knows the datacenter that it was told to join. */
async function seesWan(call: CallConsul, { joinWan }: ConsulOptions): Promise<boolean> {
  return joinWan === undefined || ((await call('/v1/catalog/datacenters')) as readonly string[]).length > 1;
}

async function tokenOf(call: CallConsul, rules: string): Promise<string> {
  const name = randomUUID();
  await call('/v1/acl/policy', { method: 'PUT', body: { Name: name, Rules: rules } });
  const token = await call('/v1/acl/token', { method: 'PUT', body: { Policies: [{ Name: name }] } });
  return (token as { SecretID: string }).SecretID;
}
