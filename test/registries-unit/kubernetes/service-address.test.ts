import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { addressOfService } from '../../../src/registries/kubernetes/service-address.js';

describe('addressOfService', () => {
  it('reads names as cluster DNS does', () => {
    assert.deepEqual(addressOfService('users', {})?.target, { name: 'users', namespace: undefined });
    for (const name of ['users.shop', 'users.shop.svc', 'users.shop.svc.cluster.local']) {
      assert.deepEqual(addressOfService(name, {})?.target, { name: 'users', namespace: 'shop' });
    }
  });

  it('goes by what the options say about a service', () => {
    const services = { billing: { name: 'billing-v2', namespace: 'money', port: 'api' }, users: { port: 81 }, odd_name: { name: 'users' } };
    assert.deepEqual(addressOfService('billing', services), { target: { name: 'billing-v2', namespace: 'money' }, port: 'api' });
    assert.deepEqual(addressOfService('users', services), { target: { name: 'users', namespace: undefined }, port: 81 });
    assert.equal(addressOfService('odd_name', services)?.target.name, 'users');
  });

  it('knows what no service can be called', () => {
    for (const name of [
      'Users',
      'a_b',
      'a b',
      '',
      'users.',
      'users.shop.pod',
      '-a',
      'a'.repeat(64),
      'users,x',
      '__proto__',
      'constructor.x_',
    ]) {
      assert.equal(addressOfService(name, {}), undefined, name);
    }
  });
});
