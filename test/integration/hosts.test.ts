import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { createMesh, type Discovery, type Mesh, MeshError, type MeshOptions, standard, staticDiscovery } from '../../src/index.js';
import { mockRegistry, mockTransport, VirtualClock } from '../../src/testing/index.js';

/** Which hosts are services, and that those which are never leave the mesh. */

const open: Mesh[] = [];
const builtIn = globalThis.fetch;
afterEach(async () => {
  globalThis.fetch = builtIn;
  for (const mesh of open.splice(0)) await mesh.close({ graceMs: 0 });
});

/** A source that knows every service there is. */
const everywhere: Discovery = {
  name: 'everywhere',
  watch(_service, sink) {
    sink.snapshot(['http://10.0.0.1:80']);
    return () => {};
  },
};

/** A mesh whose every service has an endpoint, and a runtime whose fetch goes nowhere. */
function surroundings(options: Partial<MeshOptions> = {}): { ask(url: string): Promise<string>; mesh: Mesh } {
  const far = mockTransport();
  const mesh = createMesh({ discovery: everywhere, transport: far, clock: new VirtualClock(), ...options });
  open.push(mesh);
  globalThis.fetch = async () => new Response(null, { status: 299 });
  return {
    mesh,
    /** `service <name>` for what went into the mesh, or `outside`. */
    async ask(url) {
      const before = far.requests.length;
      const response = await mesh.fetch(url);
      if (response.status === 299) return 'outside';
      const request = far.requests[before];
      assert.ok(request !== undefined);
      return `service ${request.service}`;
    },
  };
}

async function table(ask: (url: string) => Promise<string>, expected: Readonly<Record<string, string>>): Promise<void> {
  const got: Record<string, string> = {};
  for (const url of Object.keys(expected)) got[url] = await ask(url);
  assert.deepEqual(got, expected);
}

describe('a host is a service', () => {
  it('where it is a single label, and not localhost', async () => {
    await table(surroundings().ask, {
      'http://users/': 'service users',
      'https://users/x?y': 'service users',
      'http://users:8080/': 'service users',
      'http://api_v1-2/': 'service api_v1-2',
      'http://USERS/': 'service users',
      'http://us%65rs/': 'service users',
      'http://users./': 'service users',
      'http://v2/': 'service v2',
      'http://b\u00fccher/': 'service xn--bcher-kva',
      'http://localhost/': 'outside',
      'http://localhost:3000/': 'outside',
      'http://LOCALHOST./': 'outside',
      'http://users.example.com/': 'outside',
      'http://app.localhost/': 'outside',
      'http://-users/': 'outside',
    });
  });

  it('never where it is an address, in whatever way it is written', async () => {
    await table(surroundings().ask, {
      'http://127.0.0.1/': 'outside',
      'http://10.0.0.1:80/': 'outside',
      'http://42/': 'outside',
      'http://0x7f000001/': 'outside',
      'http://0x7f.1/': 'outside',
      'http://1.2./': 'outside',
      'http://[::1]:80/': 'outside',
      'http://[::ffff:10.0.0.1]/': 'outside',
    });
  });

  it('where it stands under .mesh', async () => {
    await table(surroundings({ services: { Orders: {} } }).ask, {
      'http://users.mesh/': 'service users',
      'http://users.1.mesh/': 'service users.1',
      'http://42.mesh/': 'service 42',
      'http://Users.Mesh./': 'service users',
      'http://orders.mesh/': 'service Orders',
      'http://localhost.mesh/': 'service localhost',
      'http://mesh/': 'service mesh',
      'http://mesh.example/': 'outside',
      'http://usersmesh.com/': 'outside',
    });
  });

  it('where the options or a static source declare it', async () => {
    const discovery = staticDiscovery({
      'users.example.com': ['http://10.0.0.1'],
      Billing: ['http://10.0.0.1'],
      'b\u00fccher.example': ['http://10.0.0.1'],
    });
    const services = { 'Orders.Example.Com': {}, localhost: {}, '10.0.0.9': {}, 'stra\u00dfe.example': {}, '42': {} };
    const { ask } = surroundings({ discovery: { ...everywhere, declares: (name) => discovery.declares?.(name) === true }, services });
    await table(ask, {
      'http://users.example.com/': 'service users.example.com',
      'http://USERS.example.com.:80/': 'service users.example.com',
      'http://billing/': 'service billing',
      'http://orders.example.com/': 'service Orders.Example.Com',
      'http://localhost/': 'service localhost',
      'http://10.0.0.9/': 'service 10.0.0.9',
      'http://stra\u00dfe.example/': 'service stra\u00dfe.example',
      'http://b\u00fccher.example/': 'service b\u00fccher.example',
      'http://xn--bcher-kva.example/': 'service b\u00fccher.example',
      'http://42/': 'outside',
      'http://www.users.example.com/': 'outside',
    });
  });

  it('where it is claimed, by a list, a pattern or a function', async () => {
    await table(surroundings({ claims: ['API.example.com', 'b\u00fccher.example'] }).ask, {
      'http://api.example.com/': 'service api.example.com',
      'http://api.example.com./': 'service api.example.com',
      'http://b\u00fccher.example/': 'service xn--bcher-kva.example',
      'http://www.api.example.com/': 'outside',
    });
    const pattern = surroundings({ claims: /\.svc\.cluster\.local$/gy });
    for (let i = 0; i < 3; i++) {
      await table(pattern.ask, {
        [`http://users${i}.ns.svc.cluster.local/`]: `service users${i}.ns.svc.cluster.local`,
        [`http://svc.cluster.local.example${i}.com/`]: 'outside',
      });
    }
    const truthy = ((hostname: string) => (hostname === 'one.example' ? true : 'yes')) as (hostname: string) => boolean;
    await table(surroundings({ claims: truthy }).ask, { 'http://one.example/': 'service one.example', 'http://two.example/': 'outside' });
  });

  it('is told from what is no http at all', async () => {
    const { mesh } = surroundings();
    for (const url of ['ftp://users/', 'ws://users/', 'users:80/x']) assert.equal((await mesh.fetch(url)).status, 299);
  });
});

describe('a claimed host never passes through', () => {
  it('when the registry is down, and says so', async () => {
    const registry = mockRegistry({ users: ['http://10.0.0.1'] });
    registry.fail(new Error('the registry is on fire'));
    const { mesh } = surroundings({ discovery: registry, claims: ['api.example.com'] });
    for (const url of ['http://users/', 'http://api.example.com/']) {
      await assert.rejects(mesh.fetch(url), (error) => {
        assert.ok(error instanceof MeshError);
        assert.equal(error.code, 'ERR_MESH_DISCOVERY');
        assert.match(String((error.cause as Error | undefined)?.message ?? error.message), /on fire/);
        return true;
      });
    }
  });

  it('when the registry does not know it, and says that', async () => {
    const { mesh } = surroundings({ discovery: mockRegistry(), claims: ['api.example.com'] });
    for (const url of ['http://users/', 'http://api.example.com/', 'http://users.mesh/']) {
      await assert.rejects(mesh.fetch(url), { code: 'ERR_MESH_UNKNOWN_SERVICE' });
    }
  });

  it('when it has no endpoint', async () => {
    const defaults = { policies: standard({ retry: false }) };
    const { mesh } = surroundings({ discovery: staticDiscovery({ users: [] }), defaults });
    await assert.rejects(mesh.fetch('http://users/'), { code: 'ERR_MESH_NO_ENDPOINT' });
  });
});

describe('a host that is no service', () => {
  it('is refused where unknownHosts says so, with a code and the host', async () => {
    const { mesh } = surroundings({ unknownHosts: 'error' });
    await assert.rejects(mesh.fetch('http://elsewhere.example:81/x'), {
      code: 'ERR_MESH_UNKNOWN_HOST',
      message: /^elsewhere\.example:81 is no service of this mesh/,
    });
    assert.equal((await mesh.fetch('http://users/')).status, 200);
  });

  it('goes to the runtime as it was given, and takes no options of the mesh', async () => {
    const { mesh } = surroundings();
    const calls: unknown[][] = [];
    globalThis.fetch = async (...args: unknown[]) => {
      calls.push(args);
      return new Response('');
    };
    const init = { method: 'POST', body: 'x', headers: { a: 'b' } };
    const request = new Request('http://elsewhere.example/');
    await mesh.fetch('http://elsewhere.example/a#b', init);
    await mesh.fetch(request);
    assert.equal(calls[0]?.[0], 'http://elsewhere.example/a#b');
    assert.equal(calls[0]?.[1], init);
    assert.equal(calls[1]?.[0], request);
    await assert.rejects(mesh.fetch('http://elsewhere.example/', { mesh: { retry: false } }), {
      code: 'ERR_MESH_REQUEST',
      message: /the option mesh has no meaning for elsewhere\.example/,
    });
  });
});

describe('mesh.service', () => {
  it('reaches services whose names are no hosts, under a URL that leads to them wherever there is one', async () => {
    const names = {
      'api-v1.2': 'api-v1.2.mesh',
      'users.1': 'users.1.mesh',
      '42': '42.mesh',
      Users: 'users',
      orders: 'orders',
      localhost: 'localhost.mesh',
      'a.mesh': 'a.mesh.mesh',
    };
    const { mesh } = surroundings({ services: { Users: {} } });
    for (const [name, host] of Object.entries(names)) {
      const response = await mesh.service(name).fetch('/x');
      assert.equal(response.url, `http://${host}/x`);
      assert.ok(mesh.inspect().services[name] !== undefined, name);
      // The URL that the response shows leads to the same service again.
      const before = mesh.inspect().services[name]?.endpoints[0]?.requests ?? 0;
      await mesh.fetch(response.url);
      assert.equal(mesh.inspect().services[name]?.endpoints[0]?.requests, before + 1, response.url);
    }
  });

  it('shows a stand-in for names that no URL can have', async () => {
    const { mesh } = surroundings();
    for (const name of ['a:b', 'users@eu', 'x'.repeat(253), '\u00fc', 'Upper', '%41', 'a..b']) {
      const response = await mesh.service(name).fetch('/x');
      assert.match(response.url, /^http:\/\/[^/]+\/x$/);
      assert.ok(URL.canParse(response.url));
      assert.ok(mesh.inspect().services[name] !== undefined, name);
    }
  });

  it('refuses what cannot be a name', () => {
    const { mesh } = surroundings();
    for (const name of ['', 'a b', 'a/b', 'a?b', 'a#b', 'a\\b', 'a\nb', 'x'.repeat(254), 42, undefined, null]) {
      assert.throws(() => mesh.service(name as string), { code: 'ERR_MESH_REQUEST' }, String(name));
    }
  });

  it('gives a fetch that does not leave its service, whatever it is given', async () => {
    const { mesh } = surroundings();
    const { fetch } = mesh.service('users');
    const outside = [
      '//evil.example/x',
      'http://evil/',
      '\\\\evil\\x',
      '/\\evil/x',
      'https://users/x',
      'http://users:81/x',
      'http://users@evil/',
      'javascript:alert(1)',
      'data:text/plain,x',
      '\t//evil/x',
      'http:\\\\evil\\x',
      '///evil/x',
      'ftp://users/x',
      new URL('http://evil/x'),
      new Request('http://evil/x'),
    ];
    for (const input of outside) {
      await assert.rejects(fetch(input), { code: 'ERR_MESH_REQUEST', message: /must stay at http:\/\/users/ }, String(input));
    }
    for (const input of [
      '/x',
      'x',
      '?x',
      '',
      '#x',
      '/x/../y',
      './/evil',
      'http://users/x',
      'HTTP://USERS:80/x',
      new URL('http://users/x'),
      new Request('http://users/x'),
    ]) {
      const response = await fetch(input);
      assert.equal(new URL(response.url).host, 'users', String(input));
    }
  });
});
