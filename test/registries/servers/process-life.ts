import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { eventually } from './eventually.js';
import { processGuard } from './guard.js';
import type { ServerProcess } from './server-process.js';

/** What the test of a server's life needs of it. */
export interface Vitals {
  /** One question on a connection of its own; rejects within about a second when there is no answer. */
  readonly answers: () => Promise<unknown>;
  /** Writes one entry, and tells whether it is there. Without them the server keeps no data. */
  readonly write: () => Promise<unknown>;
  readonly has: () => Promise<boolean>;
  /** Whether data outlives a restart. Default true; Eureka keeps it in memory alone. */
  readonly durable?: boolean;
}

/** Freezes, thaws, kills and restarts a server, with its data and without, and checks from outside that it was so. */
export async function assertProcessLife(server: ServerProcess, { answers, write, has, durable = true }: Vitals): Promise<void> {
  await answers();
  await write();
  await eventually('what was written is there', has);

  server.freeze();
  await assert.rejects(answers(), 'a frozen server answers nobody');
  server.thaw();
  await answers();

  const { address, pid } = server;
  await server.kill();
  await assert.rejects(answers(), 'a killed server answers nobody');
  assert.equal(isAlive(pid), false);
  await server.restart();
  assert.equal(server.address, address);
  assert.notEqual(server.pid, pid);
  await eventually('the data is as it was', async () => (await has()) === durable);

  if (!durable) await write();
  await server.restart({ empty: true });
  assert.equal(await has(), false, 'nothing is left after a restart with an empty data folder');
}

/** Stops a server, and checks that neither its process nor its folder is left. */
export async function assertStops(server: ServerProcess, stop = () => server.stop()): Promise<void> {
  const { pid } = server;
  assert.notEqual(server.log(), '');
  await stop();
  assert.equal(isAlive(pid), false);
  const { folder } = processGuard();
  assert.ok(existsSync(folder));
  assert.deepEqual(readdirSync(folder), []);
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
