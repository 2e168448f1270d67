import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Client, createClient } from 'node-zookeeper-client';
import { eventually } from './eventually.js';
import { assertProcessLife, assertStops } from './process-life.js';
import { fourLetters, startZooKeeper } from './zookeeper.js';

/** Does one thing on a session of its own. */
async function withSession<Result>(
  servers: string,
  task: (client: Client, done: (error: unknown, result: Result) => void) => void,
): Promise<Result> {
  const client = createClient(servers, { sessionTimeout: 5_000, retries: 0 });
  try {
    return await new Promise<Result>((resolve, reject) => {
      client.once('connected', () =>
        task(client, (error, result) => {
          if (error) reject(error);
          else resolve(result);
        }),
      );
      client.connect();
    });
  } finally {
    client.close();
  }
}

const create = (servers: string, path: string): Promise<string> =>
  withSession(servers, (client, done: (error: unknown, created: string) => void) => client.create(path, done));

const has = (servers: string, path: string): Promise<boolean> =>
  withSession(servers, (client, done: (error: unknown, there: boolean) => void) =>
    client.exists(path, (error, stat) => done(error, Boolean(stat))),
  );

describe('a real ZooKeeper', () => {
  it('freezes, dies and comes back with its data or without', async (test) => {
    const zookeeper = await startZooKeeper();
    test.after(() => zookeeper.stop());
    const port = Number(zookeeper.servers.split(':')[1]);
    await assertProcessLife(zookeeper.server, {
      answers: async () => assert.equal(await fourLetters(port, 'ruok', 1_000), 'imok'),
      write: () => create(zookeeper.servers, '/a'),
      has: () => has(zookeeper.servers, '/a'),
    });
    await assertStops(zookeeper.server, () => zookeeper.stop());
  });

  it('has another leader after the loss of one', async (test) => {
    const zookeeper = await startZooKeeper({ members: 3 });
    test.after(() => zookeeper.stop());
    const first = await zookeeper.leader();
    await first.kill();
    await eventually('another member leads', async () => (await zookeeper.leader()) !== first);
    const others = zookeeper.members.filter((member) => member !== first).map(({ address }) => address);
    await eventually('the rest serves', async () => (await create(others.join(','), '/a')) === '/a');
    await first.restart();
    assert.ok(await has(first.address, '/a'));
  });
});
