import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { MeshResponse } from '../../src/facade/response.js';
import { type Answer, bothOf, outcome } from './support/built-in.js';
import { open, openReply, whole, wholeReply } from './support/replies.js';

/** What a caller can see of a response without reading it. */
function surface(response: Response): Record<string, unknown> {
  const { status, statusText, ok, redirected, type, url, bodyUsed } = response;
  return { status, statusText, ok, redirected, type, url, bodyUsed, hasBody: response.body !== null, headers: [...response.headers] };
}

/** What `for in` finds, which is how some libraries copy a response. */
function enumerated(response: Response): string[] {
  const keys: string[] = [];
  for (const key in response) keys.push(key);
  return keys.sort();
}

const ANSWERS: Record<string, Answer> = {
  'a small JSON': {
    headers: [
      ['Content-Type', 'application/json'],
      ['Content-Length', '7'],
    ],
    body: ['{"a":1}'],
  },
  'an empty body': { headers: [['Content-Length', '0']] },
  'several chunks': { headers: [['Content-Length', '6']], body: ['abc', 'def'] },
  'a 404': { status: 404, statusText: 'Not Found', headers: [['Content-Length', '4']], body: ['nope'] },
  'a 204': { status: 204, statusText: 'No Content' },
  'a 205': { status: 205, statusText: 'Reset Content', headers: [['Content-Length', '0']] },
  'a 304': {
    status: 304,
    statusText: 'Not Modified',
    headers: [
      ['Content-Length', '20'],
      ['ETag', '"x"'],
    ],
  },
  'a 302 that is not followed': {
    status: 302,
    statusText: 'Found',
    headers: [
      ['Location', '/x'],
      ['Content-Length', '2'],
    ],
    body: ['go'],
  },
  'a HEAD': {
    method: 'HEAD',
    headers: [
      ['Content-Length', '20'],
      ['Content-Type', 'text/plain'],
    ],
  },
  'no reason phrase': { statusText: '', headers: [['Content-Length', '0']] },
  'bytes that are no UTF-8': { headers: [['Content-Length', '5']], body: [Uint8Array.of(0x61, 0xff, 0xe2, 0x82, 0x62)] },
  'a byte order mark': { headers: [['Content-Length', '6']], body: [Uint8Array.of(0xef, 0xbb, 0xbf, 0x22, 0x61, 0x22)] },
  'text that is no JSON': { headers: [['Content-Length', '2']], body: ['hi'] },
  'a form': {
    headers: [
      ['Content-Type', 'application/x-www-form-urlencoded'],
      ['Content-Length', '7'],
    ],
    body: ['a=1&b=2'],
  },
  'a multipart form': {
    headers: [['Content-Type', 'multipart/form-data; boundary=x']],
    body: ['--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n--x--\r\n'],
  },
  'a parameterised type': {
    headers: [
      ['Content-Type', 'Text/HTML; charset=UTF-8; x="a b"'],
      ['Content-Length', '1'],
    ],
    body: ['x'],
  },
  'two types': {
    headers: [
      ['Content-Type', 'text/html'],
      ['content-type', 'foo/bar'],
      ['Content-Length', '1'],
    ],
    body: ['x'],
  },
};

const READERS: Record<string, (response: Response) => Promise<unknown>> = {
  json: (response) => response.json(),
  text: (response) => response.text(),
  arrayBuffer: async (response) => Buffer.from(await response.arrayBuffer()).toString('hex'),
  bytes: async (response) => {
    const bytes = await (response as unknown as MeshResponse).bytes();
    return [bytes.constructor.name, Buffer.from(bytes).toString('hex')];
  },
  blob: async (response) => {
    const blob = await response.blob();
    return [blob.type, blob.size, await blob.text()];
  },
  formData: async (response) => [...(await response.formData())],
  'body, chunk by chunk': async (response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of response.body ?? []) chunks.push(Buffer.from(chunk as Uint8Array));
    return Buffer.concat(chunks).toString('hex');
  },
  'clone, both halves': async (response) => {
    const clone = response.clone();
    const { url, redirected, type, status } = clone;
    return [await clone.text(), await response.text(), url === response.url, redirected, type, status, [...clone.headers]];
  },
};

/** Not a literal, or the compiler would look for a file of that name. */
const LATER: string = 'later';

describe('MeshResponse beside the built-in Response', () => {
  for (const [name, answer] of Object.entries(ANSWERS)) {
    it(`shows the same of ${name}`, async () => {
      const { builtIn, mesh } = await bothOf(answer);
      assert.deepEqual(surface(mesh), surface(builtIn));
      await builtIn.body?.cancel();
    });

    for (const [reader, read] of Object.entries(READERS)) {
      it(`reads ${name} with ${reader} alike`, async () => {
        const { builtIn, mesh } = await bothOf(answer);
        assert.deepEqual(await outcome(() => read(mesh)), await outcome(() => read(builtIn)));
        assert.equal(mesh.bodyUsed, builtIn.bodyUsed);
        assert.equal(mesh.body?.locked, builtIn.body?.locked);
      });
    }
  }

  it('overrides every own key of Response.prototype that this Node has', () => {
    const missing = Reflect.ownKeys(Response.prototype).filter((key) => !Object.hasOwn(MeshResponse.prototype, key));
    assert.deepEqual(missing, []);
  });

  it('takes a method that a later Node adds from a platform response over the same body', async () => {
    const later = Symbol('later');
    Object.defineProperty(Response.prototype, later, { value: Response.prototype.text, configurable: true });
    try {
      // A second copy of the module sees the Response of that later Node; a query makes it a second one.
      const copy: typeof import('../../src/facade/response.js') = await import(`../../src/facade/response.js?${LATER}`);
      const response = new copy.MeshResponse(wholeReply('abc'), 'http://users/', false);
      assert.equal(await (response as unknown as { [later](): Promise<string> })[later](), 'abc');
      assert.equal(response.bodyUsed, true);
    } finally {
      delete (Response.prototype as unknown as Record<symbol, unknown>)[later];
    }
  });

  it('passes for a Response wherever a program asks', async () => {
    const response = whole('abc');
    assert.ok(response instanceof Response);
    assert.equal(Object.prototype.toString.call(response), '[object Response]');
    assert.deepEqual(Object.keys(response), Object.keys(new Response('abc')));
    assert.equal(JSON.stringify(response), '{}');
    assert.deepEqual(enumerated(response), enumerated(new Response('abc')));
    assert.equal(typeof (response as unknown as Promise<unknown>).then, 'undefined');
  });

  it('can be structured-cloned exactly as little as the built-in one', async () => {
    const clone = (response: Response) => outcome(() => structuredClone(response));
    assert.deepEqual(await clone(whole('abc') as Response), await clone(new Response('abc')));
  });

  it('refuses assignments to what can only be read', () => {
    const response = whole('abc');
    for (const key of ['status', 'ok', 'url', 'headers', 'body', 'bodyUsed']) {
      assert.throws(() => Reflect.apply(Object.assign, undefined, [response, { [key]: 1 }]), TypeError, key);
    }
  });

  it('rejects, and does not throw, from a method that was taken off its response', async () => {
    for (const name of ['json', 'text', 'arrayBuffer', 'bytes', 'blob', 'formData'] as const) {
      const detached: () => Promise<unknown> = MeshResponse.prototype[name];
      await assert.rejects(Reflect.apply(detached, undefined, []), TypeError, name);
      await assert.rejects(Reflect.apply(detached, {}, []), TypeError, name);
    }
  });

  it('shows itself on the console like the built-in one, and leaves the body alone', () => {
    const { response, asked } = open({ 'content-type': 'text/plain' });
    const shown = inspect(response);
    for (const part of ['Response {', 'status: 200', "'content-type': 'text/plain'", 'bodyUsed: false', "url: 'http://users/42'"]) {
      assert.ok(shown.includes(part), `${part} in ${shown}`);
    }
    assert.deepEqual(asked, []);
    assert.match(inspect({ deep: { down: [response] } }), /\[/);
  });
});

describe('MeshResponse', () => {
  it('shows its URL without the fragment, and whether it was redirected', () => {
    const response = new MeshResponse(wholeReply(), 'http://users/42?a#b', true);
    assert.equal(response.url, 'http://users/42?a');
    assert.equal(response.redirected, true);
    assert.equal(response.clone().redirected, true);
    assert.equal(response.clone().url, 'http://users/42?a');
  });

  it('decodes text as TextDecoder does, whatever the bytes', () => {
    fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 40 }), async (bytes) => {
        assert.equal(await whole(bytes).text(), new TextDecoder().decode(bytes));
      }),
    );
  });

  it('reads the same from a body in pieces as from a whole one', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.uint8Array({ minLength: 1, maxLength: 9 }), { maxLength: 6 }), fc.nat(6), async (chunks, early) => {
        const { response, reply } = open();
        for (const chunk of chunks.slice(0, early)) reply.push(Buffer.from(chunk));
        const read = response.arrayBuffer();
        for (const chunk of chunks.slice(early)) reply.push(Buffer.from(chunk));
        reply.end();
        assert.deepEqual(Buffer.from(await read), Buffer.concat(chunks));
      }),
    );
  });

  it('gives away memory that nobody else holds', async () => {
    const bytes = Buffer.from('shared memory of the wire');
    const { reply } = openReply();
    reply.push(bytes.subarray(0, 6));
    reply.end();
    const response = new MeshResponse(reply, '', false);
    const clone = response.clone();
    const buffer = await response.arrayBuffer();
    assert.equal(buffer.byteLength, 6, 'no more of the pool than the body');
    new Uint8Array(buffer).fill(0);
    assert.equal(bytes.toString(), 'shared memory of the wire');
    assert.equal(await clone.text(), 'shared');
  });

  it('says what the built-in one says to a second read, whatever the first one was', async () => {
    for (const first of ['text', 'json', 'arrayBuffer', 'blob', 'bytes'] as const) {
      const response = whole('"abc"');
      await response[first]();
      await assert.rejects(response.text(), { name: 'TypeError', message: 'Body is unusable: Body has already been read' });
      assert.throws(() => response.clone(), { name: 'TypeError', message: 'Response.clone: Body has already been consumed.' });
      assert.throws(() => new Response(response.body as unknown as ReadableStream), TypeError);
      assert.equal(response.bodyUsed, true);
    }
  });

  it('is used from the moment a read begins', async () => {
    const { response, reply } = open();
    const first = response.text();
    assert.equal(response.bodyUsed, true);
    assert.equal(response.body?.locked, true);
    await assert.rejects(response.text(), /Body has already been read/);
    reply.push(Buffer.from('abc'));
    reply.end();
    assert.equal(await first, 'abc');
  });

  it('hands over the error that broke the body off, as it is', async () => {
    const lost = new Error('lost');
    for (const read of ['text', 'json', 'arrayBuffer', 'blob', 'formData'] as const) {
      const { response, reply } = open();
      const reading = response[read]();
      reply.push(Buffer.from('half'));
      reply.fail(lost);
      await assert.rejects(reading, (error) => error === lost, read);
    }
    const { response, reply } = open();
    reply.push(Buffer.from('half'));
    reply.fail(lost);
    await assert.rejects(response.text(), (error) => error === lost, 'also if it broke before the read');
  });

  it("hands over the caller's own reason when a body that is all here is aborted before it was read", async () => {
    const reply = wholeReply('abc');
    const response = new MeshResponse(reply, '', false);
    const reason = new DOMException('enough', 'AbortError');
    reply.cancel(reason);
    await assert.rejects(response.json(), (error) => error === reason);
  });

  it('lets go of a body that its status or method does not have', () => {
    for (const [status, method] of [
      [205, 'GET'],
      [200, 'HEAD'],
    ] as const) {
      const { reply, asked } = openReply({}, status);
      const response = new MeshResponse(reply, '', false, method);
      assert.equal(response.body, null);
      assert.equal(response.clone().body, null);
      assert.deepEqual(asked, ['abort undefined']);
    }
  });

  it('clones a body that is still coming, and each half reads all of it at its own pace', async () => {
    const { response, reply } = open();
    reply.push(Buffer.from('ab'));
    const clone = response.clone();
    const again = clone.clone();
    const slow = clone.body?.getReader();
    const fast = response.text();
    reply.push(Buffer.from('cd'));
    reply.end();
    assert.equal(await fast, 'abcd');
    const chunks: string[] = [];
    for (;;) {
      const read = await slow?.read();
      if (read === undefined || read.done) break;
      chunks.push(Buffer.from(read.value).toString());
    }
    assert.equal(chunks.join(''), 'abcd');
    assert.equal(await again.text(), 'abcd');
  });

  it('keeps its headers separate from its clone, and both immutable', () => {
    const response = whole('', { 'x-a': '1' });
    assert.notEqual(response.clone().headers, response.headers);
    assert.equal(response.headers, response.headers);
    assert.throws(() => response.headers.set('x-a', '2'), { name: 'TypeError', message: 'immutable' });
  });

  it('compiles WebAssembly from its stream', async () => {
    const empty = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0);
    const { compileStreaming: compile } = (globalThis as unknown as { WebAssembly: { compileStreaming(source: unknown): Promise<object> } })
      .WebAssembly;
    assert.equal(
      Object.prototype.toString.call(await compile(whole(empty, { 'content-type': 'application/wasm' }))),
      '[object WebAssembly.Module]',
    );
    await assert.rejects(compile(whole(empty, { 'content-type': 'text/plain' })), TypeError);
  });

  it('lends its body to a new Response and a new Request', async () => {
    const response = whole('abc', { 'x-a': '1' }, 203);
    const copy = new Response(response.body as unknown as ReadableStream, response as unknown as ResponseInit);
    assert.equal(copy.status, 203);
    assert.equal(copy.headers.get('x-a'), '1');
    assert.equal(await copy.text(), 'abc');
    assert.equal(response.bodyUsed, true);

    const lent = whole('def');
    const request = new Request('http://users/', {
      method: 'POST',
      body: lent.body as unknown as ReadableStream,
      duplex: 'half',
    } as RequestInit);
    assert.equal(await request.text(), 'def');
    await assert.rejects(lent.text(), /Body has already been read/);
  });
});
