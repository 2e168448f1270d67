import type { Readable } from 'node:stream';
import type { Clock, Timer } from '../core/clock.js';
import { othersTurn } from './pause.js';

/** For how long the event loop may be held before others have their turn. */
const TURN_MS = 1;

/** A size of pieces that are worked on in a moment: of JSON, about fifty instances. */
export const PIECE_BYTES = 16 * 1_024;

export interface BodyReading {
  readonly clock: Clock;
  /** Silence of this length ends the body with an error. Default: it may be silent for ever, as that of a watch. */
  readonly idleMs?: number | undefined;
  /** The most that is handed over at a time. Default: chunks as they come, which have up to 64 KB. */
  readonly pieceBytes?: number | undefined;
}

/**
 * Reads a body to its end, piece by piece, however much there is of it and however fast it comes: others have their turn
 * in between, and meanwhile nothing more is taken from the socket, so that the memory does not fill.
 *
 * @throws Error when the body breaks off, when nothing comes for `idleMs`, or what `take` throws.
 */
export async function readBody(body: Readable, reading: BodyReading, take: (piece: Buffer) => void): Promise<void> {
  const { clock, pieceBytes = Number.POSITIVE_INFINITY } = reading;
  let busyMs = 0;
  for await (const chunk of chunksOf(body, reading)) {
    for (let start = 0; start < chunk.length; start += pieceBytes) {
      const beganMs = clock.now();
      take(pieceBytes >= chunk.length ? chunk : chunk.subarray(start, start + pieceBytes));
      // Summed up over chunks: of those that are there already, many come in one turn of the event loop.
      busyMs += clock.now() - beganMs;
      if (busyMs < TURN_MS) continue;
      await othersTurn(clock);
      busyMs = 0;
    }
  }
}

/** Reads as much of a body as an error can make use of, and gives the rest up. @throws Error as `readBody` does. */
export async function readBeginning(body: Readable, reading: BodyReading, mostBytes: number): Promise<string> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of chunksOf(body, reading)) {
    parts.push(chunk);
    bytes += chunk.length;
    if (bytes >= mostBytes) break;
  }
  return Buffer.concat(parts).toString('utf8', 0, mostBytes);
}

/** The chunks of a body, which must not stop coming. Whoever leaves early destroys the body. */
async function* chunksOf(body: Readable, { clock, idleMs }: BodyReading): AsyncGenerator<Buffer> {
  const giveUp = (): void => {
    body.destroy(new Error(`nothing more came for ${idleMs} ms`));
  };
  // Runs while somebody waits for the server, not while the server waits for us.
  let idle: Timer | undefined;
  const wait = (): void => {
    if (idleMs === undefined) return;
    idle = clock.setTimer(giveUp, idleMs);
    idle.unref();
  };
  wait();
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      idle?.cancel();
      yield chunk;
      wait();
    }
  } finally {
    idle?.cancel();
  }
}
