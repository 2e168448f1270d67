import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { READ_AHEAD_BYTES, Reply, type ReplyReader } from '../../src/core/reply.js';

/** A source that notes what it is asked. */
function scripted(rawHeaders: (string | Buffer)[] = []) {
  const asked: string[] = [];
  const reply = new Reply(200, 'OK', rawHeaders, {
    resume: () => asked.push('resume'),
    abort: (reason) => asked.push(`abort ${String(reason)}`),
  });
  return { reply, asked };
}

/** A reader that notes what it gets, and takes `room` chunks before it asks for a pause. */
function reader(room = Number.POSITIVE_INFINITY) {
  const seen: string[] = [];
  const read: ReplyReader = {
    chunk(bytes) {
      seen.push(bytes.toString());
      return --room > 0;
    },
    end: () => seen.push('end'),
    error: (reason) => seen.push(`error ${String(reason)}`),
  };
  return { seen, read };
}

describe('Reply', () => {
  it('gives a late reader what came before it, then the rest', () => {
    const { reply } = scripted();
    const { seen, read } = reader();
    reply.push(Buffer.from('a'));
    reply.push(Buffer.from('b'));
    reply.read(read);
    reply.push(Buffer.from('c'));
    reply.end();
    assert.deepEqual(seen, ['a', 'b', 'c', 'end']);
  });

  it('reads 64 KiB ahead of a reader that has not come, and no more', () => {
    const { reply, asked } = scripted();
    const half = Buffer.alloc(READ_AHEAD_BYTES / 2);
    assert.equal(reply.push(half), true);
    assert.equal(reply.push(half), false);
    const { read } = reader();
    reply.read(read);
    assert.deepEqual(asked, ['resume']);
  });

  it('passes a pause of its reader on, and tells the end once the rest was taken', () => {
    const { reply, asked } = scripted();
    const { seen, read } = reader(1);
    reply.read(read);
    assert.equal(reply.push(Buffer.from('a')), false);
    assert.equal(reply.push(Buffer.from('b')), false, 'a source that goes on all the same is not passed on');
    reply.end();
    reply.resume();
    reply.resume();
    assert.deepEqual(seen, ['a', 'b', 'end']);
    assert.deepEqual(asked, []);
  });

  it('gives the whole body at once when all of it is there, and only then', () => {
    const { reply } = scripted();
    reply.push(Buffer.from('{"a"'));
    assert.equal(reply.takeWhole(), undefined);
    reply.push(Buffer.from(':1}'));
    reply.end();
    assert.equal(reply.takeWhole()?.toString(), '{"a":1}');
    assert.equal(reply.takeWhole(), undefined, 'a body is read once');
  });

  it('drains a small body that is discarded, so that its connection lives', () => {
    const { reply, asked } = scripted();
    reply.push(Buffer.from('a'));
    reply.discard();
    assert.equal(reply.push(Buffer.from('b')), true);
    reply.end();
    assert.deepEqual(asked, []);
    assert.equal(reply.ending, 'ended');
  });

  it('cuts a large body that is discarded', () => {
    const { reply, asked } = scripted();
    reply.discard();
    reply.push(Buffer.alloc(READ_AHEAD_BYTES));
    assert.equal(reply.ending, 'cancelled');
    assert.equal(asked.length, 1);
  });

  it('cuts a discarded body that had already filled the read-ahead', () => {
    const { reply, asked } = scripted();
    reply.push(Buffer.alloc(READ_AHEAD_BYTES));
    reply.discard();
    assert.equal(reply.ending, 'cancelled');
    assert.equal(asked.length, 1);
  });

  it('tells the reader why it was cancelled, and ignores what the source still brings', () => {
    const { reply, asked } = scripted();
    const { seen, read } = reader();
    reply.read(read);
    reply.cancel('enough');
    reply.push(Buffer.from('late'));
    reply.end();
    reply.fail('late');
    assert.deepEqual(seen, ['error enough']);
    assert.deepEqual(asked, ['abort enough']);
  });

  it('gives the failure to a reader that comes after it', () => {
    const { reply } = scripted();
    reply.push(Buffer.from('a'));
    reply.fail('broken');
    const { seen, read } = reader();
    reply.read(read);
    assert.deepEqual(seen, ['error broken']);
  });

  it('is not readable after a cancellation, also when the body was complete', () => {
    const { reply } = scripted();
    reply.push(Buffer.from('a'));
    reply.end();
    reply.cancel('aborted');
    assert.equal(reply.takeWhole(), undefined);
    const { seen, read } = reader();
    reply.read(read);
    assert.deepEqual(seen, ['error aborted']);
  });

  it('tells each end listener once, also one that comes late', () => {
    const { reply } = scripted();
    const endings: string[] = [];
    reply.onEnd((ending) => endings.push(`first ${ending}`));
    reply.onEnd((ending) => endings.push(`second ${ending}`));
    reply.end();
    reply.onEnd((ending) => endings.push(`late ${ending}`));
    assert.deepEqual(endings, ['first ended', 'second ended', 'late ended']);
  });

  it('finds a header whatever its case, and joins several', () => {
    const { reply } = scripted([Buffer.from('Retry-After'), Buffer.from('5'), 'Vary', 'a', 'VARY', 'b']);
    assert.equal(reply.header('retry-after'), '5');
    assert.equal(reply.header('vary'), 'a, b');
    assert.equal(reply.header('age'), undefined);
  });
});
