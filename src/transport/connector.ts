import type { Socket } from 'node:net';
import type { buildConnector as buildConnectorType } from 'undici';
import buildConnector from 'undici/lib/core/connect.js';
import type { TransportScope } from './transport.js';

/** undici's types do not say that the socket is returned while it is still connecting. */
type Connect = (...parameters: Parameters<buildConnectorType.connector>) => Socket;

/**
 * Makes the connections of one endpoint, each within `connectTimeoutMs`, the TLS handshake included.
 *
 * The time is our own: undici's runs on a timer that ticks twice a second, so that 100 ms become a whole one, and
 * it would not run on the mesh's clock. A pool that is destroyed does not know what is still connecting either;
 * left alone, such a socket keeps the process alive until its time is over.
 */
export class Connector {
  private readonly connecting = new Set<Socket>();
  private readonly dial: Connect;

  constructor(private readonly scope: TransportScope) {
    this.dial = dialOf(scope);
  }

  readonly connect: buildConnectorType.connector = (options, callback) => {
    const { clock, connections, inMeshContext } = this.scope;
    const { connectTimeoutMs } = connections;
    inMeshContext(() => {
      const socket = this.dial(options, (...outcome) => {
        timer.cancel();
        this.connecting.delete(socket);
        callback(...outcome);
      });
      this.connecting.add(socket);
      const timer = clock.setTimer(() => {
        socket.destroy(new Error(`no connection within connectTimeoutMs: ${connectTimeoutMs}`));
      }, connectTimeoutMs);
      timer.unref();
    });
  };

  /** Gives up what is still connecting. */
  close(): void {
    for (const socket of this.connecting) socket.destroy(new Error('nobody needs the connection any more'));
  }
}

/** One for all endpoints of a service: it keeps their TLS sessions, so that a new connection need not begin anew. */
const dials = new WeakMap<TransportScope, Connect>();

function dialOf(scope: TransportScope): Connect {
  let dial = dials.get(scope);
  if (dial === undefined) {
    dial = buildConnector({ ...scope.tls, allowH2: false, timeout: 0 } as buildConnectorType.BuildOptions) as Connect;
    dials.set(scope, dial);
  }
  return dial;
}
