import assert from 'node:assert/strict';
import { after, before, describe, it, type TestContext } from 'node:test';
import { createMesh } from '../../../src/index.js';
import { type ConsulDiscoveryOptions, consulDiscovery } from '../../../src/registries/consul/index.js';
import { follow } from '../../registries-unit/consul/following.js';
import { type Consul, startConsul } from '../servers/consul.js';
import { eventually } from '../servers/eventually.js';
import type { RegistryUnderTest } from '../support/registry-under-test.js';
import { registryOf, setCheck } from './under-test.js';

describe('a service in Consul', () => {
  let consul: Consul;
  let registry: RegistryUnderTest;
  before(async () => {
    consul = await startConsul();
    registry = registryOf(consul);
  });
  after(() => consul.stop());

  const watch = (test: TestContext, service: string, options: ConsulDiscoveryOptions = {}) =>
    follow(test, { address: consul.address, ...options }, service);

  it('is known at once, and its changes as they happen', async (test) => {
    await registry.put('live', { id: 'a', url: 'https://10.0.0.1:8080/api', weight: 3, zone: 'eu-1a', metadata: { version: '2' } });
    const { sink, said, saidTimes } = watch(test, 'live');
    await saidTimes(1);
    assert.deepEqual(
      [...sink.list.values()],
      [{ id: 'a', url: 'https://10.0.0.1:8080/api', weight: 3, zone: 'eu-1a', priority: 0, metadata: { version: '2' } }],
    );
    await registry.put('live', { id: 'b', url: 'http://[fd00::1]:80' });
    await eventually('b is there', () => sink.ids.join() === 'a,b');
    await registry.put('live', { id: 'a', url: 'http://10.0.0.9:1', weight: 1 });
    await eventually('a has moved', () => JSON.stringify(sink.list.get('a')).includes('10.0.0.9'));
    await registry.remove('live', 'a');
    await eventually('a is gone', () => sink.ids.join() === 'b');
    assert.deepEqual(said(), ['snapshot', 'patch +1 -0', 'patch +1 -0', 'patch +0 -1']);
  });

  it('has the instances that pass; or those with a warning too, by their lower weight', async (test) => {
    for (const id of ['good', 'poor', 'dead']) await registry.put('health', { id, url: `http://10.0.0.1/${id}`, weight: 8 });
    const passing = watch(test, 'health');
    const warning = watch(test, 'health', { health: 'warning' });
    await Promise.all([passing.saidTimes(1), warning.saidTimes(1)]);
    assert.equal(passing.sink.list.size, 3);
    await setCheck(consul, 'health', 'poor', 'warning');
    await setCheck(consul, 'health', 'dead', 'critical');
    await eventually('the sick are gone', () => passing.sink.ids.join() === 'good' && warning.sink.ids.join() === 'good,poor');
    const weights = Array.from(warning.sink.list.values(), (each) => typeof each === 'object' && [each.id, each.weight]);
    assert.deepEqual(new Map(weights as [string, number][]), new Map(Object.entries({ good: 8, poor: 1 })));
    await setCheck(consul, 'health', 'dead', 'passing');
    await eventually('it has recovered', () => passing.sink.ids.join() === 'dead,good');
  });

  it('is narrowed down by Consul itself, in every way that the options have', async (test) => {
    await registry.put('narrow', { id: 'old', url: 'http://10.0.0.1:80', metadata: { version: '1' } });
    await registry.put('narrow', { id: 'new', url: 'http://10.0.0.2:81', metadata: { version: '2' } });
    await consul.call('/v1/agent/service/register', {
      method: 'PUT',
      body: { ID: 'tagged', Name: 'narrow', Address: '10.0.0.3', Port: 82, Tags: ['blue', 'eu'] },
    });
    const ways: [ConsulDiscoveryOptions, string][] = [
      [{ serviceMeta: { version: '2' } }, 'new'],
      [{ filter: 'Service.Port == 80' }, 'old'],
      [{ filter: 'Service.Port == 80 or Service.Port == 81', serviceMeta: { version: '2' } }, 'new'],
      [{ tags: ['eu', 'blue'] }, 'tagged'],
      [{ tags: ['eu', 'red'] }, ''],
      [{ nodeMeta: { rack: 'none' } }, ''],
      [{ near: '_agent', consistency: 'stale' }, 'new,old,tagged'],
      [{ consistency: 'consistent', datacenter: 'dc1' }, 'new,old,tagged'],
    ];
    await Promise.all(
      ways.map(async ([options, expected]) => {
        const { sink, saidTimes, said } = watch(test, 'narrow', options);
        await saidTimes(1);
        assert.deepEqual([said(), sink.ids.join()], [['snapshot'], expected], JSON.stringify(options));
      }),
    );
  });

  it('says what is wrong with a filter or a datacenter that Consul does not take', async (test) => {
    const wrong = watch(test, 'narrow', { filter: 'Service.Port =' });
    const lost = watch(test, 'narrow', { datacenter: 'atlantis' });
    const namespaced = watch(test, 'narrow', { namespace: 'team' });
    await Promise.all([wrong.saidTimes(1), lost.saidTimes(1), namespaced.saidTimes(1)]);
    assert.match(wrong.said()[0] ?? '', /answered (400|500) .*: correct filter$/);
    assert.match(lost.said()[0] ?? '', /answered 500 .*No path to datacenter\): correct datacenter/);
    assert.match(namespaced.said()[0] ?? '', /answered 400 .*Enterprise.*: leave namespace and partition out$/);
  });

  it('goes on with what is good in it, whatever else somebody enters', async () => {
    await registry.put('hostile', { id: 'good', url: 'http://10.0.0.1:80', metadata: { note: '<script>alert(1)</script>' } });
    const mesh = createMesh({ discovery: consulDiscovery({ address: consul.address }) });
    const skipped: string[] = [];
    mesh.on('instanceSkipped', ({ entry, reason }) => skipped.push(`${entry}: ${reason}`));
    try {
      await mesh.ready(['hostile']);
      const broken = await registry.putBroken('hostile');
      await eventually('all of them were reported', () => skipped.length >= broken);
      assert.equal(skipped.length, broken, skipped.join('\n'));
      for (const name of ['no-port', 'minus-port', '169.254.169.254', 'no-host', 'script', 'broken-json']) {
        assert.ok(
          skipped.some((each) => each.includes(name)),
          `${name} in ${skipped.join('\n')}`,
        );
      }
      await registry.put('hostile', { id: 'another', url: 'http://10.0.0.2:80' });
      await eventually('the list goes on', () => mesh.inspect().services.hostile?.endpoints.length === 2);
      assert.equal(skipped.length, broken, 'once each');
    } finally {
      await mesh.close();
    }
  });

  it('costs no request while nothing changes, though other services do', async (test) => {
    await registry.put('calm', { id: 'a', url: 'http://10.0.0.1:80' });
    const { said, saidTimes } = watch(test, 'calm');
    await saidTimes(1);
    for (let i = 0; i < 20; i++) await registry.put('restless', { id: `r${i}`, url: `http://10.0.0.1:${1000 + i}` });
    await registry.put('calm', { id: 'b', url: 'http://10.0.0.2:80' });
    await eventually('the change is seen', () => said().includes('patch +1 -0'));
    assert.deepEqual(said(), ['snapshot', 'patch +1 -0']);
  });
});
