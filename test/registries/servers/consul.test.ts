import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Consul, startConsul, startConsulAgent } from './consul.js';
import { eventually } from './eventually.js';
import { exchange } from './http-call.js';
import { assertProcessLife, assertStops } from './process-life.js';

async function register(consul: Consul, name: string): Promise<void> {
  await consul.call('/v1/agent/service/register', { method: 'PUT', body: { Name: name, Port: 80 } });
}

async function has(consul: Consul, name: string, query = ''): Promise<boolean> {
  return ((await consul.call(`/v1/health/service/${name}${query}`)) as readonly unknown[]).length === 1;
}

describe('a real Consul', () => {
  it('freezes, dies and comes back with its data or without', async (test) => {
    const consul = await startConsul();
    test.after(() => consul.stop());
    await assertProcessLife(consul, {
      answers: () => exchange(`${consul.address}/v1/status/leader`, { timeoutMs: 1_000 }),
      write: () => register(consul, 'a'),
      has: () => has(consul, 'a'),
    });
    await assertStops(consul);
  });

  it('denies what a token does not allow, also after it has restarted empty', async (test) => {
    const consul = await startConsul({ acl: true });
    test.after(() => consul.stop());
    await register(consul, 'open');
    await register(consul, 'closed');
    const token = await consul.createToken('service "open" { policy = "read" } node_prefix "" { policy = "read" }');
    const headers = { 'x-consul-token': token };
    await eventually('the service is in the catalogue', () => has(consul, 'open'));
    assert.deepEqual(Object.keys((await consul.call('/v1/catalog/services', { headers })) as object), ['open']);
    await consul.restart({ empty: true });
    assert.equal((await exchange(`${consul.address}/v1/catalog/services`, { headers })).status, 403);
    assert.deepEqual(Object.keys((await consul.call('/v1/catalog/services')) as object), ['consul']);
  });

  it('speaks TLS, and refuses a client without a certificate where it asks for one', async (test) => {
    const consul = await startConsul({ tls: 'mutual' });
    test.after(() => consul.stop());
    await register(consul, 'a');
    await assert.rejects(exchange(`${consul.address}/v1/status/leader`, { ca: consul.certificates?.ca ?? '' }));
  });

  it('has agents that ask it, and datacenters that know one another', async (test) => {
    const first = await startConsul();
    test.after(() => first.stop());
    const second = await startConsul({ datacenter: 'dc2', joinWan: first });
    test.after(() => second.stop());
    const agent = await startConsulAgent(first);
    test.after(() => agent.stop());
    await register(agent, 'a');
    await eventually('the server has what the agent has', () => has(first, 'a'));
    await eventually('the other datacenter finds it', () => has(second, 'a', '?dc=dc1'));
  });
});
