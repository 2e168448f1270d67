import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startZooKeeper } from '../servers/zookeeper.js';
import { Hands } from './hands.js';

const EXAMPLE = fileURLToPath(new URL('../../../examples/registries/zookeeper.js', import.meta.url));
/** Long enough for a busy machine; an example that hangs fails all the same. */
const LONGEST_RUN_MS = 60_000;

describe('the example for ZooKeeper', () => {
  test('runs, says what happens, ends by itself and leaves no instance', async (t) => {
    const zooKeeper = await startZooKeeper();
    t.after(() => zooKeeper.stop());
    const { NODE_TEST_CONTEXT: _, ...env } = process.env;
    const printed = await new Promise<string>((resolve, reject) => {
      execFile(process.execPath, [EXAMPLE, zooKeeper.servers], { timeout: LONGEST_RUN_MS, env }, (error, stdout, stderr) => {
        if (error === null && stderr === '') resolve(stdout);
        else reject(new Error(`${error?.message ?? stderr}\n${stdout}`));
      });
    });
    const [first = '', ...rest] = printed.trimEnd().split('\n');
    const service = /greeter-\d+/.exec(first)?.[0] ?? '';
    assert.equal(first, `two instances of ${service} are announced in ZooKeeper at ${zooKeeper.servers}`);
    assert.deepEqual(rest, [
      'answers of both: one, two',
      'one is killed: calls go on, although ZooKeeper still has it',
      'its session is closed: ZooKeeper and the mesh have the other alone',
    ]);
    const hands = await Hands.connect(zooKeeper.servers);
    assert.deepEqual(await hands.children(`/services/${service}`), []);
    await hands.close();
  });
});
