import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { prepareSite, startServer } from './child-server.js';
import { knowsName } from './dns-question.js';
import { eventually } from './eventually.js';
import { programPath } from './programs.js';
import type { ServerProcess } from './server-process.js';

/** Names and their addresses, IPv4 and IPv6. */
export type Hosts = Readonly<Record<string, readonly string[]>>;

export interface DnsmasqOptions {
  readonly hosts?: Hosts;
  /** Domains of its own: names in them that it does not know do not exist. Others are refused, unless it forwards. */
  readonly domains?: readonly string[];
  /** The TTL of `hosts`. Default 0. */
  readonly ttlSeconds?: number;
  /** Another server, `127.0.0.1:PORT`, that it asks for what it does not know. Default none. */
  readonly forwardTo?: string;
  /** More of dnsmasq's configuration: `srv-host=_http._tcp.users.test,users.test,8080,0,1`. */
  readonly settings?: readonly string[];
  /** Default a free one, over UDP and TCP. */
  readonly port?: number;
}

/** dnsmasq, as on the machines of many clusters. A restart with empty data leaves it without hosts. */
export interface Dnsmasq extends ServerProcess {
  /** Replaces the hosts, and waits until they are served. */
  setHosts(hosts: Hosts): Promise<void>;
}

/** Starts dnsmasq, and waits until it serves its hosts. */
export async function startDnsmasq(options: DnsmasqOptions = {}): Promise<Dnsmasq> {
  const program = programPath('dnsmasq', 'dns');
  const site = await prepareSite('dnsmasq', 1, options.port);
  const address = `127.0.0.1:${site.ports[0]}`;
  const hostsFile = join(site.data, 'hosts');
  let generation = 0;
  // A name of its own in each version of the file tells which one is served.
  const writeHosts = (hosts: Hosts): string => {
    const marker = `generation-${++generation}.dnsmasq.invalid`;
    const lines = Object.entries({ ...hosts, [marker]: ['127.0.0.1'] }).flatMap(([name, list]) => list.map((each) => `${each} ${name}\n`));
    writeFileSync(hostsFile, lines.join(''));
    return marker;
  };
  mkdirSync(site.data, { recursive: true });
  let marker = writeHosts(options.hosts ?? {});
  const configuration = join(site.folder, 'dnsmasq.conf');
  writeFileSync(configuration, configurationOf(site.ports[0] ?? 0, hostsFile, options));

  const dnsmasq = await startServer({
    name: 'dnsmasq',
    site,
    address,
    command: program,
    parameters: ['--keep-in-foreground', '--log-facility=-', `--conf-file=${configuration}`],
    prepare: () => {
      if (!existsSync(hostsFile)) marker = writeHosts({});
    },
    answers: () => knowsName(address, marker),
  });
  const setHosts = async (hosts: Hosts): Promise<void> => {
    marker = writeHosts(hosts);
    dnsmasq.signal('SIGHUP');
    await eventually('dnsmasq serves the hosts as they are now', () => knowsName(address, marker));
  };
  return Object.assign(dnsmasq, { setHosts });
}

function configurationOf(port: number, hostsFile: string, options: DnsmasqOptions): string {
  return [
    `port=${port}`,
    'listen-address=127.0.0.1',
    'bind-interfaces',
    'no-resolv',
    'no-hosts',
    'pid-file=',
    'user=root',
    'group=root',
    `addn-hosts=${hostsFile}`,
    `local-ttl=${options.ttlSeconds ?? 0}`,
    ...(options.domains ?? []).map((domain) => `local=/${domain}/`),
    ...(options.forwardTo === undefined ? [] : [`server=${options.forwardTo.replace(':', '#')}`]),
    ...(options.settings ?? []),
    '',
  ].join('\n');
}
