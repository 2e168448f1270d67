import assert from 'node:assert/strict';
import { PassThrough, Readable } from 'node:stream';
import { after, before, describe, it } from 'node:test';
import { createContext, runInContext } from 'node:vm';
import * as undici from 'undici';
import type { RequestBody } from '../../src/core/request-body.js';
import type { MeshBody } from '../../src/facade/fetch-types.js';
import { extractBody } from '../../src/facade/request-body.js';
import { seededRandom } from '../../src/testing/seeded-random.js';
import { outcome } from './support/built-in.js';
import { bytesOf, Echo } from './support/echo.js';

const utf8 = new TextEncoder();

function form(): FormData {
  const data = new FormData();
  data.append('a"\n', 'x\ny');
  data.append('é', 'é');
  data.append('file', new File(['abc'], 'n"am\r\ne.txt', { type: 'text/x' }));
  data.append('blob', new Blob(['']));
  return data;
}

/** Replaces the random part of a multipart boundary. */
function unbound(text: string): string {
  return text.replace(/----formdata-\w+-\d+/g, 'BOUNDARY');
}

/** A stream of the chunks, in the class that fetch takes. */
function streamOf(...chunks: unknown[]): ReadableStream {
  return new ReadableStream({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(chunk);
      controller.close();
    },
  });
}

async function* generated(...chunks: unknown[]): AsyncGenerator<unknown> {
  yield* chunks;
}

/** Makes a fresh body, since many can be sent once only. */
type Make = () => unknown;

const LIKE_THE_BUILT_IN: Record<string, Make> = {
  'no body': () => undefined,
  null: () => null,
  text: () => 'héllo',
  'empty text': () => '',
  'text with half a surrogate pair': () => 'a\ud800b',
  'a number': () => 5,
  false: () => false,
  'a URL': () => new URL('http://users/42'),
  'a String': () => new String('abc'),
  'an array': () => [1, 2],
  'a symbol': () => Symbol('a'),
  bytes: () => utf8.encode('abc'),
  'a Buffer': () => Buffer.from('abc'),
  'a part of a larger array': () => new Uint16Array([65, 66, 67]).subarray(1),
  'a DataView': () => new DataView(utf8.encode('abc').buffer, 1),
  'an ArrayBuffer': () => utf8.encode('abc').buffer,
  parameters: () => new URLSearchParams({ a: '1 2', é: '&' }),
  'a Blob with a type': () => new Blob(['abc'], { type: 'Text/Foo' }),
  'a Blob without one': () => new Blob(['abc', new Uint8Array(70_000)]),
  'an empty Blob': () => new Blob([]),
  'a File': () => new File(['abc'], 'a.txt', { type: 'text/plain' }),
  'a form': form,
  'an empty form': () => new FormData(),
  'a stream': () => streamOf(utf8.encode('abc'), Buffer.from('def')),
  'an empty chunk in a stream': () => streamOf(utf8.encode('ab'), utf8.encode(''), utf8.encode('c')),
  'a stream of text': () => streamOf('héllo'),
  'a stream of other views': () => streamOf(new Uint16Array([65, 66])),
  'a Node stream': () => Readable.from(['héllo', Buffer.from('abc')]),
  'an async generator': () => generated('héllo', utf8.encode('abc'), utf8.encode('def').buffer),
  'a stream of numbers': () => Readable.from([5]),
  'a generator of numbers': () => generated(5),
  'a stream that is locked': () => {
    const stream = streamOf(utf8.encode('abc'));
    stream.getReader();
    return stream;
  },
  'a Node stream that was destroyed': () => Readable.from(['abc']).destroy(),
};

describe('extractBody', () => {
  const echo = new Echo();
  before(() => echo.start());
  after(() => echo.stop());

  for (const [name, make] of Object.entries(LIKE_THE_BUILT_IN)) {
    it(`makes of ${name} what the built-in fetch sends`, async () => {
      const expected = await outcome(async () => {
        const { contentType, body } = await echo.sent({ body: make(), duplex: 'half' } as RequestInit);
        return { contentType: contentType === undefined ? undefined : unbound(contentType), body: unbound(body.toString('latin1')) };
      });
      const found = await outcome(async () => {
        const { body, contentType } = extractBody(make() as MeshBody, { duplex: 'half' });
        const bytes = body === undefined ? Buffer.alloc(0) : await bytesOf(body.open());
        if (body?.length !== undefined) assert.equal(body.length, bytes.length);
        return { contentType: contentType === undefined ? undefined : unbound(contentType), body: unbound(bytes.toString('latin1')) };
      });
      assert.deepEqual(found, expected);
    });
  }

  it('demands duplex of streams of any kind, and of them alone', async () => {
    for (const make of [() => streamOf(utf8.encode('a')), () => Readable.from(['a']), () => generated('a')]) {
      const body = make() as unknown as NonNullable<RequestInit['body']>;
      assert.throws(() => extractBody(body), { name: 'TypeError', message: /duplex option is required/ });
      await assert.rejects(echo.sent({ body: make() as never }), { name: 'TypeError', message: /duplex option is required/ });
    }
    assert.throws(() => extractBody('a', { duplex: 'full' }), TypeError);
    assert.equal(extractBody('a').body?.length, 1);
    assert.ok(extractBody(() => streamOf(utf8.encode('a')) as never).body);
  });

  it('refuses a stream that was read from, as the built-in fetch does', async () => {
    const disturbed = async () => {
      const stream = streamOf(utf8.encode('a'), utf8.encode('b'));
      const reader = stream.getReader();
      await reader.read();
      reader.releaseLock();
      return stream;
    };
    const message = 'Response body object should not be disturbed or locked';
    const body = await disturbed();
    assert.throws(() => extractBody(body as never, { duplex: 'half' }), { name: 'TypeError', message });
    await assert.rejects(echo.sent({ body: (await disturbed()) as never, duplex: 'half' } as RequestInit), { name: 'TypeError', message });
  });

  it('locks a stream, so that a second request cannot take bytes from the first', () => {
    const stream = streamOf(utf8.encode('a'));
    extractBody(stream as never, { duplex: 'half' });
    assert.equal(stream.locked, true);
    assert.throws(() => extractBody(stream as never, { duplex: 'half' }), /disturbed or locked/);
  });

  it('refuses what nobody means to send: the name of a class in brackets', async () => {
    for (const body of [{ a: 1 }, new Map(), Promise.resolve('abc'), new SharedArrayBuffer(3), (function* () {})()]) {
      assert.throws(() => extractBody(body as never), { name: 'TypeError', message: /must be text, bytes, .* got \[object \w+\]/ });
    }
    assert.throws(() => extractBody(new Uint8Array(new SharedArrayBuffer(3)) as never), {
      name: 'TypeError',
      message: /SharedArrayBuffer/,
    });
  });

  it('copies bytes when it is called, and takes a form as it is then', async () => {
    const bytes = utf8.encode('abc');
    const data = new FormData();
    data.append('a', '1');
    const [fixed, posted] = [extractBody(bytes).body, extractBody(data).body];
    bytes.fill(0);
    data.append('b', '2');
    assert.equal((await bytesOf((fixed as RequestBody).open())).toString(), 'abc');
    assert.doesNotMatch((await bytesOf((posted as RequestBody).open())).toString(), /name="b"/);
  });

  it('sends the same bytes each time of everything that is no stream', async () => {
    const forms = [form(), new FormData()];
    for (const body of ['abc', utf8.encode('abc'), new URLSearchParams('a=1'), new Blob(['abc', 'def']), ...forms]) {
      const extracted = extractBody(body).body as RequestBody;
      assert.equal(extracted.replayable, true);
      const first = await bytesOf(extracted.open());
      const [second, third] = await Promise.all([bytesOf(extracted.open()), bytesOf(extracted.open())]);
      assert.deepEqual(second, first);
      assert.deepEqual(third, first);
      assert.equal(extracted.length, first.length);
      extracted.discard();
    }
  });

  it('takes blobs, forms, parameters, streams and bytes of other realms for what they are', async () => {
    const foreignForm = new undici.FormData();
    foreignForm.append('a', '1');
    const { body, contentType } = extractBody(foreignForm as never);
    assert.match(contentType ?? '', /^multipart\/form-data; boundary=/);
    assert.match((await bytesOf((body as RequestBody).open())).toString(), /name="a"\r\n\r\n1\r\n/);

    /** As ponyfills make them: no class of the runtime's, but everything a Blob has. */
    const file = {
      [Symbol.toStringTag]: 'File',
      name: 'a.txt',
      size: 3,
      type: 'text/plain',
      stream: () => generated(utf8.encode('abc')),
    };
    const ponyfill = { [Symbol.toStringTag]: 'FormData', entries: () => new Map([['f', file]]).entries() };
    const posted = extractBody(ponyfill as never).body as RequestBody;
    const text = (await bytesOf(posted.open())).toString();
    assert.match(text, /name="f"; filename="a.txt"\r\nContent-Type: text\/plain\r\n\r\nabc\r\n/);
    assert.equal(posted.length, text.length);
    assert.equal(extractBody(file as never).contentType, 'text/plain');

    const realm = createContext({});
    const bytes = runInContext('new Uint8Array([97, 98])', realm) as Uint8Array;
    assert.equal((await bytesOf((extractBody(bytes).body as RequestBody).open())).toString(), 'ab');
    const memory = runInContext('new Uint8Array([97, 98]).buffer', realm) as ArrayBuffer;
    assert.equal((await bytesOf((extractBody(memory).body as RequestBody).open())).toString(), 'ab');

    class ForeignParams extends URLSearchParams {}
    assert.match(extractBody(new ForeignParams('a=1')).contentType ?? '', /^application\/x-www-form-urlencoded/);
  });

  it('stops reading a Blob when its attempt is given up', async () => {
    const cancelled: unknown[] = [];
    const stream = () =>
      new ReadableStream({
        pull: (controller) => controller.enqueue(utf8.encode('abc')),
        cancel: (reason) => void cancelled.push(reason),
      });
    const endless = { [Symbol.toStringTag]: 'Blob', size: 1e9, type: '', stream };
    const { body } = extractBody(endless as never);
    assert.ok(body);
    for await (const chunk of body.open() as AsyncIterable<Uint8Array>) {
      assert.equal(chunk.length, 3);
      break;
    }
    assert.deepEqual(cancelled, [undefined]);
  });

  it('draws the boundary of a form from the random source that it is given', () => {
    const typeWith = (seed: number) => extractBody(form(), { random: seededRandom(seed) }).contentType;
    assert.equal(typeWith(1), typeWith(1));
    assert.notEqual(typeWith(1), typeWith(2));
    assert.match(typeWith(3) ?? '', /^multipart\/form-data; boundary=----formdata-fetchmesh-\d{22}$/);
  });

  it('makes forms that the built-in parser reads back', async () => {
    const { body, contentType } = extractBody(form());
    const parsed = await new Response(await bytesOf((body as RequestBody).open()), {
      headers: { 'content-type': contentType ?? '' },
    }).formData();
    assert.equal(parsed.get('é'), 'é');
    const file = parsed.get('file');
    assert.ok(typeof file === 'object' && file !== null);
    assert.equal(await file.text(), 'abc');
    assert.equal(file.type, 'text/x');
  });

  it('checks how much of a stream is to be kept', () => {
    for (const bufferBody of [-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 31]) {
      assert.throws(() => extractBody('a', { bufferBody }), {
        code: 'ERR_MESH_CONFIG',
        message: /mesh\.bufferBody must be a whole number of bytes/,
      });
    }
  });
});

describe('a body that a function makes', () => {
  it('is made anew for each attempt, the first one with the request', async () => {
    let made = 0;
    const { body } = extractBody(() => streamOf(utf8.encode(`stream ${++made}`)) as never);
    assert.ok(body);
    assert.equal(made, 1);
    assert.equal(body.replayable, true);
    assert.equal((await bytesOf(body.open())).toString(), 'stream 1');
    assert.equal((await bytesOf(body.open())).toString(), 'stream 2');
    assert.equal(made, 2);
  });

  it('keeps one boundary for all its forms', async () => {
    const { body, contentType } = extractBody(() => form());
    assert.ok(body);
    const boundary = contentType?.split('boundary=')[1] ?? 'none';
    const [first, second] = [await bytesOf(body.open()), await bytesOf(body.open())];
    assert.deepEqual(second, first);
    assert.ok(first.includes(boundary));
    assert.equal(body.length, first.length);
  });

  it('has the type and the length of what is made', () => {
    const { body, contentType } = extractBody(() => 'abc');
    assert.equal(contentType, 'text/plain;charset=UTF-8');
    assert.equal(body?.length, 3);
  });

  it('fails the call at once if it makes nothing that can be sent, or throws', () => {
    for (const bad of [undefined, null, () => 'abc', { a: 1 }, Promise.resolve('abc')]) {
      assert.throws(() => extractBody((() => bad) as never), TypeError);
    }
    const mine = new RangeError('mine');
    assert.throws(
      () =>
        extractBody(() => {
          throw mine;
        }),
      (error) => error === mine,
    );
  });

  it('refuses to send other bytes the second time, as far as it can tell', async () => {
    let made = 0;
    const { body } = extractBody(() => 'x'.repeat(++made));
    assert.ok(body);
    body.open();
    assert.throws(() => body.open(), { name: 'TypeError', message: /same bytes each time: first 1 bytes, now 2 bytes/ });
  });

  it('lets go of every stream that it made', async () => {
    const cancelled: unknown[] = [];
    const { body } = extractBody(() => new ReadableStream({ cancel: (reason) => void cancelled.push(reason) }) as never);
    assert.ok(body);
    body.open();
    body.open();
    body.discard('over');
    assert.deepEqual(cancelled, ['over', 'over']);
  });
});

describe('a Node stream as a body', () => {
  it('that fails while nobody reads it does not take the process down, and its reader gets the error', async () => {
    const stream = new PassThrough();
    const { body } = extractBody(stream as never, { duplex: 'half' });
    assert.ok(body);
    const mine = new RangeError('mine');
    stream.destroy(mine);
    await new Promise((resolve) => setImmediate(resolve));
    await assert.rejects(bytesOf(body.open()), (error) => error === mine);
  });

  it('is destroyed when it is not wanted', () => {
    const stream = new PassThrough();
    extractBody(stream as never, { duplex: 'half' }).body?.discard();
    assert.equal(stream.destroyed, true);
  });
});
