import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server, type ServerOptions } from 'node:https';
import type { AddressInfo } from 'node:net';
import { after, describe, it } from 'node:test';
import { createMesh, type Mesh, MeshError, type ServiceOptions, standard, staticDiscovery } from '../../src/index.js';
import { TEST_ONLY_CA, TEST_ONLY_CLIENT, TEST_ONLY_LOOPBACK, TEST_ONLY_USERS } from '../support/tls/test-only-certificates.js';

const started: { close(): Promise<unknown> }[] = [];
after(async () => {
  for (const each of started.reverse()) await each.close();
});

/** An https server that tells what it was asked: the Host header, the name of SNI, the client's certificate. */
async function tlsServer(options: ServerOptions): Promise<{ url: string; requests: () => number }> {
  let requests = 0;
  const server: Server = createServer(options, (request, response) => {
    requests++;
    const socket = request.socket as import('node:tls').TLSSocket & { servername?: string | false };
    const client = socket.getPeerCertificate().subject?.CN;
    response.end(JSON.stringify({ host: request.headers.host, sni: socket.servername, client, authorized: socket.authorized }));
  });
  server.on('tlsClientError', () => {});
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  started.push({
    async close() {
      server.closeAllConnections();
      server.close();
    },
  });
  return { url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`, requests: () => requests };
}

function meshOf(url: string, options: ServiceOptions): Mesh {
  const mesh = createMesh({ discovery: staticDiscovery({ users: [url] }), defaults: { policies: standard({ retry: false }), ...options } });
  started.push({ close: () => mesh.close() });
  return mesh;
}

async function refused(mesh: Mesh, init: RequestInit, pattern: RegExp): Promise<void> {
  await assert.rejects(mesh.fetch('http://users/', init), (error: MeshError) => {
    assert.ok(error instanceof MeshError);
    assert.equal(error.code, 'ERR_MESH_CONNECT');
    assert.match(error.message, pattern);
    return true;
  });
}

describe('an https endpoint', () => {
  it('is asked for, and must prove, the name of the service, also where the URL says http', async () => {
    const { url } = await tlsServer(TEST_ONLY_USERS);
    const mesh = meshOf(url, { tls: { ca: TEST_ONLY_CA } });
    for (const prefix of ['http://users', 'https://users']) {
      const response = await mesh.fetch(`${prefix}/`);
      const { host, sni } = (await response.json()) as { host: string; sni: string };
      assert.equal(host, 'users');
      assert.equal(sni, 'users');
    }
  });

  it("is asked for its own address under host: 'endpoint'", async () => {
    const { url } = await tlsServer(TEST_ONLY_LOOPBACK);
    const mesh = meshOf(url, { tls: { ca: TEST_ONLY_CA }, host: 'endpoint' });
    const response = await mesh.fetch('http://users/');
    const { host, sni } = (await response.json()) as { host: string; sni: string | false };
    assert.equal(host, url.slice('https://'.length));
    // An address is no name for SNI (RFC 6066 section 3); the certificate was checked against it all the same.
    assert.equal(sni || '', '');
  });

  it('may be asked for another name with tls.servername', async () => {
    const { url } = await tlsServer(TEST_ONLY_LOOPBACK);
    const mesh = meshOf(url, { tls: { ca: TEST_ONLY_CA, servername: 'localhost' } });
    const response = await mesh.fetch('http://users/');
    const { host, sni } = (await response.json()) as { host: string; sni: string };
    assert.equal(host, 'users');
    assert.equal(sni, 'localhost');
  });

  it('with a certificate for another name gets nothing, not even a POST to be unsure about', async () => {
    const { url, requests } = await tlsServer(TEST_ONLY_LOOPBACK);
    const mesh = meshOf(url, { tls: { ca: TEST_ONLY_CA } });
    await refused(mesh, { method: 'POST', body: 'secret' }, /cannot connect to https:\/\/127\.0\.0\.1:\d+: .*users/);
    assert.equal(requests(), 0);
    const other = meshOf((await tlsServer(TEST_ONLY_USERS)).url, { tls: { ca: TEST_ONLY_CA }, host: 'endpoint' });
    await refused(other, {}, /127\.0\.0\.1/);
  });

  it('with a certificate that nobody vouches for is not trusted', async () => {
    const { url, requests } = await tlsServer(TEST_ONLY_USERS);
    await refused(meshOf(url, {}), {}, /certificate/);
    assert.equal(requests(), 0);
    const trusting = meshOf(url, { tls: { rejectUnauthorized: false } });
    assert.equal((await trusting.fetch('http://users/')).status, 200);
  });

  it('gets a certificate of the client where it asks for one', async () => {
    const { url } = await tlsServer({ ...TEST_ONLY_USERS, ca: TEST_ONLY_CA, requestCert: true, rejectUnauthorized: true });
    const mesh = meshOf(url, { tls: { ca: TEST_ONLY_CA, ...TEST_ONLY_CLIENT } });
    const { client, authorized } = (await (await mesh.fetch('http://users/')).json()) as { client: string; authorized: boolean };
    assert.equal(authorized, true);
    assert.match(client, /client/);
  });

  it('that a certificate keeps from being used is passed over: a POST goes to another one', async () => {
    const [bad, good] = [await tlsServer(TEST_ONLY_LOOPBACK), await tlsServer(TEST_ONLY_USERS)];
    const mesh = createMesh({ discovery: staticDiscovery({ users: [bad.url, good.url] }), defaults: { tls: { ca: TEST_ONLY_CA } } });
    started.push({ close: () => mesh.close() });
    for (let i = 0; i < 6; i++) assert.equal((await mesh.fetch('http://users/', { method: 'POST', body: 'x' })).status, 200);
    assert.equal(good.requests(), 6);
    assert.equal(bad.requests(), 0);
  });
});
