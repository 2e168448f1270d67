import assert from 'node:assert/strict';
import { PassThrough, Readable } from 'node:stream';
import { describe, it } from 'node:test';
import { systemClock } from '../../src/core/clock.js';
import { readBeginning, readBody } from '../../src/registries/read-body.js';
import { VirtualClock } from '../../src/testing/virtual-clock.js';

/** Lets what is written to a stream come out of it. */
const moment = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('a body', () => {
  it('is handed over piece by piece, in order and whole', async () => {
    const bytes = Buffer.from(Array.from({ length: 1_000 }, (_, index) => index % 256));
    const body = Readable.from([bytes.subarray(0, 700), bytes.subarray(700)]);
    const pieces: Buffer[] = [];
    await readBody(body, { clock: systemClock, pieceBytes: 300 }, (piece) => pieces.push(piece));
    assert.deepEqual(
      pieces.map(({ length }) => length),
      [300, 300, 100, 300],
    );
    assert.deepEqual(Buffer.concat(pieces), bytes);
  });

  it('that stands still is given up, and one that comes slowly is not', async () => {
    const clock = new VirtualClock();
    const body = new PassThrough();
    let bytes = 0;
    const read = readBody(body, { clock, idleMs: 5_000 }, (piece) => {
      bytes += piece.length;
    });
    const failed = assert.rejects(read, /nothing more came for 5000 ms/);
    for (let i = 0; i < 5; i++) {
      await clock.advance(4_000);
      body.write('x');
      await moment();
    }
    assert.equal(bytes, 5);
    await clock.advance(5_000);
    await failed;
    assert.equal(body.destroyed, true);
    assert.equal(clock.pendingTimers, 0);
  });

  it('may be silent for ever where no bound is set', async () => {
    const clock = new VirtualClock();
    const body = new PassThrough();
    const read = readBody(body, { clock }, () => {});
    await clock.advance(86_400_000);
    assert.equal(clock.pendingTimers, 0);
    body.end();
    await read;
  });

  it('leaves the event loop to others while there is much of it', async () => {
    const body = new PassThrough({ highWaterMark: 1_024 * 1_024 });
    body.end(Buffer.alloc(512 * 1_024));
    let turns = 0;
    let isOver = false;
    const others = (async () => {
      for (; !isOver; turns++) await moment();
    })();
    let pieces = 0;
    await readBody(body, { clock: systemClock, pieceBytes: 16 * 1_024 }, () => {
      pieces++;
      const untilMs = systemClock.now() + 2;
      while (systemClock.now() < untilMs);
    });
    isOver = true;
    await others;
    assert.ok(turns >= pieces / 3, `${turns} turns of others in ${pieces} pieces of 2 ms`);
  });

  it('is destroyed when whoever takes it fails', async () => {
    const body = new PassThrough();
    body.write('x');
    const refused = new Error('this is no JSON');
    await assert.rejects(
      readBody(body, { clock: systemClock, idleMs: 1_000 }, () => {
        throw refused;
      }),
      refused,
    );
    assert.equal(body.destroyed, true);
  });
});

describe('the beginning of a body', () => {
  it('is all of a short one', async () => {
    const body = new PassThrough();
    body.end('Permission denied: Ä');
    assert.equal(await readBeginning(body, { clock: systemClock }, 1_000), 'Permission denied: Ä');
  });

  it('is no more than what is wanted of one without an end, which is given up', async () => {
    const body = new PassThrough({ highWaterMark: 1_000_000 });
    body.write('x'.repeat(10_000));
    assert.equal(await readBeginning(body, { clock: systemClock }, 100), 'x'.repeat(100));
    assert.equal(body.destroyed, true);
  });

  it('is an error where it stands still', async () => {
    const clock = new VirtualClock();
    const body = new PassThrough();
    body.write('x');
    const failed = assert.rejects(readBeginning(body, { clock, idleMs: 5_000 }, 100), /nothing more came for 5000 ms/);
    await moment();
    await clock.advance(5_000);
    await failed;
  });
});
