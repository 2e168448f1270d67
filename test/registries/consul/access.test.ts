import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import { type ConsulDiscoveryOptions, consulDiscovery, RegistryError } from '../../../src/registries/consul/index.js';
import { temporaryFolder } from '../../discovery/recording-sink.js';
import { follow, SocketHost } from '../../registries-unit/consul/following.js';
import { type Consul, startConsul } from '../servers/consul.js';
import { eventually } from '../servers/eventually.js';
import { registryOf } from './under-test.js';

const READ = 'service_prefix "" { policy = "read" } node_prefix "" { policy = "read" }';
const A = { id: 'a', url: 'http://10.0.0.1:80' };

describe('a Consul that denies everything by default', () => {
  let consul: Consul;
  before(async () => {
    consul = await startConsul({ acl: true });
    await registryOf(consul).put('users', A);
  });
  after(() => consul.stop());

  const watch = (test: TestContext, options: ConsulDiscoveryOptions, service?: string) =>
    follow(test, { address: consul.address, ...options }, service);
  const announce = (token: string) =>
    consulDiscovery({ address: consul.address, token }).announce?.({ service: 'mine', url: 'http://10.0.0.7:80' }, new SocketHost());

  it('is read with a token that may read services and nodes', async (test) => {
    const { sink, saidTimes } = watch(test, { token: await consul.createToken(READ) });
    await saidTimes(1);
    assert.deepEqual(sink.ids, ['a']);
  });

  for (const [whose, token, expected] of [
    [
      'nobody has a token',
      async () => undefined,
      /for want of permission: set token \(or tokenFile\) to one with service:read on "users" and node:read$/,
    ],
    [
      'the token is unknown',
      async () => 'b7d3a6a8-0000-0000-0000-000000000000',
      /answered 403 .*ACL not found\): it does not know the token/,
    ],
    [
      'the token may read keys alone',
      (consul: Consul) => consul.createToken('key "x" { policy = "read" }'),
      /: give the token service:read on "users" and node:read$/,
    ],
    [
      'the token may not read nodes',
      (consul: Consul) => consul.createToken('service_prefix "" { policy = "read" }'),
      /: give the token service:read .* and node:read$/,
    ],
  ] as const) {
    it(`gives a reason, and not an empty list, where ${whose}`, async (test) => {
      const { said, sink, saidTimes } = watch(test, { token: await token(consul) });
      await saidTimes(1);
      assert.match(said()[0] ?? '', expected);
      assert.ok(sink.said.every(({ kind, error }) => kind === 'failed' && error instanceof RegistryError));
    });
  }

  it('may have a service without instances', async (test) => {
    const { said, saidTimes } = watch(test, { token: await consul.createToken(READ) }, 'nobody');
    await saidTimes(1);
    assert.deepEqual(said(), ['snapshot']);
  });

  it('takes a new token from the file when the old one is deleted, and the list stays all the while', async (test) => {
    const tokenFile = join(temporaryFolder(test), 'token');
    const [old, next] = [await consul.createToken(READ), await consul.createToken(READ)];
    writeFileSync(tokenFile, `${old}\n`);
    const { sink, said, saidTimes } = watch(test, { tokenFile });
    await saidTimes(1);
    const { AccessorID } = (await consul.call('/v1/acl/token/self', { headers: { 'x-consul-token': old } })) as { AccessorID: string };
    await consul.call(`/v1/acl/token/${AccessorID}`, { method: 'DELETE' });
    const registry = registryOf(consul);
    await registry.put('users', { id: 'b', url: 'http://10.0.0.2:80' });
    await eventually('the token is refused', () => said().some((each) => /403|for want of permission/.test(each)));
    assert.deepEqual(sink.ids, ['a']);
    writeFileSync(tokenFile, `${next}\n`);
    await eventually('the list is current', () => sink.ids.join() === 'a,b');
    await registry.remove('users', 'b');
  });

  it('takes an announcement with a token that may write the service, and else says which permission that is', async () => {
    const lease = await announce(await consul.createToken('service "mine" { policy = "write" }'));
    assert.deepEqual(await registryOf(consul).entries('mine'), ['mine:http://10.0.0.7:80']);
    await lease?.close();
    assert.deepEqual(await registryOf(consul).entries('mine'), []);
    await assert.rejects(
      announce(await consul.createToken(READ)) ?? Promise.resolve(),
      /answered 403 .*: give the token service:write on "mine"$/,
    );
  });
});

describe('a Consul behind TLS', () => {
  let consul: Consul;
  before(async () => {
    consul = await startConsul({ tls: 'mutual' });
    await registryOf(consul).put('users', A);
  });
  after(() => consul.stop());

  it('is read by a client that knows its authority and has a certificate, and by no other', async (test) => {
    const { certificates, address } = consul;
    assert.ok(certificates);
    const { ca, client } = certificates;
    const right = follow(test, { address, tls: { ca, cert: client.cert, key: client.key } });
    const stranger = follow(test, { address, tls: { ca } });
    const trusting = follow(test, { address });
    const plain = follow(test, { address: address.replace('https:', 'http:') });
    await Promise.all([right, stranger, trusting, plain].map(({ saidTimes }) => saidTimes(1)));
    assert.deepEqual(right.sink.ids, ['a']);
    assert.match(stranger.said()[0] ?? '', /consul at https:.* could not be asked \(.*(alert|ECONNRESET|socket hang up)/i);
    assert.match(trusting.said()[0] ?? '', /could not be asked \(.*certificate/);
    assert.match(plain.said()[0] ?? '', /answered 400 .*: begin address with https:/);
  });
});
