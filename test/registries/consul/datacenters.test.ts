import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { follow } from '../../registries-unit/consul/following.js';
import { startConsul } from '../servers/consul.js';
import { eventually } from '../servers/eventually.js';
import { registryOf } from './under-test.js';

describe('two datacenters', () => {
  it('stand in for each other while one has no instance of a service', async (test) => {
    const near = await startConsul();
    test.after(() => near.stop());
    const far = await startConsul({ datacenter: 'dc2', joinWan: near });
    test.after(() => far.stop());
    const [here, there] = [registryOf(near), registryOf(far)];
    await here.put('users', { id: 'near', url: 'http://10.0.0.1:80' });
    await there.put('users', { id: 'far', url: 'http://10.0.0.2:80' });
    const { sink, saidTimes, said } = follow(test, { address: near.address, failoverDatacenters: ['dc2'] });
    const direct = follow(test, { address: near.address, datacenter: 'dc2' });
    await Promise.all([saidTimes(1), direct.saidTimes(1)]);
    assert.deepEqual([sink.ids, direct.sink.ids], [['near'], ['far']], said().join('\n'));
    await here.remove('users', 'near');
    await eventually('the far one stands in', () => sink.ids.join() === 'far@dc2');
    const [found] = [...sink.list.values()];
    assert.equal(typeof found === 'object' && found.priority, 1);
    await there.put('users', { id: 'far-2', url: 'http://10.0.0.3:80' });
    await eventually('its changes are seen', () => sink.ids.join() === 'far-2@dc2,far@dc2');
    await here.put('users', { id: 'near', url: 'http://10.0.0.1:80' });
    await eventually('what is near is used again', () => sink.ids.join() === 'near');
  });
});
