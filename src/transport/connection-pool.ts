import type { Client as ClientType, Dispatcher } from 'undici';
import { ClientDestroyedError } from 'undici/lib/core/errors.js';
import Client from 'undici/lib/dispatcher/client.js';

/**
 * The connections to one endpoint: undici's clients, of which each has one socket and one request at a time.
 *
 * undici has a pool of its own. There a connection is free again only after a turn of the event loop, by when it counts
 * as idle: its timer is set and its socket unreferenced, and the next request undoes both. Here it is free for whoever
 * asks in the same tick as its answer ends, which under load is the next request; that takes a quarter off the CPU
 * time of a request, and fewer connections do. The one used last is taken first, so that those which nobody needs any more
 * grow idle and close. undici looks at the socket as before: what a server sent unasked is seen before it is used again.
 */
export class ConnectionPool {
  private readonly all = new Set<SingleConnection>();
  private readonly free: SingleConnection[] = [];
  private readonly waiting = new Set<Waiting>();
  private isClosing = false;

  constructor(
    private readonly origin: string,
    /** How many connections there are at most. */
    private readonly max: number,
    private readonly options: ClientType.Options,
  ) {}

  /** Sends a request, at once or when a connection is free. `occupant` says itself when it is done with it. */
  dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler, occupant?: Occupant): void {
    const connection = this.free.pop() ?? (this.all.size < this.max ? this.add() : undefined);
    if (connection === undefined) this.waiting.add({ options, handler, occupant });
    else connection.carry(options, handler, occupant);
  }

  /** What is in flight or waits goes on; connections close as they become free. */
  close(): void {
    this.isClosing = true;
    for (const connection of this.free.splice(0)) this.drop(connection);
  }

  /** What is in flight or waits fails. Resolves once the sockets are closed. */
  async destroy(): Promise<void> {
    this.isClosing = true;
    const waiting = [...this.waiting];
    this.waiting.clear();
    for (const { handler } of waiting) handler.onError?.(new ClientDestroyedError());
    await Promise.all([...this.all].map(({ client }) => client.destroy()));
  }

  private add(): SingleConnection {
    const connection = new SingleConnection(new Client(this.origin, this.options), (...released) => this.release(...released));
    // One that has lost its socket while nobody used it is no better than a new one.
    connection.client.on('disconnect', () => {
      if (!connection.isFree) return;
      this.free.splice(this.free.indexOf(connection), 1);
      this.drop(connection);
    });
    this.all.add(connection);
    return connection;
  }

  /** `isDrained`: undici has looked at the socket since the answer ended. */
  private release(connection: SingleConnection, isDrained: boolean): void {
    // One that was dropped is told of its last turn too.
    if (!this.all.has(connection)) return;
    // undici would write a request that is there by now without that look, so those that wait do so for one more turn.
    if (!isDrained && this.waiting.size > 0) return;
    for (const next of this.waiting) {
      this.waiting.delete(next);
      if (next.occupant?.isOver === true) continue;
      connection.carry(next.options, next.handler, next.occupant);
      return;
    }
    if (this.isClosing) {
      this.drop(connection);
      return;
    }
    connection.isFree = true;
    this.free.push(connection);
  }

  private drop(connection: SingleConnection): void {
    connection.isFree = false;
    this.all.delete(connection);
    connection.client.close(noop);
  }
}

/** Who uses a connection. */
export interface Occupant {
  /** The connection that it uses, to be released once the answer has ended. Set by the pool. */
  connection: SingleConnection | undefined;
  /** Whether it needs no connection any more. */
  readonly isOver: boolean;
}

interface Waiting {
  readonly options: Dispatcher.DispatchOptions;
  readonly handler: Dispatcher.DispatchHandler;
  readonly occupant: Occupant | undefined;
}

/** One connection of a pool. It connects anew where its socket was lost. */
export class SingleConnection {
  isFree = false;

  constructor(
    readonly client: ClientType,
    private readonly released: (connection: SingleConnection, isDrained: boolean) => void,
  ) {
    // The end of those who do not say so themselves, because they failed or took the socket over.
    client.on('drain', () => this.release(true));
  }

  carry(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler, occupant: Occupant | undefined): void {
    this.isFree = false;
    if (occupant !== undefined) occupant.connection = this;
    this.client.dispatch(options, handler);
    // A request that undici refuses is over by now, and nothing else will tell.
    if (occupant?.isOver !== false && this.client.stats.size === 0) this.release(true);
  }

  /** The answer has ended: another request may use it. */
  release(isDrained = false): void {
    if (!this.isFree) this.released(this, isDrained);
  }
}

function noop(): void {}
