import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { it } from 'node:test';
import { fileDiscovery } from '../../src/index.js';
import { temporaryFolder } from '../discovery/recording-sink.js';
import { rollingRestart } from '../registries/support/rolling-restart.js';

it('a rolling restart of four replicas under 300 requests a second loses no request', async (test) => {
  const folder = temporaryFolder(test);
  const module = new URL('../../src/index.js', import.meta.url).href;
  const outcome = await rollingRestart({
    discovery: fileDiscovery(folder),
    recipe: { module, make: 'fileDiscovery', options: { path: folder } },
    service: 'users',
  });
  assert.deepEqual(outcome.failures, []);
  assert.equal(outcome.retries, 0, 'nobody is sent to a replica that is gone');
  assert.equal(outcome.processes, 8, 'every replica has served, before and after');
  assert.ok(
    outcome.drains.every(({ cut, removed }) => cut === 0 && removed),
    'nothing was cut',
  );
  assert.ok(outcome.requests > 500, `${outcome.requests}`);
  assert.equal(readdirSync(folder).filter((name) => name.endsWith('.json')).length, 4, 'one entry each');
  test.diagnostic(`${outcome.requests} requests, p99 ${outcome.p99Ms.toFixed(1)} ms`);
});
