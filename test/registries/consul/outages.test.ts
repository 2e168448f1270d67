import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { systemRandom } from '../../../src/core/random.js';
import type { EndpointSetState } from '../../../src/discovery/endpoint-set.js';
import { createMesh } from '../../../src/index.js';
import { consulDiscovery } from '../../../src/registries/consul/index.js';
import { follow, SocketHost } from '../../registries-unit/consul/following.js';
import { startConsul, startConsulAgent } from '../servers/consul.js';
import { eventually } from '../servers/eventually.js';
import { registryOf } from './under-test.js';

const A = { id: 'a', url: 'http://10.0.0.1:80' };
const B = { id: 'b', url: 'http://10.0.0.2:80' };
/** From the first connection that succeeds to a list that is current; and what a busy machine adds. */
const CURRENT_WITHIN_MS = 2_000;

describe('Consul in trouble', { concurrency: true }, () => {
  it('was killed and comes back with its data: the list stays, and is current soon after', async (test) => {
    const consul = await startConsul();
    test.after(() => consul.stop());
    const registry = registryOf(consul);
    await registry.put('users', A);
    const { sink, said, saidTimes } = follow(test, { address: consul.address }, 'users', new SocketHost(systemRandom));
    await saidTimes(1);
    await consul.kill();
    await eventually('the outage is noticed', () => sink.last?.kind === 'failed');
    assert.deepEqual(sink.ids, ['a']);
    await consul.restart();
    await registry.put('users', B);
    await eventually('the list is current', () => sink.ids.join() === 'a,b');
    assert.ok(said().every((each) => each !== 'patch +0 -1'));
  });

  it('comes back with nothing, at an index that is lower: nobody is left without instances', async (test) => {
    const consul = await startConsul();
    test.after(() => consul.stop());
    const registry = registryOf(consul);
    for (let i = 0; i < 5; i++) await registry.put('users', { id: `i${i}`, url: `http://10.0.0.${i}:80` });
    const mesh = createMesh({ discovery: consulDiscovery({ address: consul.address }), cache: { holdMs: 3_600_000 } });
    test.after(() => mesh.close());
    const state = () => mesh.inspect().services.users?.discovery as EndpointSetState | undefined;
    await mesh.ready(['users'], { minEndpoints: 5 });
    await consul.restart({ empty: true });
    await eventually('the empty list is held back', () => state()?.held?.to === 0);
    assert.equal(state()?.endpoints, 5);
    assert.equal(state()?.staleSinceMs, undefined);
    await registry.put('users', { id: 'i0', url: 'http://10.0.0.0:80' });
    await registry.put('users', { id: 'i9', url: 'http://10.0.0.9:80' });
    await eventually('what is entered again counts', () => state()?.endpoints === 6);
    assert.equal(state()?.held?.removing.includes('i0'), false);
  });

  it('is frozen: that is noticed without a request, and the list is current after it goes on', async (test) => {
    const consul = await startConsul();
    test.after(() => consul.stop());
    const registry = registryOf(consul);
    await registry.put('users', A);
    const options = { address: consul.address, livenessMs: 500, requestTimeoutMs: 500 };
    const { sink, said, saidTimes } = follow(test, options, 'users', new SocketHost(systemRandom));
    await saidTimes(1);
    consul.freeze();
    await eventually('the silence is noticed', () => sink.last?.kind === 'failed', { withinMs: 10_000 });
    assert.match(said().at(-1) ?? '', /did not answer GET \/v1\/(status\/leader|health\/service\/users) within 500 ms/);
    assert.deepEqual(sink.ids, ['a']);
    consul.thaw();
    await eventually('it answers again', () => sink.last?.kind === 'patch');
    const startedMs = performance.now();
    await registry.put('users', B);
    await eventually('the list is current', () => sink.ids.join() === 'a,b');
    assert.ok(performance.now() - startedMs < CURRENT_WITHIN_MS);
  });

  it('loses the agent that is asked: another one answers, and nobody hears of a failure', async (test) => {
    const server = await startConsul();
    test.after(() => server.stop());
    const agents = await Promise.all([startConsulAgent(server), startConsulAgent(server)]);
    for (const agent of agents) test.after(() => agent.stop());
    const registry = registryOf(server);
    await registry.put('users', A);
    // The host's chance chooses the first.
    const { sink, said, saidTimes } = follow(test, { address: agents.map(({ address }) => address) });
    await saidTimes(1);
    await agents[0]?.kill();
    await registry.put('users', B);
    await eventually('the list is current', () => sink.ids.join() === 'a,b');
    assert.ok(
      said().every((each) => each === 'snapshot' || each.startsWith('patch')),
      said().join('\n'),
    );
  });

  it('loses the only server behind an agent: the list stays, and the error says so', async (test) => {
    const server = await startConsul();
    test.after(() => server.stop());
    const agent = await startConsulAgent(server);
    test.after(() => agent.stop());
    const registry = registryOf(server);
    await registry.put('users', A);
    const options = { address: agent.address, livenessMs: 500, requestTimeoutMs: 500 };
    const { sink, said, saidTimes } = follow(test, options, 'users', new SocketHost(systemRandom));
    await saidTimes(1);
    server.freeze();
    await eventually('that is noticed', () => sink.last?.kind === 'failed');
    assert.deepEqual(sink.ids, ['a']);
    server.thaw();
    await registry.put('users', B);
    await eventually('the list is current', () => sink.ids.join() === 'a,b');
    assert.ok(said().length > 0);
  });
});
