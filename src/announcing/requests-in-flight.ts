import type { EventEmitter } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ServerHttp2Session, ServerHttp2Stream } from 'node:http2';
import type { Duplex } from 'node:stream';

/** Hears of a request, and of what it is answered through: a response, or the socket itself. */
type Listener = (request: IncomingMessage, answer: ServerResponse | Duplex) => void;

/**
 * The requests that a server has been asked and has not answered to the end; upgraded connections and tunnels too, for
 * as long as they are open.
 *
 * Listening to a server can change what it does: with a listener for 'upgrade', Node takes for granted that somebody
 * answers upgrades. So each event is listened to only while the user does.
 */
export class RequestsInFlight {
  private readonly responses = new Set<ServerResponse>();
  private readonly tunnels = new Set<Duplex>();
  private readonly streams = new Set<ServerHttp2Stream>();
  private readonly sessions = new Set<ServerHttp2Session>();
  private readonly listeners = new Map<string, Listener>();
  private isLettingGo = false;
  /** Requests answered to the end so far. */
  finished = 0;
  /** Called whenever a request begins or is over. */
  onChange: () => void = () => {};

  constructor(private readonly server: EventEmitter) {
    const answered: Listener = (request, response) => this.begin(request, response as ServerResponse);
    const tunnelled: Listener = (_request, socket) => this.hold(this.tunnels, socket as Duplex, () => false);
    for (const name of ['request', 'checkContinue', 'checkExpectation']) this.listeners.set(name, answered);
    for (const name of ['upgrade', 'connect']) this.listeners.set(name, tunnelled);
    for (const name of this.listeners.keys()) if (server.listenerCount(name) > 0) this.attach(name);
    server.on('newListener', this.added);
    server.on('removeListener', this.removed);
    // These come from http2 servers alone, and listening to them changes nothing.
    server.on('session', this.sessionBegins);
    server.on('stream', this.streamBegins);
  }

  get size(): number {
    return this.responses.size + this.tunnels.size + this.streams.size;
  }

  /** From now on each answer tells its client to use the connection no more. */
  letGoOfConnections(): void {
    this.isLettingGo = true;
    for (const response of this.responses) closeAfter(response);
  }

  /** Lets http2 sessions end with their last stream, and take no new one. */
  endSessions(): void {
    for (const session of this.sessions) session.close();
  }

  /** Cuts what closing the connections of a server does not reach. */
  destroy(): void {
    for (const socket of [...this.tunnels, ...this.sessions]) socket.destroy();
  }

  /** Counts no more, and leaves the server as it was. */
  stop(): void {
    const { server } = this;
    server.off('newListener', this.added);
    server.off('removeListener', this.removed);
    server.off('session', this.sessionBegins);
    server.off('stream', this.streamBegins);
    for (const [name, listener] of this.listeners) server.off(name, listener);
  }

  private readonly added = (name: string | symbol, listener: unknown): void => {
    const ours = typeof name === 'string' ? this.listeners.get(name) : undefined;
    if (ours !== undefined && listener !== ours && !this.server.listeners(name).includes(ours)) this.attach(name as string);
  };

  private readonly removed = (name: string | symbol): void => {
    const ours = typeof name === 'string' ? this.listeners.get(name) : undefined;
    const left = this.server.listeners(name);
    if (ours !== undefined && left.length === 1 && left[0] === ours) this.server.off(name, ours);
  };

  private readonly sessionBegins = (session: ServerHttp2Session): void => {
    this.sessions.add(session);
    session.once('close', () => this.sessions.delete(session));
  };

  private readonly streamBegins = (stream: ServerHttp2Stream): void => {
    if (stream.session !== undefined && !this.sessions.has(stream.session as ServerHttp2Session)) {
      this.sessionBegins(stream.session as ServerHttp2Session);
    }
    this.hold(this.streams, stream, () => stream.writableFinished);
  };

  /** First in line, since the listener of the user may answer at once. */
  private attach(name: string): void {
    const listener = this.listeners.get(name);
    if (listener !== undefined) this.server.prependListener(name, listener);
  }

  private begin(request: IncomingMessage, response: ServerResponse): void {
    // It is counted as a stream.
    if (request.httpVersionMajor > 1) return;
    if (this.isLettingGo) closeAfter(response);
    this.hold(this.responses, response, () => response.writableFinished);
  }

  private hold<Held extends NodeJS.EventEmitter>(set: Set<Held>, held: Held, isFinished: () => boolean): void {
    if (set.has(held)) return;
    set.add(held);
    held.once('close', () => {
      set.delete(held);
      if (isFinished()) this.finished++;
      this.onChange();
    });
    this.onChange();
  }
}

function closeAfter(response: ServerResponse): void {
  if (!response.headersSent) response.setHeader('connection', 'close');
}
