import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Eureka, startEureka } from './eureka.js';
import { eventually } from './eventually.js';
import { exchange } from './http-call.js';
import { assertProcessLife, assertStops } from './process-life.js';
import type { ServerProcess } from './server-process.js';

async function register(eureka: Eureka): Promise<void> {
  const instance = {
    instanceId: 'a:1',
    hostName: '127.0.0.1',
    ipAddr: '127.0.0.1',
    app: 'A',
    vipAddress: 'a',
    status: 'UP',
    port: { $: 80, '@enabled': 'true' },
    dataCenterInfo: { '@class': 'com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo', name: 'MyOwn' },
    leaseInfo: { durationInSecs: 60 },
  };
  await eureka.call('/apps/A', { body: { instance } });
}

async function has(eureka: Eureka, member?: ServerProcess): Promise<boolean> {
  const answer = (await eureka.call('/apps', {}, member)) as { applications: { application: readonly unknown[] } };
  return answer.applications.application.length === 1;
}

describe('a real Eureka server', () => {
  it('freezes, dies and comes back empty, also with basic auth', async (test) => {
    const eureka = await startEureka({ basicAuth: { user: 'us', password: 'secret' } });
    test.after(() => eureka.stop());
    assert.equal((await exchange(`${eureka.server.address}/eureka/apps`)).status, 401);
    await assertProcessLife(eureka.server, {
      answers: () => exchange(`${eureka.server.address}/eureka/apps`, { timeoutMs: 1_000 }),
      write: () => register(eureka),
      has: () => has(eureka),
      durable: false,
    });
    await assertStops(eureka.server, () => eureka.stop());
  });

  it('tells its peer, and learns from it after a restart', async (test) => {
    const eureka = await startEureka({ servers: 2, basicAuth: { user: 'us', password: 'secret' } });
    test.after(() => eureka.stop());
    await register(eureka);
    for (const member of eureka.members) await eventually('both have it', () => has(eureka, member));
    await eureka.server.restart();
    await eventually('it has it again', () => has(eureka));
  });

  it('speaks TLS', async (test) => {
    const eureka = await startEureka({ tls: true });
    test.after(() => eureka.stop());
    assert.equal(await has(eureka), false);
    await assert.rejects(exchange(`${eureka.server.address}/eureka/apps`), { code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' });
  });
});
