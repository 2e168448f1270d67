import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { createMesh, staticDiscovery } from '../../src/index.js';
import { Replica, until } from '../support/replicas.js';

const CHILD = fileURLToPath(new URL('children/ends-by-itself.js', import.meta.url));

let replica: Replica;
let folder: string;
before(async () => {
  replica = await Replica.start();
  folder = await mkdtemp(join(tmpdir(), 'fetchmesh-'));
});
after(async () => {
  await replica.kill();
  await rm(folder, { recursive: true });
});

/** A child process and what it has said. */
function start(what: string, where: string) {
  const child = spawn(process.execPath, [CHILD, what, where]);
  let output = '';
  let saidSoAtMs = 0;
  const hear = (text: Buffer) => {
    output += text.toString();
    if (saidSoAtMs === 0 && output.includes('done')) saidSoAtMs = performance.now();
  };
  child.stdout.on('data', hear);
  child.stderr.on('data', hear);
  return { child, output: () => output, doneForMs: () => (saidSoAtMs === 0 ? 0 : performance.now() - saidSoAtMs) };
}

describe('a process ends by itself', () => {
  const cases: Record<string, () => string> = {
    'a mesh that was only made': () => replica.url,
    'a mesh that is ready': () => replica.url,
    'a call': () => replica.url,
    'a call whose answer nobody reads': () => replica.url,
    'calls that failed': () => '',
    'a call of a service that has no list': () => join(folder, 'no-such-folder'),
    'a folder that is watched': () => folder,
    'an announced instance': () => folder,
  };
  for (const [what, where] of Object.entries(cases)) {
    it(`after ${what}`, async () => {
      const { child, output, doneForMs } = start(what, where());
      const [code] = (await once(child, 'exit')) as [number | null];
      assert.equal(code, 0, output());
      assert.equal(output(), 'done\n');
      // Sockets are kept for four seconds, refreshes and leases come later still: none of that was waited for.
      assert.ok(doneForMs() < 2_000, `it lived for another ${doneForMs()} ms`);
    });
  }

  it('unless an announced instance is to keep it alive; closing the mesh lets it end then', async () => {
    const place = join(folder, 'kept');
    const { child, output } = start('an announced instance that is to keep the process alive', place);
    await until(() => output().includes('done'), 'the instance is announced');
    assert.equal((await readdir(place)).length, 1);
    assert.equal(child.exitCode, null);
    child.kill('SIGTERM');
    const [code] = (await once(child, 'exit')) as [number | null];
    assert.equal(code, 0, output());
    assert.deepEqual(await readdir(place), []);
  });
});

describe('a worker thread', () => {
  it('has a mesh of its own: neither sees what the other did', async () => {
    const mesh = createMesh({ discovery: staticDiscovery({ users: [replica.url] }) });
    await (await mesh.fetch('http://users/')).text();
    const worker = new Worker(new URL('children/worker.js', import.meta.url), { workerData: replica.url });
    // Listened to from now on: a thread that ends at once says both in one go.
    const exit = once(worker, 'exit');
    const [message] = (await once(worker, 'message')) as [unknown];
    assert.deepEqual(message, { answers: [200, 200, 200], requests: 3 });
    const [code] = (await exit) as [number];
    assert.equal(code, 0, 'it ends by itself, with its sockets still open');
    assert.equal(mesh.inspect().services.users?.endpoints[0]?.requests, 1);
    await mesh.close();
  });
});
