import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { UnknownServiceError } from '../../../src/index.js';
import { until } from '../../discovery/recording-sink.js';
import { startConsul } from '../servers/consul.js';
import { entriesOf, watchDns } from './watching.js';

describe('the DNS names of a real Consul', () => {
  it('are its healthy instances, by address and by SRV records', async (test) => {
    const consul = await startConsul();
    test.after(() => consul.stop());
    const register = (id: string, Address: string, Port: number, Status = 'passing') =>
      consul.call('/v1/agent/service/register', {
        method: 'PUT',
        body: { ID: id, Name: 'users', Address, Port, Weights: { Passing: 3, Warning: 1 }, Check: { TTL: '60s', Status } },
      });
    await register('users-1', '10.0.0.1', 8001);
    await register('users-2', '10.0.0.2', 8002);
    await register('users-3', '10.0.0.3', 8003, 'critical');
    const servers = [consul.dns];
    const addresses = watchDns(test, { servers, domain: 'service.consul', port: 8080 });
    const records = watchDns(test, { servers, domain: 'service.consul', type: 'srv' });
    const unknown = watchDns(test, { servers, search: ['service.consul'] }, 'nobody');
    await until(() => addresses.sink.list.size === 2 && records.sink.list.size === 2, 'both instances');
    assert.deepEqual(addresses.sink.ids, ['http://10.0.0.1:8080', 'http://10.0.0.2:8080']);
    assert.deepEqual(entriesOf(records.sink), ['http://10.0.0.1:8001 3 1', 'http://10.0.0.2:8002 3 1']);
    await until(() => unknown.sink.said.length > 0, 'an answer');
    assert.ok(unknown.sink.last?.error instanceof UnknownServiceError || /EREFUSED/.test(String(unknown.sink.last?.error)));

    await consul.call('/v1/agent/check/fail/service:users-1', { method: 'PUT' });
    await until(() => records.sink.list.size === 1 && addresses.sink.list.size === 1, 'the one that is left');
    await consul.kill();
    await until(() => records.sink.last?.kind === 'failed', 'the failure');
    assert.deepEqual(entriesOf(records.sink), ['http://10.0.0.2:8002 3 1']);
  });
});
