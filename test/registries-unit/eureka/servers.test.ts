import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { eurekaSettings } from '../../../src/registries/eureka/options.js';
import { EurekaServers } from '../../../src/registries/eureka/servers.js';
import { RegistryError } from '../../../src/registries/registry-error.js';
import { seededRandom } from '../../../src/testing/seeded-random.js';
import { VirtualClock } from '../../../src/testing/virtual-clock.js';

const LIST = ['http://a', 'http://b', 'http://c'];
const { signal } = new AbortController();

function serversIn(serverOrder: 'random' | 'listed', seed = 1) {
  const clock = new VirtualClock();
  const servers = new EurekaServers(eurekaSettings({ servers: LIST, serverOrder }), clock, seededRandom(seed));
  const down = new Set<string>();
  const asked: string[] = [];
  const ask = () =>
    servers.ask(signal, async ({ url }) => {
      asked.push(url);
      if (down.has(url)) throw new Error(`${url} is down`);
      return url;
    });
  return { clock, servers, down, asked, ask };
}

describe('several servers', () => {
  it('are used one at a time, the next one when one fails, and back when that one fails', async () => {
    const { down, ask } = serversIn('listed');
    assert.equal(await ask(), LIST[0]);
    down.add('http://a').add('http://b');
    assert.equal(await ask(), LIST[2]);
    down.delete('http://a');
    assert.equal(await ask(), LIST[2], 'it stays where it is well');
    down.add('http://c');
    assert.equal(await ask(), LIST[0]);
  });

  it('are each asked once before all of them have failed', async () => {
    const { down, asked, ask } = serversIn('random');
    for (const url of LIST) down.add(url);
    await assert.rejects(ask(), /is down/);
    assert.deepEqual([...asked].sort(), LIST);
  });

  it('are left for the first one after five minutes, where they are in order', async () => {
    const { clock, down, ask } = serversIn('listed');
    down.add('http://a');
    assert.equal(await ask(), LIST[1]);
    down.clear();
    await clock.advance(299_000);
    assert.equal(await ask(), LIST[1]);
    await clock.advance(1_000);
    assert.equal(await ask(), LIST[0]);
  });

  it('are drawn by chance, so that a fleet spreads over them', async () => {
    const drawn = await Promise.all(Array.from({ length: 30 }, (_, seed) => serversIn('random', seed).ask()));
    assert.deepEqual([...new Set(drawn)].sort(), LIST);
  });

  it('are asked again where only a kept connection was closed', async () => {
    const { servers } = serversIn('listed');
    const asked: string[] = [];
    const cause = Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' });
    const answer = await servers.ask(signal, async ({ url }) => {
      asked.push(url);
      if (asked.length === 1) throw new RegistryError({ source: 'eureka', server: url, what: 'could not be asked', cause });
      return url;
    });
    assert.equal(answer, LIST[0]);
    assert.deepEqual(asked, [LIST[0], LIST[0]]);
  });
});
