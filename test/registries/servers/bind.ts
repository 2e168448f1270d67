import { existsSync, mkdirSync, renameSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { prepareSite, type Site, startServer } from './child-server.js';
import { serialOf } from './dns-question.js';
import { eventually } from './eventually.js';
import { programPath } from './programs.js';
import type { ServerProcess } from './server-process.js';

export interface BindOptions {
  /** Zones and their records, as in a zone file: `{ 'test': 'users 5 A 127.0.0.1\n_http._tcp.users SRV 0 0 8080 users' }`. */
  readonly zones: Readonly<Record<string, string>>;
  /** Zones that it is to serve but cannot load: every question about them is answered with SERVFAIL. */
  readonly brokenZones?: readonly string[];
  /** How long the absence of a name may be remembered. Default 1. */
  readonly negativeTtlSeconds?: number;
  /** More of BIND's options, such as `max-udp-size 512;`. */
  readonly settings?: string;
  /** Default a free one, over UDP and TCP. */
  readonly port?: number;
}

/** BIND as the authority of some zones. It refuses questions about others. A restart with empty data leaves zones without records. */
export interface Bind extends ServerProcess {
  /** Replaces a zone's records, and waits until they are served. Also makes a broken zone whole. */
  setZone(zone: string, records: string): Promise<void>;
}

/** Starts BIND, and waits until it serves its zones. */
export async function startBind(options: BindOptions): Promise<Bind> {
  const program = programPath('named', 'dns');
  const site = await prepareSite('bind', 1, options.port);
  const address = `127.0.0.1:${site.ports[0]}`;
  const zones = Object.keys(options.zones);
  const brokenZones = options.brokenZones ?? [];
  const files = new ZoneFiles(site.data, options.negativeTtlSeconds ?? 1);
  for (const [zone, records] of Object.entries(options.zones)) files.write(zone, records);
  const configuration = join(site.folder, 'named.conf');
  writeFileSync(configuration, configurationOf(site, [...zones, ...brokenZones], options.settings ?? ''));

  const bind = await startServer({
    name: 'BIND',
    site,
    address,
    command: program,
    parameters: ['-g', '-n', '1', '-c', configuration],
    prepare: () => files.writeMissing(zones),
    answers: async () => {
      for (const zone of zones) await serialOf(address, zone);
      return true;
    },
  });
  // One reload at a time: BIND forgets a signal that comes in the middle of one.
  let reload: Promise<void> = Promise.resolve();
  const setZone = (zone: string, records: string): Promise<void> => {
    const serial = files.write(zone, records);
    // Of several changes of a zone, only the last one is ever served.
    const isServed = async () => (await serialOf(address, zone)) >= serial;
    const before = reload.catch(() => {});
    reload = before.then(async () => {
      if (await isServed().catch(() => false)) return;
      bind.signal('SIGHUP');
      await eventually(`BIND serves '${zone}' as it is now`, isServed, { everyMs: 5 });
    });
    return reload;
  };
  return Object.assign(bind, { setZone });
}

/**
 * BIND reads a file again that has changed since it was read last. A file's time may be some milliseconds behind the
 * clock, so that a change right after a reload would look older than that.
 */
const FAR_FUTURE = new Date('2100-01-01');

/** Files of zones, each with a serial number of its own: BIND reads none again whose number has not grown. */
class ZoneFiles {
  private serial = 0;

  constructor(
    private readonly folder: string,
    private readonly negativeTtlSeconds: number,
  ) {
    mkdirSync(folder, { recursive: true });
  }

  write(zone: string, records: string): number {
    const serial = ++this.serial;
    const authority = `@ SOA ns.${zone}. hostmaster.${zone}. ${serial} 3600 600 86400 ${this.negativeTtlSeconds}`;
    const file = join(this.folder, zone);
    // In one step: BIND may be reading the one before.
    writeFileSync(`${file}.new`, `$TTL 60\n$ORIGIN ${zone}.\n${authority}\n@ NS ns\nns A 127.0.0.1\n${records}\n`);
    utimesSync(`${file}.new`, FAR_FUTURE, FAR_FUTURE);
    renameSync(`${file}.new`, file);
    return serial;
  }

  writeMissing(zones: readonly string[]): void {
    for (const zone of zones) if (!existsSync(join(this.folder, zone))) this.write(zone, '');
  }
}

function configurationOf(site: Site, zones: readonly string[], settings: string): string {
  const listen = `listen-on port ${site.ports[0]} { 127.0.0.1; }; listen-on-v6 { none; };`;
  const files = 'pid-file none; lock-file none; session-keyfile none;';
  const entries = zones.map((zone) => `zone "${zone}" { type primary; file "${join(site.data, zone)}"; };`);
  return [
    `options { directory "${site.data}"; ${listen} ${files} recursion no; dnssec-validation no; notify no; ${settings} };`,
    'controls { };',
    ...entries,
    '',
  ].join('\n');
}
