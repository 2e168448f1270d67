import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { startZooKeeper } from '../servers/zookeeper.js';
import { announcedAndCalled, runExample } from '../support/run-example.js';
import { Hands } from './hands.js';

describe('the example for ZooKeeper', () => {
  test('runs, says what happens, ends by itself and leaves no instance', async (t) => {
    const zooKeeper = await startZooKeeper();
    t.after(() => zooKeeper.stop());
    assert.deepEqual(await runExample('zookeeper', [zooKeeper.servers]), announcedAndCalled('ZooKeeper'));
    const hands = await Hands.connect(zooKeeper.servers);
    const services = await hands.children('/services');
    assert.equal(services.length, 2);
    for (const service of services) assert.deepEqual(await hands.children(`/services/${service}`), []);
    await hands.close();
  });
});
