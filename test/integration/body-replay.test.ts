import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { after, afterEach, before, describe, it } from 'node:test';
import * as undici from 'undici';
import { type Balancer, createMesh, type Mesh, staticDiscovery } from '../../src/index.js';
import { bodyOf, httpServer, json, type TestServer } from '../support/servers.js';

/**
 * Which way in can send which body a second time: the table of docs/dispatcher.md. A body is sent again byte for
 * byte or not at all.
 */

const CONTENT = 'the body, byte for byte';

/** Bodies by kind, each with the same content. */
const BODIES: Record<string, () => unknown> = {
  text: () => CONTENT,
  bytes: () => Buffer.from(CONTENT),
  'an ArrayBuffer': () => new Uint8Array(Buffer.from(CONTENT)).buffer,
  parameters: () => new URLSearchParams([[CONTENT, '']]),
  'a Blob': () => new Blob([CONTENT]),
  'a form': () => {
    const form = new FormData();
    form.append('a', CONTENT);
    return form;
  },
  'a web stream': () => new Blob([CONTENT]).stream(),
  'a Node stream': () => Readable.from([Buffer.from(CONTENT)]),
  'a function': () => () => new Blob([CONTENT]).stream(),
};

/** Ways in, and the kinds that each can send again once some of it was read. */
const ENTRIES: Record<
  string,
  {
    readonly send: (mesh: Mesh, method: string, body: unknown) => Promise<{ status: number; text: string }>;
    readonly replays: readonly string[];
  }
> = {
  'mesh.fetch': {
    send: async (mesh, method, body) => read(await mesh.fetch('http://users/', { method, body, duplex: 'half' } as never)),
    replays: ['text', 'bytes', 'an ArrayBuffer', 'parameters', 'a Blob', 'a form', 'a function'],
  },
  'mesh.fetch with bufferBody': {
    send: async (mesh, method, body) =>
      read(await mesh.fetch('http://users/', { method, body, duplex: 'half', mesh: { bufferBody: 1_000 } } as never)),
    replays: Object.keys(BODIES),
  },
  'mesh.fetch of a Request': {
    send: async (mesh, method, body) => read(await mesh.fetch(new Request('http://users/', { method, body, duplex: 'half' } as never))),
    replays: ['text', 'bytes', 'an ArrayBuffer', 'parameters', 'a form'],
  },
  'undici.request over mesh.dispatcher': {
    async send({ dispatcher }, method, body) {
      const answer = await undici.request('http://users/', { method: method as 'PUT', body: body as never, dispatcher });
      return { status: answer.statusCode, text: await answer.body.text() };
    },
    replays: ['text', 'bytes', 'an ArrayBuffer', 'parameters', 'a Blob', 'a form', 'a function'],
  },
  'the built-in fetch over mesh.dispatcher': {
    send: async ({ dispatcher }, method, body) => read(await fetch('http://users/', { method, body, duplex: 'half', dispatcher } as never)),
    replays: [],
  },
  'undici.fetch over mesh.dispatcher': {
    send: async ({ dispatcher }, method, body) =>
      read((await undici.fetch('http://users/', { method, body, duplex: 'half', dispatcher } as never)) as unknown as Response),
    replays: [],
  },
};

/**
 * Kinds that a way in does not take: the built-in classes take no function, and undici's classes no foreign ones.
 * A Blob in a Request is there at once on some Nodes and not on others.
 */
const NOT_TAKEN: Record<string, readonly string[]> = {
  'mesh.fetch of a Request': ['a function', 'a Blob', 'a web stream'],
  'the built-in fetch over mesh.dispatcher': ['a function'],
  'undici.fetch over mesh.dispatcher': ['a function', 'a form'],
};

async function read(response: Response): Promise<{ status: number; text: string }> {
  return { status: response.status, text: await response.text() };
}

/** Picks the endpoint that was named first; a retry goes to another all the same. */
const firstOfAll: Balancer = {
  name: 'firstOfAll',
  build: () => ({ pick: ({ bySlot, slots, count }) => (count === 0 ? undefined : bySlot[Math.min(...slots.subarray(0, count))]) }),
};

describe('a request that has to be sent again', { timeout: 60_000 }, () => {
  let server: TestServer;
  let gone: TestServer;
  let bodies: string[] = [];
  let mesh: Mesh;

  before(async () => {
    gone = await httpServer((_, response) => json(response, {}));
    await gone.close();
    server = await httpServer(async (request, response) => {
      bodies.push(plain(await bodyOf(request), request.headers['content-type']));
      json(response, {}, bodies.length === 1 && request.method === 'PUT' ? 503 : 200);
    });
  });
  after(() => server.close());
  afterEach(() => mesh.close({ graceMs: 0 }));

  for (const [entry, { send, replays }] of Object.entries(ENTRIES)) {
    for (const [kind, make] of Object.entries(BODIES)) {
      if (NOT_TAKEN[entry]?.includes(kind)) continue;
      it(`${replays.includes(kind) ? 'is' : 'is not'}, once it was answered with 503: ${kind} through ${entry}`, async () => {
        bodies = [];
        mesh = createMesh({ discovery: staticDiscovery({ users: [server.origin] }) });
        const { status } = await send(mesh, 'PUT', make());
        assert.deepEqual([status, bodies.length], replays.includes(kind) ? [200, 2] : [503, 1]);
        for (const body of bodies) assert.equal(body, CONTENT);
      });

      it(`is, as long as nothing of it was sent, also a POST: ${kind} through ${entry}`, async () => {
        bodies = [];
        mesh = createMesh({ discovery: staticDiscovery({ users: [gone.origin, server.origin] }), defaults: { balancer: firstOfAll } });
        const { status } = await send(mesh, 'POST', make());
        assert.equal(status, 200);
        assert.deepEqual(bodies, [CONTENT]);
        assert.equal(mesh.inspect().services.users?.endpoints.find(({ origin }) => origin === gone.origin)?.requests, 1);
      });
    }
  }
});

/** The content, whatever it was wrapped in. */
function plain(body: string, type = ''): string {
  if (type.startsWith('multipart/')) return /\r\n\r\n(.*)\r\n--/.exec(body)?.[1] ?? body;
  return type.startsWith('application/x-www-form-urlencoded') ? ([...new URLSearchParams(body).keys()][0] ?? body) : body;
}
