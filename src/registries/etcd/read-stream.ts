import type { IncomingMessage } from 'node:http';
import { StringDecoder } from 'node:string_decoder';
import type { Clock } from '../../core/clock.js';
import { JsonElements, type JsonElementsReader } from './json-elements.js';

/** As much as is parsed in one go: about fifty instances. */
const PIECE_BYTES = 16 * 1_024;
/** For how long the event loop may be held before others have their turn. */
const TURN_MS = 3;

export interface StreamReading {
  readonly clock: Clock;
  /** Silence of this length ends the stream with an error. Default: it may be silent for ever. */
  readonly idleMs?: number | undefined;
  /** Called after each piece, so that what came with it can be handed on. */
  onPiece?(): void;
}

/**
 * Reads JSON from a stream to its end, in small pieces between which others have their turn, however much there is to
 * read and however fast it comes. Meanwhile nothing more is taken from the socket, so that the memory does not fill.
 *
 * @throws Error for what is not JSON, for a stream that breaks off, or that is silent for `idleMs`.
 */
export async function readStream(message: IncomingMessage, reader: JsonElementsReader, reading: StreamReading): Promise<void> {
  const { clock, idleMs } = reading;
  const parser = new JsonElements(reader);
  const decoder = new StringDecoder('utf8');
  const silence = idleMs === undefined ? undefined : new SilenceTimer(clock, idleMs, message);
  let busyMs = 0;
  try {
    for await (const chunk of message as AsyncIterable<Buffer>) {
      silence?.restart();
      for (let start = 0; start < chunk.length; start += PIECE_BYTES) {
        const beganMs = clock.now();
        parser.feed(decoder.write(chunk.subarray(start, start + PIECE_BYTES)));
        reading.onPiece?.();
        // Summed up over chunks: of those that are there already, many come in one turn of the event loop.
        busyMs += clock.now() - beganMs;
        if (busyMs < TURN_MS) continue;
        await othersTurn(clock);
        busyMs = 0;
      }
    }
  } finally {
    silence?.end();
  }
  if (parser.isMidway) throw new Error('the answer broke off');
}

/** A timer and not a microtask: sockets and timers of others come first. */
export function othersTurn(clock: Clock): Promise<void> {
  return new Promise((resolve) => {
    clock.setTimer(resolve, 0).unref();
  });
}

class SilenceTimer {
  private timer;

  constructor(
    private readonly clock: Clock,
    private readonly idleMs: number,
    private readonly message: IncomingMessage,
  ) {
    this.timer = this.set();
  }

  restart(): void {
    this.timer.cancel();
    this.timer = this.set();
  }

  end(): void {
    this.timer.cancel();
  }

  private set() {
    const timer = this.clock.setTimer(() => this.message.destroy(new Error(`nothing more came for ${this.idleMs} ms`)), this.idleMs);
    timer.unref();
    return timer;
  }
}
