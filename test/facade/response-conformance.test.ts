import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { inspect } from 'node:util';
import { meshResponseClass } from '../../src/facade/response.js';
import { type Answer, bothOf, outcome } from './support/built-in.js';
import { open, whole, wholeReply } from './support/replies.js';

const MeshResponse = meshResponseClass();

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
    const bytes = await (response as unknown as { bytes(): Promise<Uint8Array> }).bytes();
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
      const response = new (copy.meshResponseClass())(wholeReply('abc'), 'http://users/', false);
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
