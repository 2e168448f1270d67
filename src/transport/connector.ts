import type { Socket } from 'node:net';
import type { buildConnector as buildConnectorType } from 'undici';
import buildConnector from 'undici/lib/core/connect.js';
import type { TransportScope } from './transport.js';

/**
 * Makes connections for one pool, each within `connectTimeoutMs`, the TLS handshake included.
 *
 * The time is our own: undici's runs on a timer that ticks twice a second, so that 100 ms become a whole one, and
 * it would not run on the mesh's clock.
 */
export function boundedConnector({ connections, tls, clock, inMeshContext }: TransportScope): buildConnectorType.connector {
  const { connectTimeoutMs } = connections;
  const connect = buildConnector({ ...tls, allowH2: false, timeout: 0 } as buildConnectorType.BuildOptions) as Connect;
  return (options, callback) => {
    inMeshContext(() => {
      const socket = connect(options, (...outcome) => {
        timer.cancel();
        callback(...outcome);
      });
      const timer = clock.setTimer(() => {
        socket.destroy(new Error(`no connection within connectTimeoutMs: ${connectTimeoutMs}`));
      }, connectTimeoutMs);
      timer.unref();
    });
  };
}

/** undici's types do not say that the socket is returned while it is still connecting. */
type Connect = (...parameters: Parameters<buildConnectorType.connector>) => Socket;
