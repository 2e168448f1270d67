import { ConfigError } from '../../core/errors.js';
import { durationMs, knownKeys, oneOf, trueOrFalse } from '../../core/options-check.js';
import { bareAddress } from '../server-list.js';
import { type TlsOptions, tlsOptions } from '../tls-options.js';
import { isNodeName, joinPaths } from './node-names.js';

/** Who the client is to ZooKeeper's ACLs. */
export interface ZooKeeperAuth {
  /** The scheme: `digest`, or another that the server knows. */
  readonly scheme: string;
  /** What the scheme asks for; for `digest` the user and the password, `user:password`. */
  readonly credentials: string;
}

/** Who may read and change what is announced. */
export type ZooKeeperAcl = 'open' | 'readable' | 'private';

/** Where ZooKeeper is, and how it is talked to. */
export interface ZooKeeperDiscoveryOptions {
  /**
   * The servers, as ZooKeeper's clients write them: `host:port,host:port/chroot`, or a list of such texts. A port that
   * is left out is 2181; an IPv6 address stands in brackets.
   */
  readonly servers: string | readonly string[];
  /** The path that the services stand in, below the chroot. Default `/services`, as with Spring Cloud; what Curator calls basePath. */
  readonly basePath?: string | undefined;
  /**
   * After how long without a sign of life the server gives the session up, and what was announced in it, in
   * milliseconds. Above 0; the server has bounds of its own (2 to 20 of its ticks), which hold. Default 20,000.
   */
  readonly sessionTimeoutMs?: number | undefined;
  /** How long a server may be silent when an answer is due, before the next one is tried, in milliseconds. Above 0; default 5,000. */
  readonly requestTimeoutMs?: number | undefined;
  /** Credentials, or a list of them. Default: none, which sees and changes what is open to anyone. */
  readonly auth?: ZooKeeperAuth | readonly ZooKeeperAuth[] | undefined;
  /**
   * The ACL of znodes that announcing makes: `open` to anyone, `readable` by anyone and changed by the credentials of
   * `auth` alone, or `private` to these. The latter two need `auth`. Default `open`, as Curator's.
   */
  readonly acl?: ZooKeeperAcl | undefined;
  /**
   * The Java class that readers make of an announced instance's payload (Jackson's `@class`). Set it to
   * `org.springframework.cloud.zookeeper.discovery.ZookeeperInstance` where Spring Cloud ZooKeeper reads; weight and
   * zone are then written as metadata. Default: none.
   */
  readonly payloadClass?: string | undefined;
  /** TLS, for a server's secure client port: Node's own options. Default: none. */
  readonly tls?: TlsOptions | undefined;
  /** Whether an announced instance keeps the process alive. Default false. */
  readonly keepAlive?: boolean | undefined;
}

/** One server. */
export interface ServerAddress {
  readonly host: string;
  readonly port: number;
  /** For errors: `host:port`. */
  readonly label: string;
}

/** The options, checked. */
export interface ZooKeeperSettings {
  readonly servers: readonly ServerAddress[];
  /** Chroot and base path. */
  readonly root: string;
  readonly sessionTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly auth: readonly ZooKeeperAuth[];
  readonly acl: ZooKeeperAcl;
  readonly payloadClass: string | undefined;
  readonly tls: TlsOptions | undefined;
  readonly keepAlive: boolean;
}

const PATH = 'zookeeperDiscovery';
const KEYS = ['servers', 'basePath', 'sessionTimeoutMs', 'requestTimeoutMs', 'auth', 'acl', 'payloadClass', 'tls', 'keepAlive'];
const DEFAULT_PORT = 2_181;
/** The protocol writes it as a whole number of 32 bits. */
const LONGEST_SESSION_MS = 2 ** 31 - 1;

/** @throws ConfigError for an option that is out of its range. */
export function checkedSettings(options: ZooKeeperDiscoveryOptions): ZooKeeperSettings {
  knownKeys(PATH, options, KEYS);
  const { servers, chroot } = parseServers(options.servers);
  const { payloadClass } = options;
  const acl = oneOf(`${PATH}.acl`, options.acl ?? 'open', ['open', 'readable', 'private']);
  const auth = parseAuth(options.auth);
  if (acl !== 'open' && auth.length === 0) throw new ConfigError(`${PATH}.acl`, `'open' where auth is not set`, acl);
  if (payloadClass !== undefined && (typeof payloadClass !== 'string' || payloadClass === '')) {
    throw new ConfigError(`${PATH}.payloadClass`, "a Java class's full name", payloadClass);
  }
  return {
    servers,
    root: joinPaths(chroot, checkedPath(`${PATH}.basePath`, options.basePath ?? '/services')),
    sessionTimeoutMs: Math.min(LONGEST_SESSION_MS, Math.ceil(durationMs(`${PATH}.sessionTimeoutMs`, options.sessionTimeoutMs ?? 20_000))),
    requestTimeoutMs: durationMs(`${PATH}.requestTimeoutMs`, options.requestTimeoutMs ?? 5_000),
    auth,
    acl,
    payloadClass,
    tls: tlsOptions(`${PATH}.tls`, options.tls),
    keepAlive: trueOrFalse(`${PATH}.keepAlive`, options.keepAlive ?? false),
  };
}

function parseServers(given: unknown): { readonly servers: readonly ServerAddress[]; readonly chroot: string } {
  const path = `${PATH}.servers`;
  const expected = "addresses such as '127.0.0.1:2181' or 'a:2181,b:2181/chroot'";
  const texts: unknown[] = Array.isArray(given) ? given : [given];
  const servers: ServerAddress[] = [];
  const chroots = new Set<string>();
  for (const text of texts) {
    if (typeof text !== 'string') throw new ConfigError(path, expected, text);
    for (const item of text.split(',')) {
      const slash = item.indexOf('/');
      const address = slash < 0 ? item : item.slice(0, slash);
      if (slash >= 0) chroots.add(joinPaths(checkedPath(path, item.slice(slash))));
      servers.push(parseServer(address.trim(), () => new ConfigError(path, expected, bareAddress(item))));
    }
  }
  if (servers.length === 0) throw new ConfigError(path, expected, given);
  if (chroots.size > 1) throw new ConfigError(path, 'addresses with one chroot', given);
  return { servers, chroot: [...chroots][0] ?? '/' };
}

function parseServer(address: string, refusal: () => ConfigError): ServerAddress {
  const match = /^(?:\[(?<v6>[\da-f:.]+)\]|(?<name>[^\s:/@[\]]+))(?::(?<port>\d{1,5}))?$/i.exec(address);
  const host = match?.groups?.v6 ?? match?.groups?.name;
  const port = Number(match?.groups?.port ?? DEFAULT_PORT);
  if (host === undefined || port < 1 || port > 65_535) throw refusal();
  return { host, port, label: `${host.includes(':') ? `[${host}]` : host}:${port}` };
}

function checkedPath(path: string, given: unknown): string {
  if (typeof given === 'string' && given.startsWith('/')) {
    const names = given.replace(/\/$/, '').split('/').slice(1);
    if (names.every(isNodeName)) return given;
  }
  throw new ConfigError(path, "a znode's path such as '/services'", given);
}

/** Errors do not repeat what was given: it is secret. */
function parseAuth(given: unknown): readonly ZooKeeperAuth[] {
  if (given === undefined) return [];
  const list: unknown[] = Array.isArray(given) ? given : [given];
  for (const [index, auth] of list.entries()) {
    const path = Array.isArray(given) ? `${PATH}.auth[${index}]` : `${PATH}.auth`;
    knownKeys(path, auth, ['scheme', 'credentials']);
    const { scheme, credentials } = auth as Partial<Record<keyof ZooKeeperAuth, unknown>>;
    if (typeof scheme !== 'string' || scheme === '') throw new ConfigError(`${path}.scheme`, "a scheme such as 'digest'", scheme);
    if (typeof credentials !== 'string' || (scheme === 'digest' && !/^[^:]+:/.test(credentials))) {
      throw new ConfigError(`${path}.credentials`, scheme === 'digest' ? "'user:password'" : 'text', typeof credentials);
    }
  }
  return list as ZooKeeperAuth[];
}
