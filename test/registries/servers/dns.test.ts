import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { startBind } from './bind.js';
import { resolverOf } from './dns-question.js';
import { startDnsmasq } from './dnsmasq.js';
import { assertProcessLife, assertStops } from './process-life.js';

async function has(address: string, name: string): Promise<boolean> {
  try {
    return (await resolverOf(address).resolve4(name)).length > 0;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOTFOUND') return false;
    throw error;
  }
}

describe('a real BIND', () => {
  it('freezes, dies and comes back with its data or without', async (test) => {
    const bind = await startBind({ zones: { test: '' } });
    test.after(() => bind.stop());
    await assertProcessLife(bind, {
      answers: () => resolverOf(bind.address).resolveSoa('test'),
      write: () => bind.setZone('test', 'a 0 A 127.0.0.2'),
      has: () => has(bind.address, 'a.test'),
    });
    await assertStops(bind);
  });

  it('tells a name that does not exist from a zone that it cannot load, and changes what it serves', async (test) => {
    const many = Array.from({ length: 90 }, (_, index) => `many 0 A 127.0.1.${index}`).join('\n');
    const bind = await startBind({
      zones: { test: `a 7 A 127.0.0.2\n_http._tcp.a 7 SRV 1 2 8080 a\n${many}` },
      brokenZones: ['broken'],
      settings: 'max-udp-size 512;',
    });
    test.after(() => bind.stop());
    const resolver = resolverOf(bind.address);
    assert.deepEqual(await resolver.resolve4('a.test', { ttl: true }), [{ address: '127.0.0.2', ttl: 7 }]);
    assert.deepEqual(await resolver.resolveSrv('_http._tcp.a.test'), [{ priority: 1, weight: 2, port: 8080, name: 'a.test' }]);
    assert.equal((await resolver.resolve4('many.test')).length, 90);
    await assert.rejects(resolver.resolve4('b.test'), { code: 'ENOTFOUND' });
    await assert.rejects(resolver.resolve4('a.broken'), { code: 'ESERVFAIL' });
    await assert.rejects(resolver.resolve4('a.elsewhere'), { code: 'EREFUSED' });

    await bind.setZone('test', 'a 0 A 127.0.0.3');
    assert.deepEqual(await resolver.resolve4('a.test', { ttl: true }), [{ address: '127.0.0.3', ttl: 0 }]);
    await bind.setZone('broken', 'a A 127.0.0.4');
    assert.deepEqual(await resolver.resolve4('a.broken'), ['127.0.0.4']);
  });
});

describe('a real dnsmasq', () => {
  it('freezes, dies and comes back with its data or without', async (test) => {
    const dnsmasq = await startDnsmasq({ domains: ['test'] });
    test.after(() => dnsmasq.stop());
    await assertProcessLife(dnsmasq, {
      answers: () => has(dnsmasq.address, 'a.test'),
      write: () => dnsmasq.setHosts({ 'a.test': ['127.0.0.2'] }),
      has: () => has(dnsmasq.address, 'a.test'),
    });
    await assertStops(dnsmasq);
  });

  it('serves hosts and services, and asks another server for the rest', async (test) => {
    const bind = await startBind({ zones: { other: 'b 9 A 127.0.0.3' } });
    test.after(() => bind.stop());
    const dnsmasq = await startDnsmasq({
      hosts: { 'a.test': ['127.0.0.2', '::1'] },
      ttlSeconds: 5,
      forwardTo: bind.address,
      settings: ['srv-host=_http._tcp.a.test,a.test,8080,1,2'],
    });
    test.after(() => dnsmasq.stop());
    const resolver = resolverOf(dnsmasq.address);
    assert.deepEqual(await resolver.resolve4('a.test', { ttl: true }), [{ address: '127.0.0.2', ttl: 5 }]);
    assert.deepEqual(await resolver.resolve6('a.test'), ['::1']);
    assert.deepEqual(await resolver.resolveSrv('_http._tcp.a.test'), [{ priority: 1, weight: 2, port: 8080, name: 'a.test' }]);
    assert.deepEqual(await resolver.resolve4('b.other'), ['127.0.0.3']);
    await dnsmasq.setHosts({ 'a.test': ['127.0.0.9'] });
    assert.deepEqual(await resolver.resolve4('a.test'), ['127.0.0.9']);
  });
});
