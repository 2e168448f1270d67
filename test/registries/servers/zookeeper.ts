import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { prepareSite, type Site, startServer } from './child-server.js';
import { programPath } from './programs.js';
import type { RestartOptions, ServerProcess } from './server-process.js';
import { startTogether } from './start-together.js';

export interface ZooKeeperOptions {
  /** Default 1. */
  readonly members?: 1 | 3;
  /** ZooKeeper's unit of time: a session lives for 2 to 20 of it. Default 500. */
  readonly tickTimeMs?: number;
  /** The client port of the first member. Default a free one. */
  readonly port?: number;
  /** More lines for zoo.cfg, such as `{ maxSessionTimeout: 5000 }`. */
  readonly settings?: Readonly<Record<string, string | number>>;
}

/** One ZooKeeper, or an ensemble of three. */
export interface ZooKeeper {
  readonly members: readonly ServerProcess[];
  /** The only member, or the first. */
  readonly server: ServerProcess;
  /** What a client is given: `127.0.0.1:PORT,127.0.0.1:PORT`. */
  readonly servers: string;
  /** The member that leads now; the only one, where there is one. */
  leader(): Promise<ServerProcess>;
  /** Kills and starts all members at once. */
  restart(options?: RestartOptions): Promise<void>;
  stop(): Promise<void>;
}

/** Starts ZooKeeper, one process a member, and waits until all of them serve. */
export async function startZooKeeper(options: ZooKeeperOptions = {}): Promise<ZooKeeper> {
  const jar = programPath('zookeeper');
  const sites: Site[] = [await prepareSite('zookeeper', 3, options.port)];
  while (sites.length < (options.members ?? 1)) sites.push(await prepareSite('zookeeper', 3));
  const members = await startTogether(
    sites.map((site, index) => () => {
      const [port = 0] = site.ports;
      const configuration = writeConfiguration(sites, index, options);
      return startServer({
        name: `ZooKeeper ${index}`,
        site,
        address: `127.0.0.1:${port}`,
        command: 'java',
        parameters: [
          '-Xmx256m',
          '-XX:+UseSerialGC',
          // Compiled quickly rather than well, so that it starts sooner; and no file for tools outside of its folder.
          '-XX:TieredStopAtLevel=1',
          '-XX:-UsePerfData',
          // No fsync: a killed process loses nothing by it, and only the machine's end would.
          '-Dzookeeper.forceSync=no',
          '-cp',
          [site.folder, jar, ...LOGGING_JARS].join(':'),
          'org.apache.zookeeper.server.quorum.QuorumPeerMain',
          configuration,
        ],
        prepare: () => writeFileSync(join(site.data, 'myid'), `${index + 1}`),
        answers: async () => (await modeOf(port)) !== undefined,
      });
    }),
  );
  return new Ensemble(members);
}

class Ensemble implements ZooKeeper {
  constructor(readonly members: readonly ServerProcess[]) {}

  get server(): ServerProcess {
    const [first] = this.members;
    if (first === undefined) throw new Error('no member');
    return first;
  }

  get servers(): string {
    return this.members.map(({ address }) => address).join(',');
  }

  async leader(): Promise<ServerProcess> {
    for (const member of this.members) {
      const mode = await modeOf(Number(member.address.split(':')[1])).catch(() => undefined);
      if (mode === 'leader' || mode === 'standalone') return member;
    }
    throw new Error('no member of ZooKeeper leads');
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

/** Debian's jar names what it needs, save for the logger's implementation. */
const LOGGING_JARS = ['/usr/share/java/slf4j-log4j12.jar', '/usr/share/java/log4j-1.2.jar'];

const LOGGING = `
log4j.rootLogger=INFO, console
log4j.appender.console=org.apache.log4j.ConsoleAppender
log4j.appender.console.layout=org.apache.log4j.PatternLayout
log4j.appender.console.layout.ConversionPattern=%d{ISO8601} %p %c{1}: %m%n
`;

/** zoo.cfg, and where the log goes. Returns its path. */
function writeConfiguration(sites: readonly Site[], index: number, { tickTimeMs = 500, settings = {} }: ZooKeeperOptions): string {
  const site = sites[index];
  if (site === undefined) throw new Error(`no member ${index}`);
  const ensemble = sites.map(({ ports }, each) => [`server.${each + 1}`, `127.0.0.1:${ports[1]}:${ports[2]}`]);
  const lines = {
    tickTime: tickTimeMs,
    dataDir: site.data,
    clientPort: site.ports[0],
    clientPortAddress: '127.0.0.1',
    initLimit: 20,
    syncLimit: 10,
    maxClientCnxns: 0,
    'admin.enableServer': false,
    '4lw.commands.whitelist': '*',
    ...(sites.length > 1 && Object.fromEntries(ensemble)),
    ...settings,
  };
  const file = join(site.folder, 'zoo.cfg');
  writeFileSync(
    file,
    Object.entries(lines)
      .map(([name, value]) => `${name}=${value}\n`)
      .join(''),
  );
  writeFileSync(join(site.folder, 'log4j.properties'), LOGGING);
  return file;
}

/** `standalone`, `leader` or `follower`; undefined while it does not serve. */
async function modeOf(port: number): Promise<string | undefined> {
  return /^Mode: (\w+)$/m.exec(await fourLetters(port, 'srvr'))?.[1];
}

/** One of ZooKeeper's commands of four letters, and its answer. */
export function fourLetters(port: number, command: string, timeoutMs = 3_000): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(command));
    let answer = '';
    socket.setTimeout(timeoutMs, () => socket.destroy(new Error(`no answer to '${command}'`)));
    socket.on('data', (chunk) => {
      answer += chunk.toString();
    });
    socket.on('error', reject);
    socket.on('close', () => resolve(answer));
  });
}
