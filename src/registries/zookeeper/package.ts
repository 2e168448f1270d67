import type { Socket } from 'node:net';
import type { Client, Event } from 'node-zookeeper-client';
import { MeshError } from '../../core/errors.js';
import type { Watcher, WatchTable } from './watch-table.js';

/**
 * The package node-zookeeper-client, as far as it is used: it writes requests and reads answers. This is the one file
 * that reaches into it.
 *
 * What it does around that has faults that a mesh cannot live with (version 1.1.3, each seen against a server):
 * - sockets and timers keep the process alive, and `close` while connecting leaves them behind;
 * - a server that is frozen, or never answers the handshake, is waited for without end;
 * - it says nothing about connections that cannot be made;
 * - error codes newer than itself, and bytes that are no answer, throw inside the socket's handler;
 * - half a packet of a lost connection is put in front of the next connection's bytes;
 * - all watches are set again in one packet, which the server refuses above a megabyte, for ever;
 * - requests that wait while it is not connected are never called back when the session expires;
 * - a server that lost its data refuses the client for ever, since it has seen a later transaction;
 * - IPv6 addresses are cut in the middle.
 *
 * So a client of the package lives for one connection only: on a socket that we open and watch, fed with one whole
 * frame at a time, and left for good when that connection ends.
 */

/** What is used of the package. */
export type ZooKeeperPackage = Pick<
  typeof import('node-zookeeper-client'),
  'createClient' | 'ACL' | 'Id' | 'Permission' | 'CreateMode' | 'Exception'
>;

/** What a session is known by, to go on with it on another connection. */
export interface SessionIdentity {
  readonly id: Buffer;
  readonly password: Buffer;
  /** What was agreed on with the server. */
  readonly timeoutMs: number;
  /** The last transaction that was seen. */
  readonly zxid: Buffer;
}

export interface WireInit {
  readonly sessionTimeoutMs: number;
  readonly resume: SessionIdentity | undefined;
  /** Whether to shake hands as if no transaction had been seen, so that a server which has seen fewer does not refuse. */
  readonly asIfUnseen: boolean;
  readonly credentials: readonly { readonly scheme: string; readonly credentials: string }[];
  readonly watches: WatchTable;
  readonly socket: Socket;
}

/** One of the package's clients, on a socket of ours. */
export interface Wire {
  readonly client: Client;
  /** The socket is connected: sends the handshake. */
  begin(): void;
  /** Takes one frame, which is the handshake's answer or that to a request. @throws Error for what cannot be read. */
  take(frame: Buffer): void;
  /** The socket takes more. */
  drained(): void;
  readonly state: 'connecting' | 'connected' | 'expired' | 'other';
  identity(): SessionIdentity;
}

/** The parts inside the package that are used. Versions that do not have them are refused. */
interface Internals {
  state: number;
  socket: Socket;
  zxid: Buffer;
  watcherManager: object;
  setState(state: number): void;
  onSocketConnected(): void;
  onSocketData(frame: Buffer): void;
  onSocketDrain(): void;
  onSocketTimeout(): void;
}

const METHODS = ['setState', 'onSocketConnected', 'onSocketData', 'onSocketDrain', 'onSocketTimeout'];
const STATES = new Map<number, Wire['state']>([
  [1, 'connecting'],
  [2, 'connected'],
  [3, 'connected'],
  [-3, 'expired'],
]);
const CONNECTING = 1;

/** Loads the package. @throws MeshError that says what to install. */
export async function loadPackage(): Promise<ZooKeeperPackage> {
  try {
    const loaded = await import('node-zookeeper-client');
    return 'default' in loaded ? (loaded.default as ZooKeeperPackage) : loaded;
  } catch (cause) {
    const message = 'zookeeperDiscovery needs the package node-zookeeper-client: npm install node-zookeeper-client';
    throw new MeshError('ERR_MESH_CONFIG', message, { cause });
  }
}

/** Makes a client of the package that uses `socket`. @throws MeshError for a version of the package that cannot be used. */
export function openWire(
  zooKeeper: ZooKeeperPackage,
  { sessionTimeoutMs, resume, asIfUnseen, credentials, watches, socket }: WireInit,
): Wire {
  // It never dials; the address has to be one.
  const options = { sessionTimeout: sessionTimeoutMs, sessionId: resume?.id, sessionPassword: resume?.password, retries: 0 };
  const client = zooKeeper.createClient('127.0.0.1', options);
  for (const { scheme, credentials: secret } of credentials) client.addAuthInfo(scheme, Buffer.from(secret));
  const internals = internalsOf(client);
  internals.socket = socket;
  internals.watcherManager = standIn(watches);
  // Its pings, of which it does not notice when they are not answered. Ours are in connection.ts.
  internals.onSocketTimeout = () => {};
  internals.setState(CONNECTING);
  return {
    client,
    begin: () => {
      if (resume !== undefined && !asIfUnseen) internals.zxid = resume.zxid;
      internals.onSocketConnected();
      if (resume !== undefined) internals.zxid = resume.zxid;
    },
    take: (frame) => internals.onSocketData(frame),
    drained: () => internals.onSocketDrain(),
    get state() {
      return STATES.get(internals.state) ?? 'other';
    },
    identity: () => ({
      id: client.getSessionId(),
      password: client.getSessionPassword(),
      timeoutMs: client.getSessionTimeout(),
      zxid: internals.zxid,
    }),
  };
}

/** A watcher as the package's methods want it. They only hand it to the table of watches, which is ours. */
export function passedThrough(watcher: Watcher): (event: Event) => void {
  return watcher as unknown as (event: Event) => void;
}

function internalsOf(client: Client): Internals {
  const internals: unknown = 'connectionManager' in client ? client.connectionManager : undefined;
  const has = (name: string, type: string): boolean =>
    typeof internals === 'object' && internals !== null && typeof (internals as Record<string, unknown>)[name] === type;
  if (
    METHODS.every((name) => has(name, 'function')) &&
    has('watcherManager', 'object') &&
    has('state', 'number') &&
    has('zxid', 'object')
  ) {
    return internals as Internals;
  }
  const message = 'zookeeperDiscovery cannot use this version of node-zookeeper-client: npm install node-zookeeper-client@1.1.3';
  throw new MeshError('ERR_MESH_CONFIG', message);
}

/** Takes the place of the package's table of watches. It is empty to the package, which thus never sets them again itself. */
function standIn(watches: WatchTable): object {
  return {
    registerDataWatcher: (path: string, watcher: Watcher) => watches.watchData(path, watcher),
    registerExistenceWatcher: (path: string, watcher: Watcher) => watches.watchExistence(path, watcher),
    registerChildWatcher: (path: string, watcher: Watcher) => watches.watchChildren(path, watcher),
    isEmpty: () => true,
  };
}
