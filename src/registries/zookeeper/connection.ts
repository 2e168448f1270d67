import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { Client, Stat } from 'node-zookeeper-client';
import type { Clock } from '../../core/clock.js';
import type { Random } from '../../core/random.js';
import { RegistryError } from '../registry-error.js';
import { FrameReader, pingFrame, readNotification, replaceCode, replyHeader, setWatchesFrame, XID } from './frames.js';
import { Liveness } from './liveness.js';
import type { ServerAddress, ZooKeeperSettings } from './options.js';
import { openWire, passedThrough, type SessionIdentity, type Wire, type ZooKeeperPackage } from './package.js';
import type { Watcher, WatchTable } from './watch-table.js';
import { CODE, RefusedError } from './zookeeper-error.js';

/** What the server answers when a session is not to be had any more. */
export class SessionExpired extends Error {}

/** A server closed the connection in place of an answer, which is all that it says when it does not want a client. */
export class TurnedAway extends RegistryError {
  constructor(server: string) {
    const why = 'it has no quorum, or too many connections, or has lost transactions that this client has seen';
    super({ source: 'zookeeper', server, what: `closed the connection before it answered (${why})` });
  }
}

export interface ConnectionInit {
  readonly zooKeeper: ZooKeeperPackage;
  readonly server: ServerAddress;
  readonly settings: ZooKeeperSettings;
  readonly resume: SessionIdentity | undefined;
  /** Whether servers may take the session that have seen fewer transactions than this client. */
  readonly asIfUnseen: boolean;
  readonly watches: WatchTable;
  readonly clock: Clock;
  readonly random: Random;
  /** Nobody wants the connection any more: ends its opening. */
  readonly signal: AbortSignal;
  /** Called once, at once when a connection that was established ends. */
  readonly onEnd: (connection: Connection, reason: unknown) => void;
}

/** What the other clients send at a time, far below the megabyte that servers take. */
const WATCHES_PORTION_BYTES = 128 * 1_024;
/** How long a server has to say goodbye. */
const GOODBYE_MS = 1_000;
/** A code that every version of the package knows: SYSTEM_ERROR. */
const KNOWN_CODE = -1;

/**
 * One connection to one server: from the handshake to its end, which is final.
 *
 * A server that does not answer is left: whenever something was sent and nothing at all comes back for
 * `requestTimeoutMs`. Pings make sure that something is sent.
 */
export class Connection {
  isOver = false;
  private readonly socket: Socket;
  private readonly wire: Wire;
  private readonly frames = new FrameReader();
  private readonly knownCodes: ReadonlySet<number>;
  private readonly waiting = new Set<(reason: unknown) => void>();
  /** `host:port`. */
  readonly server: string;
  private isEstablished = false;
  private hasAnswered = false;
  private authsLeft: number;
  private handshake: { resolve(): void; reject(reason: unknown): void } | undefined;
  private readonly restored: ((zxid: Buffer) => void)[] = [];
  private lastCode = 0;
  private unanswered = 0;
  private readonly liveness: Liveness;
  private isCorked = false;

  private constructor(private readonly init: ConnectionInit) {
    const { server, settings, zooKeeper, resume, watches } = init;
    this.server = server.label;
    this.authsLeft = settings.auth.length;
    this.knownCodes = new Set(Object.values(zooKeeper.Exception).filter((value) => typeof value === 'number'));
    const { requestTimeoutMs } = settings;
    this.liveness = new Liveness({
      clock: init.clock,
      random: init.random,
      requestTimeoutMs,
      ping: () => this.send(pingFrame()),
      silent: () => this.end(this.failure(`did not answer within ${requestTimeoutMs} ms`)),
    });
    const { host, port } = server;
    const { tls } = settings;
    this.socket = tls === undefined ? connectTcp({ host, port }) : connectTls({ servername: host, ...tls, host, port });
    this.socket.unref();
    this.socket.setNoDelay();
    this.wire = openWire(zooKeeper, {
      sessionTimeoutMs: settings.sessionTimeoutMs,
      resume,
      asIfUnseen: init.asIfUnseen,
      credentials: settings.auth,
      watches,
      socket: this.socket,
    });
    this.socket.on(tls === undefined ? 'connect' : 'secureConnect', () => this.wire.begin());
    this.socket.on('data', (chunk: Buffer) => this.heard(chunk));
    this.socket.on('drain', () => this.wire.drained());
    this.socket.on('error', (error) => this.end(this.failure(`could not be reached (${reasonOf(error)})`, error)));
    this.socket.on('close', () => this.end(this.hasAnswered ? this.failure('closed the connection') : new TurnedAway(this.server)));
  }

  /**
   * Opens a connection, with a new session or the one to be resumed.
   *
   * @throws SessionExpired when the server does not know the session to be resumed.
   * @throws RegistryError when there is no connection to be had.
   */
  static async open(init: ConnectionInit): Promise<Connection> {
    const connection = new Connection(init);
    const { signal } = init;
    const abort = (): void => connection.end(signal.reason);
    signal.addEventListener('abort', abort);
    try {
      await new Promise<void>((resolve, reject) => {
        connection.handshake = { resolve, reject };
        connection.liveness.sent();
      });
    } finally {
      signal.removeEventListener('abort', abort);
    }
    return connection;
  }

  identity(): SessionIdentity {
    return this.wire.identity();
  }

  getData(path: string, watcher: Watcher): Promise<Buffer | undefined> {
    return this.ask(`getData ${path}`, 'READ there', (client, done) => client.getData(path, passedThrough(watcher), done));
  }

  getChildren(path: string, watcher: Watcher): Promise<readonly string[]> {
    return this.ask(`getChildren ${path}`, 'READ there', (client, done) => client.getChildren(path, passedThrough(watcher), done));
  }

  /** Undefined for a znode that is not there. */
  async exists(path: string, watcher?: Watcher): Promise<Stat | undefined> {
    const stat = await this.ask<Stat | null>(`exists ${path}`, 'READ there', (client, done) => {
      if (watcher === undefined) client.exists(path, done);
      else client.exists(path, passedThrough(watcher), done);
    });
    return stat ?? undefined;
  }

  create(path: string, data: Buffer, { ephemeral }: { readonly ephemeral: boolean }): Promise<string> {
    const { CreateMode } = this.init.zooKeeper;
    const mode = ephemeral ? CreateMode.EPHEMERAL : CreateMode.PERSISTENT;
    return this.ask(`create ${path}`, 'CREATE on its parent', (client, done) => client.create(path, data, this.acl(), mode, done));
  }

  setData(path: string, data: Buffer): Promise<unknown> {
    return this.ask(`setData ${path}`, 'WRITE there', (client, done) => client.setData(path, data, done));
  }

  remove(path: string): Promise<unknown> {
    return this.ask(`delete ${path}`, 'DELETE on its parent', (client, done) => client.remove(path, (error) => done(error, undefined)));
  }

  /** Removes a znode and makes an ephemeral one in its place, in one step. */
  replace(path: string, data: Buffer): Promise<unknown> {
    const { CreateMode } = this.init.zooKeeper;
    return this.ask(`delete and create ${path}`, 'DELETE and CREATE on its parent', (client, done) =>
      client
        .transaction()
        .remove(path)
        .create(path, data, this.acl(), CreateMode.EPHEMERAL)
        .commit((error, results: unknown) => done(error, results)),
    );
  }

  /**
   * Sets all watches of the session again, on this connection. Those whose znode has changed meanwhile fire; with a
   * server that has seen less than this client all do, since what they say of changes means nothing then.
   */
  async restoreWatches(): Promise<void> {
    const { zxid } = this.identity();
    for (const portion of [...this.init.watches.portions(WATCHES_PORTION_BYTES)]) {
      const seenByServer = await this.setWatches(setWatchesFrame(zxid, portion));
      if (Buffer.compare(seenByServer, zxid) < 0) await this.setWatches(setWatchesFrame(Buffer.alloc(zxid.length), portion));
    }
  }

  /** Ends the session: its ephemeral znodes are gone when this resolves, or the server did not answer. */
  async close(): Promise<void> {
    if (this.isOver) return;
    const closed = new Promise<void>((resolve) => this.socket.once('close', () => resolve()));
    // Not unref'd: ends that are awaited keep the process alive for a moment.
    const timer = this.init.clock.setTimer(() => this.socket.destroy(), GOODBYE_MS);
    this.wire.client.close();
    await closed;
    timer.cancel();
    this.end(new Error('the source was closed'));
  }

  private setWatches(frame: Buffer): Promise<Buffer> {
    return new Promise<Buffer>((resolve, reject) => {
      if (this.isOver) throw this.failure('closed the connection');
      this.waiting.add(reject);
      this.restored.push((zxid) => {
        this.waiting.delete(reject);
        resolve(zxid);
      });
      this.send(frame);
    });
  }

  private ask<T>(
    request: string,
    permission: string,
    call: (client: Client, done: (error: unknown, answer: T) => void) => void,
  ): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (this.isOver) throw this.failure('closed the connection');
      this.cork();
      call(this.wire.client, (error, answer) => {
        this.unanswered--;
        this.waiting.delete(reject);
        if (error === null || error === undefined) resolve(answer);
        else reject(this.refusal(error, request, permission));
      });
      this.waiting.add(reject);
      this.unanswered++;
      this.liveness.sent();
    });
  }

  private refusal(error: unknown, request: string, permission: string): unknown {
    if (typeof error !== 'object' || error === null || !('code' in error) || typeof error.code !== 'number') return error;
    const code = error.code === KNOWN_CODE ? this.lastCode : error.code;
    const name = code === error.code && 'name' in error ? String(error.name) : `error ${code}`;
    return new RefusedError(this.server, code, request, permission, name);
  }

  /** Many requests of one turn go out in one piece. */
  private cork(): void {
    if (this.isCorked) return;
    this.isCorked = true;
    this.socket.cork();
    process.nextTick(() => {
      this.isCorked = false;
      this.socket.uncork();
    });
  }

  private send(frame: Buffer): void {
    this.unanswered++;
    this.socket.write(frame);
    this.liveness.sent();
  }

  /** Nothing in here may throw: it runs in the socket's handler. */
  private heard(chunk: Buffer): void {
    if (this.isOver) return;
    try {
      for (const frame of this.frames.read(chunk)) {
        this.take(frame);
        if (this.isOver) return;
      }
    } catch (error) {
      this.end(this.failure(`sent what cannot be read (${reasonOf(error)})`, error));
      return;
    }
    this.liveness.heard(this.unanswered > 0 || !this.isEstablished);
  }

  private take(frame: Buffer): void {
    if (this.wire.state === 'connecting') {
      this.hasAnswered = true;
      if (this.takeHandshake(frame) === 'expired') this.end(new SessionExpired('the session expired'));
      else if (this.authsLeft === 0) this.established();
      return;
    }
    const { xid, zxid, code } = replyHeader(frame);
    switch (xid) {
      case XID.notification: {
        const { type, path } = readNotification(frame);
        this.init.watches.fire(type, path);
        return;
      }
      case XID.ping:
        this.unanswered--;
        return;
      case XID.auth:
        if (code !== 0) this.end(this.failure('refused the credentials', undefined, 'set auth to a scheme that the server knows'));
        else if (--this.authsLeft === 0) this.established();
        return;
      case XID.setWatches:
        this.unanswered--;
        this.restored.shift()?.(zxid);
        return;
    }
    this.lastCode = code;
    if (code !== 0 && !this.knownCodes.has(code)) replaceCode(frame, KNOWN_CODE);
    this.wire.take(frame);
    if (code === CODE.sessionExpired || code === CODE.sessionMoved) this.end(this.failure(`answered that the session is over (${code})`));
  }

  private takeHandshake(frame: Buffer): Wire['state'] {
    this.wire.take(frame);
    return this.wire.state;
  }

  private established(): void {
    this.isEstablished = true;
    this.handshake?.resolve();
    this.liveness.pingWithin(this.identity().timeoutMs);
  }

  private end(reason: unknown): void {
    if (this.isOver) return;
    this.isOver = true;
    this.liveness.stop();
    this.socket.destroy();
    if (this.isEstablished) this.init.onEnd(this, reason);
    else this.handshake?.reject(reason);
    for (const reject of this.waiting) reject(reason);
    this.waiting.clear();
  }

  private failure(what: string, cause?: unknown, advice?: string): RegistryError {
    return new RegistryError({ source: 'zookeeper', server: this.server, what, advice, cause });
  }

  private acl() {
    const { ACL, Id, Permission } = this.init.zooKeeper;
    const anyone = new Id('world', 'anyone');
    const creator = new ACL(Permission.ALL, new Id('auth', ''));
    switch (this.init.settings.acl) {
      case 'open':
        return [new ACL(Permission.ALL, anyone)];
      case 'readable':
        return [creator, new ACL(Permission.READ, anyone)];
      case 'private':
        return [creator];
    }
  }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.message === '' ? ((error as NodeJS.ErrnoException).code ?? error.name) : error.message;
}
