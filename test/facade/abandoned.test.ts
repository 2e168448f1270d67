import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Reply } from '../../src/core/reply.js';
import { collectGarbage } from './support/garbage.js';
import { open, openReply } from './support/replies.js';

/**
 * Each case drops its response in a function of its own, so that nothing on the test's stack still holds it.
 */
describe('a response that nobody holds any more', () => {
  it('gives up a body that was never read', async () => {
    const far = (() => {
      const { reply, asked } = open();
      return { reply, asked };
    })();
    await collectGarbage();
    assert.deepEqual(far.asked, ['abort undefined']);
    assert.equal(far.reply.ending, 'cancelled');
  });

  it('reads a body that is known to be small to its end instead, for its connection', async () => {
    const far = (() => {
      const { reply, asked } = open({ 'content-length': '100' });
      return { reply, asked };
    })();
    await collectGarbage();
    assert.deepEqual(far.asked, []);
    assert.equal(far.reply.claimed, true);
    far.reply.push(Buffer.alloc(100));
    far.reply.end();
    assert.equal(far.reply.ending, 'ended');
  });

  it('gives up a body whose stream was looked at and never read', async () => {
    const far = (() => {
      const { response, asked } = open();
      assert.ok(response.body);
      return { asked };
    })();
    await collectGarbage();
    assert.deepEqual(far.asked, ['abort undefined']);
  });

  it('gives up a body whose stream was left half way', async () => {
    const far = await (async () => {
      const { response, reply, asked } = open();
      const reader = response.body?.getReader();
      reply.push(Buffer.from('a'));
      await reader?.read();
      return { reply, asked };
    })();
    await collectGarbage();
    assert.deepEqual(far.asked, ['abort undefined']);
  });

  it('gives up a body that was left half way by both halves of a clone', async () => {
    const far = await (async () => {
      const { response, reply, asked } = open();
      const clone = response.clone();
      reply.push(Buffer.from('a'));
      await response.body?.getReader().read();
      await clone.body?.getReader().read();
      return { reply, asked };
    })();
    await collectGarbage();
    assert.deepEqual(far.asked, ['abort undefined']);
  });

  it('leaves a body alone whose stream is still held', async () => {
    const { asked, reply, reader } = (() => {
      const { response, asked, reply } = open();
      return { asked, reply, reader: response.body?.getReader() };
    })();
    await collectGarbage();
    assert.deepEqual(asked, []);
    reply.push(Buffer.from('a'));
    assert.equal((await reader?.read())?.value?.length, 1);
  });

  it('leaves a body alone that somebody waits for', async () => {
    const { asked, reply, reading } = (() => {
      const { response, asked, reply } = open();
      return { asked, reply, reading: response.text() };
    })();
    await collectGarbage();
    assert.deepEqual(asked, []);
    reply.push(Buffer.from('abc'));
    reply.end();
    assert.equal(await reading, 'abc');
  });

  it('leaves a body alone of which a clone is still held', async () => {
    const { asked, reply, clone } = (() => {
      const { response, asked, reply } = open();
      return { asked, reply, clone: response.clone() };
    })();
    await collectGarbage();
    assert.deepEqual(asked, []);
    reply.push(Buffer.from('abc'));
    reply.end();
    assert.equal(await clone.text(), 'abc');
  });

  it('is collected though its far end still sends', async () => {
    const { reply } = openReply();
    const held = await (async (): Promise<WeakRef<object>> => {
      const { meshResponseClass } = await import('../../src/facade/response.js');
      const MeshResponse = meshResponseClass();
      const response = new MeshResponse(reply, '', false);
      const stream = response.body;
      assert.ok(stream);
      const reader = stream.getReader();
      reply.push(Buffer.from('a'));
      await reader.read();
      return new WeakRef(stream);
    })();
    await collectGarbage();
    assert.equal(held.deref(), undefined);
    assert.equal((reply satisfies Reply).ending, 'cancelled');
  });
});
