import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { until } from '../../discovery/recording-sink.js';
import { base64, type Etcd, startEtcd } from '../servers/etcd.js';
import { failuresOf, snapshotsOf, sourceInTest } from './source-in-test.js';

/** An etcd with a user `reader` that may read `services/`, and a user `stranger` that may do nothing. */
async function etcdWithUsers(test: TestContext, flags: readonly string[] = []): Promise<Etcd> {
  const etcd = await startEtcd({ auth: { rootPassword: 'root-secret' }, flags });
  test.after(() => etcd.stop());
  for (const name of ['reader', 'stranger']) await etcd.call('auth/user/add', { name, password: `${name}-secret` });
  await etcd.call('auth/role/add', { name: 'finder' });
  await etcd.call('auth/role/grant', {
    name: 'finder',
    perm: { permType: 'READ', key: base64('services/'), range_end: base64('services0') },
  });
  await etcd.call('auth/user/grant', { user: 'reader', role: 'finder' });
  return etcd;
}

const put = (etcd: Etcd, id: string) =>
  etcd.call('kv/put', { key: base64(`services/users/${id}`), value: base64('{"Addr":"10.0.0.1:80"}') });

describe('an etcd that wants to know who asks', () => {
  it('is followed beyond the end of each token', async (test) => {
    const etcd = await etcdWithUsers(test, ['--auth-token-ttl=1']);
    await put(etcd, 'a');
    const source = sourceInTest(test, { endpoints: etcd.endpoints, username: 'reader', password: 'reader-secret', livenessMs: 2_500 });
    const sink = source.watch('users');
    await until(() => sink.list.size === 1, 'the list');
    // A token ends one second after its last use; etcd forgets it within the next.
    const startedMs = performance.now();
    await until(() => performance.now() - startedMs > 3_500, 'an expired token, and a sign of life asked for with it');
    await put(etcd, 'b');
    await until(() => sink.list.size === 2, 'the change');
    const other = source.watch('users');
    await until(() => other.list.size === 2, 'a second list, with a new token');
    // All tokens are forgotten with the process, and the connections end.
    await etcd.restart();
    await put(etcd, 'c');
    await until(() => sink.list.size === 3, 'the change after a restart');
    assert.equal(snapshotsOf(sink), 1);
    assert.deepEqual(
      failuresOf(sink).filter((message) => message.includes('auth')),
      [],
    );
  });

  it('says who has the wrong password, who has no permission and for what, and who did not say his name', async (test) => {
    const etcd = await etcdWithUsers(test);
    const { endpoints } = etcd;
    const failure = async (username?: string, password?: string) => {
      const sink = sourceInTest(test, { endpoints, username, password }).watch('users');
      await until(() => sink.said.length > 0, 'an outcome');
      return failuresOf(sink)[0] ?? '';
    };
    const at = `etcd at ${etcd.server.address} answered`;
    assert.equal(
      await failure('stranger', 'stranger-secret'),
      `${at} 403 to POST /v3/kv/range (etcdserver: permission denied): the user 'stranger' needs a role that may read 'services/users/' (etcdctl role grant-permission ROLE read --prefix 'services/users/')`,
    );
    assert.equal(
      await failure('reader', 'wrong'),
      `${at} 400 to POST /v3/auth/authenticate (etcdserver: authentication failed, invalid user ID or password): check username and password`,
    );
    assert.equal(
      await failure(),
      `${at} 400 to POST /v3/kv/range (etcdserver: user name is empty): it wants authentication: set username and password`,
    );
    const { discovery, host } = sourceInTest(test, { endpoints, username: 'reader', password: 'reader-secret' });
    await assert.rejects(
      async () => discovery.announce?.({ service: 'users', url: 'http://10.0.0.1:80' }, host),
      /needs a role that may read and write 'services\/users\/' \(etcdctl role grant-permission ROLE readwrite --prefix 'services\/users\/'\)$/,
    );
  });

  it('is announced to by a user who may write', async (test) => {
    const etcd = await etcdWithUsers(test, ['--auth-token-ttl=1']);
    await etcd.call('auth/role/grant', {
      name: 'finder',
      perm: { permType: 'READWRITE', key: base64('services/users/'), range_end: base64('services/users0') },
    });
    const source = sourceInTest(test, { endpoints: etcd.endpoints, username: 'reader', password: 'reader-secret', leaseMs: 6_000 });
    const sink = source.watch('users');
    const lease = await source.discovery.announce?.({ service: 'users', url: 'http://10.0.0.1:80', id: 'a' }, source.host);
    await until(() => sink.list.has('a'), 'the instance');
    const startedMs = performance.now();
    await until(() => performance.now() - startedMs > 3_000, 'a renewal after the end of the token');
    assert.deepEqual(source.host.announcements, []);
    await lease?.close();
    await until(() => sink.list.size === 0, 'its end');
  });

  it('is no other than one without users, for a source that has a user', async (test) => {
    const etcd = await startEtcd();
    test.after(() => etcd.stop());
    await put(etcd, 'a');
    const sink = sourceInTest(test, { endpoints: etcd.endpoints, username: 'reader', password: 'x' }).watch('users');
    await until(() => sink.list.size === 1, 'the list');
  });
});

describe('an etcd behind TLS', () => {
  it('is asked with a certificate where it wants one, and named in the error where that is missing', async (test) => {
    const etcd = await startEtcd({ tls: 'mutual' });
    test.after(() => etcd.stop());
    await put(etcd, 'a');
    const { endpoints, certificates } = etcd;
    assert.ok(certificates);
    const { ca, client } = certificates;
    const sink = sourceInTest(test, { endpoints, tls: { ca, cert: client.cert, key: client.key } }).watch('users');
    await until(() => sink.list.size === 1, 'the list');
    await put(etcd, 'b');
    await until(() => sink.list.size === 2, 'the change');
    const failure = async (address: readonly string[], tls?: { readonly ca: string }) => {
      const failing = sourceInTest(test, { endpoints: address, tls }).watch('users');
      await until(() => failing.said.length > 0, 'an outcome');
      return failuresOf(failing)[0] ?? '';
    };
    assert.match(await failure(endpoints), /^etcd at https:\S+ could not be asked \(.*certificate/);
    assert.match(
      await failure(endpoints, { ca }),
      /^etcd at https:\S+ could not be asked \(.*(certificate|alert|ECONNRESET|socket hang up)/i,
    );
    assert.match(
      await failure(endpoints.map((address) => address.replace('https:', 'http:'))),
      /^etcd at http:\S+ could not be asked \(.*\): check endpoints, and tls where they begin with https:\/\/$/,
    );
  });
});
