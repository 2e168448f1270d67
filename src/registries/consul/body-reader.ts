import type { IncomingMessage } from 'node:http';
import type { Clock } from '../../core/clock.js';
import { pause } from './pause.js';

/** For how long the bytes of a long answer are worked on at a stretch: others want the event loop as well. */
const STRETCH_MS = 4;

/**
 * Reads a body of any length piece by piece, with pauses in which the event loop sees to everything else.
 *
 * @throws Error when it breaks off, or when nothing comes for `idleMs`.
 */
export async function readBody(
  message: IncomingMessage,
  { clock, idleMs, signal }: { readonly clock: Clock; readonly idleMs: number; readonly signal: AbortSignal },
  take: (chunk: Buffer) => void,
): Promise<void> {
  const giveUp = (): void => {
    message.destroy(new Error(`nothing came of its answer for ${idleMs} ms`));
  };
  let idle = clock.setTimer(giveUp, idleMs);
  idle.unref();
  let sinceMs = clock.now();
  try {
    for await (const chunk of message as AsyncIterable<Buffer>) {
      idle.cancel();
      take(chunk);
      if (clock.now() - sinceMs >= STRETCH_MS) {
        await pause(clock, 0, signal);
        sinceMs = clock.now();
      }
      idle = clock.setTimer(giveUp, idleMs);
      idle.unref();
    }
  } finally {
    idle.cancel();
  }
}
