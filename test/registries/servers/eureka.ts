import { basename, dirname, join } from 'node:path';
import { type Certificates, makeCertificates } from './certificates.js';
import { type ChildServer, prepareSite, type Site, startServer } from './child-server.js';
import { callJson, type HttpOptions } from './http-call.js';
import { programPath } from './programs.js';
import type { ServerProcess } from './server-process.js';
import { startTogether } from './start-together.js';

export interface EurekaOptions {
  /** How many servers, each of which copies to the others what it is told. Default 1. */
  readonly servers?: number;
  /** Asks for this user and password. Default none. */
  readonly basicAuth?: { readonly user: string; readonly password: string };
  /** TLS on the port. Default false. */
  readonly tls?: boolean;
  /** How often it removes instances whose lease has ended. Default 1,000; Eureka's own is 60,000. */
  readonly evictionMs?: number;
  /** How often its cached answers are made anew. Default 500; Eureka's own is 30,000. */
  readonly responseCacheMs?: number;
  /** Whether it stops removing instances when many leases end at once. Default false; Eureka's own is true. */
  readonly selfPreservation?: boolean;
  /** The port of the first server. Default a free one. */
  readonly port?: number;
  /** More of Spring's settings, such as `{ 'eureka.server.disable-delta': true }`. */
  readonly settings?: Readonly<Record<string, string | number | boolean>>;
}

/** One Eureka server, or several peers. They keep what they have in memory alone: a restart of the only one is empty. */
export interface Eureka {
  readonly members: readonly ServerProcess[];
  /** The only server, or the first. */
  readonly server: ServerProcess;
  /** What clients are given: `http://127.0.0.1:PORT/eureka`, with the credentials where it asks for them. */
  readonly urls: readonly string[];
  readonly certificates: Certificates | undefined;
  /** One call of a server's API (default the first), in JSON: `call('/apps/USERS', { body: { instance: {...} } })`. */
  call(path: string, options?: HttpOptions, member?: ServerProcess): Promise<unknown>;
  stop(): Promise<void>;
}

/** Starts the servers, and waits until each of them answers. Takes six seconds and more: they are Java. */
export async function startEureka(options: EurekaOptions = {}): Promise<Eureka> {
  const jar = programPath('eureka');
  const sites: Site[] = [await prepareSite('eureka', 1, options.port)];
  while (sites.length < (options.servers ?? 1)) sites.push(await prepareSite('eureka', 1));
  const certificates = options.tls ? makeCertificates(join(sites[0]?.folder ?? '', 'tls')) : undefined;
  const call = (path: string, request: HttpOptions, address: string): Promise<unknown> =>
    callJson(`${address}/eureka${path}`, {
      ...request,
      ...(certificates && { ca: certificates.ca }),
      headers: { accept: 'application/json', ...authorization(options), ...request.headers },
    });
  const members = await startTogether(
    sites.map((site) => () => {
      const address = addressOf(site, options);
      const peers = sites.filter((each) => each !== site).map((each) => urlOf(each, options));
      return startServer({
        name: 'Eureka',
        site,
        address,
        command: 'java',
        parameters: [...machineOf(site), '-jar', basename(jar), ...settingsOf(site, peers, options, certificates)],
        // The archive of its classes is good for the path with which it was made, which is relative.
        workingFolder: dirname(jar),
        answers: async () => (await call('/apps', { timeoutMs: 3_000 }, address)) !== undefined,
      });
    }),
  );
  const server = firstOf(members);
  return {
    members,
    server,
    urls: sites.map((site) => urlOf(site, options)),
    certificates,
    call: (path, request = {}, member = server) => call(path, request, member.address),
    stop: async () => {
      await Promise.all(members.map((member) => member.stop()));
    },
  };
}

function firstOf(members: readonly ChildServer[]): ChildServer {
  const [first] = members;
  if (first === undefined) throw new Error('startEureka: servers must be 1 or more');
  return first;
}

function addressOf({ ports }: Site, { tls }: EurekaOptions): string {
  return `${tls ? 'https' : 'http'}://127.0.0.1:${ports[0]}`;
}

function urlOf(site: Site, options: EurekaOptions): string {
  const url = new URL(`${addressOf(site, options)}/eureka`);
  url.username = options.basicAuth?.user ?? '';
  url.password = options.basicAuth?.password ?? '';
  return url.href;
}

function authorization({ basicAuth }: EurekaOptions): Record<string, string> {
  if (basicAuth === undefined) return {};
  return { authorization: `Basic ${Buffer.from(`${basicAuth.user}:${basicAuth.password}`).toString('base64')}` };
}

/** Loaded from the archive, and compiled quickly rather than well, it starts with a quarter of the work. */
function machineOf({ folder }: Site): string[] {
  const start = ['-XX:SharedArchiveFile=classes.jsa', '-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC'];
  return [...start, '-Xmx256m', '-XX:-UsePerfData', `-Djava.io.tmpdir=${folder}`];
}

function settingsOf(site: Site, peers: readonly string[], options: EurekaOptions, certificates: Certificates | undefined): string[] {
  const { basicAuth, evictionMs = 1_000, responseCacheMs = 500, selfPreservation = false } = options;
  const settings = {
    'server.address': '127.0.0.1',
    'server.port': site.ports[0],
    'logging.level.root': 'warn',
    // Eureka takes a peer of its own host name for itself. These names are compared, never looked up.
    'eureka.instance.hostname': `eureka-${site.ports[0]}`,
    'eureka.client.register-with-eureka': false,
    'eureka.client.fetch-registry': peers.length > 0,
    ...(peers.length > 0 && { 'eureka.client.service-url.defaultZone': peers.map((peer) => `${peer}/`).join(',') }),
    // A server that starts asks its peers once for what they have. There may be none yet: nobody waits for it.
    'eureka.server.registry-sync-retries': 1,
    'eureka.server.wait-time-in-ms-when-sync-empty': 0,
    'eureka.server.eviction-interval-timer-in-ms': evictionMs,
    'eureka.server.response-cache-update-interval-ms': responseCacheMs,
    'eureka.server.enable-self-preservation': selfPreservation,
    ...(basicAuth && { 'spring.security.user.name': basicAuth.user, 'spring.security.user.password': basicAuth.password }),
    ...(certificates && {
      'server.ssl.certificate': certificates.server.certFile,
      'server.ssl.certificate-private-key': certificates.server.keyFile,
    }),
    ...options.settings,
  };
  return Object.entries(settings).map(([name, value]) => `--${name}=${value}`);
}
