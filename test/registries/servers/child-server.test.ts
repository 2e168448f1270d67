import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { describe, it } from 'node:test';
import { startEtcd } from './etcd.js';
import { eventually } from './eventually.js';
import { claimPort, claimPorts, releasePorts } from './free-ports.js';
import { isAlive } from './process-life.js';
import { programPath } from './programs.js';

/** A process of its own that starts an etcd, tells its pid and its folder, and then runs `after`. */
async function forgetful(after: string): Promise<{ parent: ChildProcess; pid: number; folder: string }> {
  const module = (name: string): string => JSON.stringify(new URL(name, import.meta.url).href);
  const code = `
    import { startEtcd } from ${module('./etcd.js')};
    import { processGuard } from ${module('./guard.js')};
    const { server } = await startEtcd();
    console.log(JSON.stringify({ pid: server.pid, folder: processGuard().folder }));
    ${after}`;
  const parent = spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = (await once(createInterface(parent.stdout), 'line')) as [string];
  return { parent, ...(JSON.parse(line) as { pid: number; folder: string }) };
}

describe('a server of a test', () => {
  it('ends with a test process that is killed, also when it is frozen, and its folder with it', async () => {
    const { parent, pid, folder } = await forgetful('server.freeze(); setInterval(() => {}, 1_000);');
    assert.ok(isAlive(pid) && existsSync(folder));
    parent.kill('SIGKILL');
    await eventually('the server is gone', () => !isAlive(pid));
    await eventually('the folder is gone', () => !existsSync(folder));
  });

  it('keeps no process alive that has forgotten it', async () => {
    const { parent, pid, folder } = await forgetful('');
    if (parent.exitCode === null) await once(parent, 'exit');
    assert.equal(parent.exitCode, 0);
    await eventually('the server is gone', () => !isAlive(pid));
    await eventually('the folder is gone', () => !existsSync(folder));
  });

  it('says what it wrote when it does not start', async () => {
    await assert.rejects(startEtcd({ flags: ['--no-such-flag'] }), /etcd 0 ended while it started[\s\S]*no-such-flag/);
  });

  it('has to be installed', () => {
    const programs = { consul: '/nowhere/consul' };
    assert.throws(() => programPath('consul', 'consul', programs), /run 'node scripts\/registries\/install.mjs consul'/);
  });
});

describe('the ports of servers', () => {
  it('are never given to two', async () => {
    const ports = (await Promise.all([claimPorts(20), claimPorts(20)])).flat();
    assert.equal(new Set(ports).size, 40);
    await assert.rejects(claimPort(ports[0] ?? 0), /taken/);
    releasePorts(ports);
  });

  it('are those on which nobody else listens', async () => {
    const [port = 0] = await claimPorts(1);
    const other = createServer().listen(port, '127.0.0.1');
    await once(other, 'listening');
    releasePorts([port]);
    await assert.rejects(claimPort(port), /taken/);
    other.close();
    await once(other, 'close');
    releasePorts([await claimPort(port)]);
  });
});
