import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { temporaryFolder } from '../../discovery/recording-sink.js';
import { startBind } from '../servers/bind.js';
import type { SnapshotReport } from './snapshot-child.js';

it('a fresh process serves from its snapshot while the real DNS server is dead, and follows it when it is back', async (test) => {
  const server = createServer((_request, response) => response.end('here'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  test.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  const bind = await startBind({ zones: { test: `users 1 SRV 0 1 ${port} here\nhere 1 A 127.0.0.1` } });
  test.after(() => bind.stop());
  const path = join(temporaryFolder(test), 'state', 'lists.snapshot');

  const child = fileURLToPath(new URL('./snapshot-child.js', import.meta.url));
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const run = async (): Promise<SnapshotReport> => {
    const { stdout } = await promisify(execFile)(process.execPath, [child, bind.address, path], { env, timeout: 30_000 });
    return JSON.parse(stdout) as SnapshotReport;
  };

  const first = await run();
  assert.deepEqual([first.body, first.restored, first.snapshotAgeMs], ['here', 0, null]);
  assert.ok(existsSync(path));

  await bind.kill();
  const second = await run();
  assert.deepEqual([second.body, second.restored], ['here', 1]);
  assert.ok(second.snapshotAgeMs !== null && second.snapshotAgeMs > 0, `${second.snapshotAgeMs} ms old`);
  assert.match(second.lastError ?? '', /ECONNREFUSED/);

  await bind.restart();
  const third = await run();
  assert.deepEqual([third.body, third.restored, third.snapshotAgeMs], ['here', 0, null]);
});
