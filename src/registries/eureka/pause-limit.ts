import type { IncomingMessage } from 'node:http';
import type { Clock, Timer } from '../../core/clock.js';

/**
 * Breaks off an answer that stops arriving: a long list may take its time, but a server that stands still must not be
 * waited for. Returns what ends the watch.
 */
export function limitPauses(message: IncomingMessage, clock: Clock, pauseMs: number): () => void {
  let timer: Timer;
  let bytes = 0;
  const { socket } = message;
  const begin = (): void => {
    bytes = socket.bytesRead;
    timer = clock.setTimer(() => {
      // Bytes that wait for the reader are no pause of the server.
      if (socket.bytesRead === bytes && message.readableLength === 0) message.destroy(new Error(`nothing came for ${pauseMs} ms`));
      else begin();
    }, pauseMs);
    timer.unref();
  };
  begin();
  return () => timer.cancel();
}
