import { once } from 'node:events';
import { connect } from 'node:net';
import { Worker } from 'node:worker_threads';

/** A port at which a connection is neither made nor refused. */
export interface DeafPort {
  readonly port: number;
  close(): Promise<void>;
}

/**
 * A listener that never accepts, in a thread that stands still, with its backlog full: the kernel drops whatever
 * comes then, as a machine that is down would.
 */
export async function deafPort(): Promise<DeafPort> {
  const worker = new Worker(LISTENER, { eval: true });
  const [port] = (await once(worker, 'message')) as [number];
  const fillers = Array.from({ length: 8 }, () => connect(port, '127.0.0.1').on('error', () => {}));
  await Promise.race(fillers.map((socket) => once(socket, 'connect')));
  // What fits into the backlog connects in one turn of the loop; the rest waits.
  await new Promise((resolve) => setImmediate(resolve));
  return {
    port,
    async close() {
      for (const socket of fillers) socket.destroy();
      await worker.terminate();
    },
  };
}

const LISTENER = `
  const { parentPort } = require('node:worker_threads');
  const server = require('node:net').createServer();
  server.listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
    parentPort.postMessage(server.address().port);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  });
`;
