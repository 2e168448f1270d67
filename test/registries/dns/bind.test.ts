import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { createMesh, dnsDiscovery, UnknownServiceError } from '../../../src/index.js';
import { mockTransport } from '../../../src/testing/index.js';
import { temporaryFolder, until } from '../../discovery/recording-sink.js';
import { type Bind, startBind } from '../servers/bind.js';
import { claimPorts, releasePorts } from '../servers/free-ports.js';
import { entriesOf, watchDns } from './watching.js';

const many = Array.from({ length: 300 }, (_, index) => `many A 10.1.${Math.floor(index / 250)}.${1 + (index % 250)}`).join('\n');
const manySrv = Array.from({ length: 60 }, (_, index) => `_http._tcp.many SRV 0 1 ${8_000 + index} h${index % 5}`).join('\n');
const hosts = Array.from({ length: 5 }, (_, index) => `h${index} A 10.2.0.${index + 1}`).join('\n');
const RECORDS = `users 60 A 10.0.0.1\nusers 60 A 10.0.0.2\nusers 60 AAAA 2001:db8::1\nonlytext TXT "no address"\n${many}\n${manySrv}\n${hosts}`;
/** What Kubernetes' DNS has for a headless Service with two pods, one of which is in another namespace's Service of that name. */
const CLUSTER = [
  'users.default.svc 5 A 10.8.0.1',
  'users.default.svc 5 A 10.8.0.2',
  '_http._tcp.users.default.svc 5 SRV 0 50 8080 10-8-0-1.users.default.svc',
  '_http._tcp.users.default.svc 5 SRV 0 50 8080 10-8-0-2.users.default.svc',
  '10-8-0-1.users.default.svc 5 A 10.8.0.1',
  '10-8-0-2.users.default.svc 5 A 10.8.0.2',
  'users.other.svc 5 A 10.9.0.1',
].join('\n');

describe('DNS from a real BIND', { concurrency: true }, () => {
  let bind: Bind;
  before(async () => {
    bind = await startBind({
      zones: {
        test: RECORDS,
        changing: 'users 1 A 10.0.0.1',
        zero: 'users 0 A 10.0.0.1',
        services: '_http._tcp.users 3600 SRV 1 10 8001 a\n_http._tcp.users 3600 SRV 2 20 8002 b\na 1 A 10.0.0.1\nb 3600 A 10.0.0.2',
        hostile: '@ SRV 0 1 80 good\n@ SRV 0 1 80 cloud\n@ SRV 0 1 80 nobody\n@ SRV 0 1 0 good\ngood A 10.0.0.1\ncloud A 169.254.169.254',
        nothing: '_http._tcp.users SRV 0 0 0 .',
        'cluster.local': CLUSTER,
      },
      brokenZones: ['broken'],
      settings: 'max-udp-size 512; max-records-per-type 0; rrset-order { order random; };',
    });
  });
  after(() => bind.stop());
  const servers = () => [bind.address];

  it('is A and AAAA records', async (test) => {
    const { sink } = watchDns(test, { servers: servers(), domain: 'test', port: 8080 });
    await until(() => sink.said.length > 0, 'the list');
    assert.deepEqual(sink.ids, ['http://10.0.0.1:8080', 'http://10.0.0.2:8080', 'http://[2001:db8::1]:8080']);
  });

  it('is SRV records, with the ports, priorities and weights', async (test) => {
    const { sink } = watchDns(test, { servers: servers(), services: { users: { name: '_http._tcp.users.services', type: 'srv' } } });
    await until(() => sink.said.length > 0, 'the list');
    assert.deepEqual(entriesOf(sink), ['http://10.0.0.1:8001 10 1', 'http://10.0.0.2:8002 20 2']);
    // The records live for an hour, but one of their targets for a second.
    await until(() => sink.said.length > 1, 'the next list');
    const [first = 0, second = 0] = sink.listsAtMs;
    assert.ok(second - first >= 800, `${second - first} ms between two lists`);
  });

  it('comes over TCP where it does not fit into a datagram', async (test) => {
    const { sink } = watchDns(test, { servers: servers(), domain: 'test' }, 'many');
    await until(() => sink.said.length > 0, 'the list');
    assert.equal(sink.list.size, 300);
    const srv = watchDns(test, { servers: servers(), services: { many: { name: '_http._tcp.many.test', type: 'srv' } } }, 'many');
    await until(() => srv.sink.said.length > 0, 'the list');
    assert.equal(srv.sink.list.size, 60);
  });

  it('is asked for no more often than the least time of the options, where its TTL is 0', async (test) => {
    const { sink } = watchDns(test, { servers: servers(), domain: 'zero', minTtlMs: 300 });
    await until(() => sink.listsAtMs.length >= 5, 'five lists');
    const waits = sink.listsAtMs.slice(1).map((atMs, index) => atMs - (sink.listsAtMs[index] ?? 0));
    assert.ok(Math.min(...waits) >= 240, `${waits.map(Math.round)} ms between the lists`);
  });

  it('is asked for at the pace of a TTL that changes', async (test) => {
    const { sink } = watchDns(test, { servers: servers(), domain: 'changing' });
    await until(() => sink.said.length >= 3, 'lists every second');
    await bind.setZone('changing', 'users 3600 A 10.0.0.2');
    await until(() => sink.ids[0] === 'http://10.0.0.2:80', 'the new address');
    const { length } = sink.said;
    await delay(2_500);
    assert.equal(sink.said.length, length, 'now it is good for an hour, cut to a minute');
  });

  it('that does not know a name is told from one that cannot say', async (test) => {
    const unknown = watchDns(test, { servers: servers(), domain: 'test' }, 'nobody');
    const noAddress = watchDns(test, { servers: servers(), domain: 'test' }, 'onlytext');
    const broken = watchDns(test, { servers: servers(), domain: 'broken' });
    const refused = watchDns(test, { servers: servers(), domain: 'elsewhere' });
    const decidedlyNot = watchDns(test, { servers: servers(), services: { users: { name: '_http._tcp.users.nothing', type: 'srv' } } });
    for (const { sink } of [unknown, noAddress, broken, refused, decidedlyNot]) await until(() => sink.said.length > 0, 'an answer');
    assert.ok(unknown.sink.said[0]?.error instanceof UnknownServiceError);
    assert.ok(noAddress.sink.said[0]?.error instanceof UnknownServiceError);
    assert.match(String(broken.sink.said[0]?.error), /ESERVFAIL/);
    assert.match(String(refused.sink.said[0]?.error), /EREFUSED/);
    assert.equal(decidedlyNot.sink.said[0]?.kind, 'snapshot', 'a target of "." is a service without instances');
    assert.equal(decidedlyNot.sink.list.size, 0);
  });

  it('is the same list in whatever order the records come', async (test) => {
    const discovery = dnsDiscovery({ servers: servers(), domain: 'test', minTtlMs: 100, maxTtlMs: 100 });
    const mesh = createMesh({ discovery, transport: mockTransport() });
    test.after(() => mesh.close());
    const changes: string[] = [];
    mesh.on('endpointRemoved', ({ endpoint }) => changes.push(`-${endpoint}`));
    await mesh.ready(['many'], { minEndpoints: 300 });
    mesh.on('endpointAdded', ({ endpoint }) => changes.push(`+${endpoint}`));
    const resolver = watchDns(test, { servers: servers(), domain: 'test', minTtlMs: 100, maxTtlMs: 100 }, 'many');
    const orders = new Set<string>();
    await until(() => {
      orders.add([...resolver.sink.list.keys()].join());
      return orders.size > 3;
    }, 'several orders');
    assert.deepEqual(changes, []);
  });

  it('reports records that lead nowhere, or where nobody may be sent, and keeps the good ones', async (test) => {
    const mesh = createMesh({
      discovery: dnsDiscovery({ servers: servers(), services: { users: { name: 'hostile', type: 'srv' } } }),
      transport: mockTransport(),
    });
    test.after(() => mesh.close());
    const skipped: string[] = [];
    mesh.on('instanceSkipped', ({ entry }) => skipped.push(entry));
    await mesh.ready(['users']);
    assert.deepEqual(
      mesh.inspect().services.users?.endpoints.map(({ origin }) => origin),
      ['http://10.0.0.1:80'],
    );
    assert.deepEqual(skipped.sort(), ['http://10.0.0.1:0', 'http://169.254.169.254:80', 'nobody.hostile:80']);
  });

  it('is searched as in a pod of Kubernetes, with the rules of its resolv.conf', async (test) => {
    const path = join(temporaryFolder(test), 'resolv.conf');
    writeFileSync(path, 'search default.svc.cluster.local svc.cluster.local cluster.local\nnameserver 192.0.2.1\noptions ndots:5\n');
    const options = { servers: servers(), resolvConf: path };
    const own = watchDns(test, options);
    const other = watchDns(test, options, 'users.other');
    const whole = watchDns(test, options, 'users.default.svc.cluster.local.');
    const services = { users: { name: '_http._tcp.users', type: 'srv' } as const };
    const ports = watchDns(test, { ...options, services });
    for (const { sink } of [own, other, whole, ports]) await until(() => sink.said.length > 0, 'an answer');
    assert.deepEqual(own.sink.ids, ['http://10.8.0.1:80', 'http://10.8.0.2:80']);
    assert.deepEqual(whole.sink.ids, own.sink.ids);
    assert.deepEqual(other.sink.ids, ['http://10.9.0.1:80']);
    assert.deepEqual(entriesOf(ports.sink), ['http://10.8.0.1:8080 50 0', 'http://10.8.0.2:8080 50 0']);
  });

  it('is asked of the second server where the first is not there', async (test) => {
    const [deadPort = 0] = await claimPorts(1);
    test.after(() => releasePorts([deadPort]));
    const { sink } = watchDns(test, { servers: [`127.0.0.1:${deadPort}`, bind.address], domain: 'test' });
    await until(() => sink.said.length > 0, 'an answer');
    assert.equal(sink.list.size, 3);
  });
});

describe('a real BIND that goes away', { concurrency: true }, () => {
  const zones = { test: 'users 0 A 10.0.0.1' };

  it('leaves the list as it was while it is killed, and is asked again when it is back', async (test) => {
    const bind = await startBind({ zones });
    test.after(() => bind.stop());
    const { sink } = watchDns(test, { servers: [bind.address], domain: 'test' });
    await until(() => sink.said.length > 0, 'the list');
    await bind.kill();
    await until(() => sink.last?.kind === 'failed', 'the failure');
    assert.ok(!(sink.last?.error instanceof UnknownServiceError));
    assert.deepEqual(sink.ids, ['http://10.0.0.1:80']);
    await bind.restart();
    await until(() => sink.last?.kind === 'snapshot', 'the list again');
  });

  it('does the same while it is frozen, and another server takes its place', async (test) => {
    const [bind, second] = await Promise.all([startBind({ zones }), startBind({ zones: { test: 'users 0 A 10.0.0.2' } })]);
    test.after(() => Promise.all([bind.stop(), second.stop()]));
    const alone = watchDns(test, { servers: [bind.address], domain: 'test', timeoutMs: 300 });
    const both = watchDns(test, { servers: [bind.address, second.address], domain: 'test', timeoutMs: 300 });
    for (const { sink } of [alone, both]) await until(() => sink.ids[0] === 'http://10.0.0.1:80', 'the list');
    bind.freeze();
    await until(() => alone.sink.last?.kind === 'failed', 'the failure');
    assert.deepEqual(alone.sink.ids, ['http://10.0.0.1:80']);
    await until(() => both.sink.ids[0] === 'http://10.0.0.2:80', 'the list of the second server');
    bind.thaw();
    await until(() => alone.sink.last?.kind === 'snapshot', 'the list again');
  });
});
