import assert from 'node:assert/strict';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { after, before, describe, it, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { createMesh, type Mesh } from '../../../src/index.js';
import { eventually } from '../servers/eventually.js';
import { startProxy } from './proxy.js';
import { type EurekaUnderTest, startEurekaUnderTest } from './under-test.js';

const INSTANCES = 10_000;

describe('ten thousand instances in a real Eureka', () => {
  let registry: EurekaUnderTest;
  before(async () => {
    // A window of ten seconds in place of three minutes: what it has at rest is nothing.
    registry = await startEurekaUnderTest({
      settings: { 'eureka.server.retention-time-in-m-s-in-delta-queue': 10_000, 'eureka.server.delta-retention-timer-interval-in-ms': 200 },
    });
    const instances = Array.from({ length: INSTANCES }, (_, index) => ({
      id: `10.1.${index >> 8}.${index & 255}:users:8080`,
      url: `http://10.1.${index >> 8}.${index & 255}:8080`,
      zone: `zone-${index % 3}`,
      weight: 1 + (index % 5),
      metadata: { version: `1.${index % 100}`, build: 'a1b2c3d4e5f6', started: '2026-01-01T00:00:00Z' },
    }));
    await registry.putMany('users', instances);
  });
  after(() => registry?.stop());

  function meshOn(test: TestContext, servers: string): Mesh {
    const mesh = createMesh({ discovery: registry.source({ servers, fetchMs: 500, requestTimeoutMs: 20_000 }) });
    test.after(() => mesh.close());
    return mesh;
  }

  const endpoints = (mesh: Mesh) => mesh.inspect().services.users?.endpoints.length;

  it('come in one list, and one change costs next to nothing', async (test) => {
    const proxy = await startProxy(test, registry.server.address);
    const mesh = meshOn(test, proxy.url);
    globalThis.gc?.();
    const heapBefore = process.memoryUsage().heapUsed;
    const delays = monitorEventLoopDelay({ resolution: 1 });
    delays.enable();
    const startedMs = performance.now();
    const cpuBefore = process.cpuUsage();
    await mesh.ready(['users'], { minEndpoints: INSTANCES, timeoutMs: 60_000 });
    test.diagnostic(
      `first list: ${Math.round(performance.now() - startedMs)} ms, CPU ${cpuMs(cpuBefore)} ms, longest hold ${ms(delays.max)} ms`,
    );
    globalThis.gc?.();
    test.diagnostic(`memory: ${Math.round((process.memoryUsage().heapUsed - heapBefore) / 1e5) / 10} MB`);

    await eventually('the window is empty', async () => {
      const { applications } = (await registry.eureka.call('/apps/delta')) as { applications: { application: unknown[] } };
      return applications.application.length === 0;
    });
    // Two rounds at rest.
    await delay(1_000);
    const lists = () => proxy.seen.filter((line) => line === 'GET /apps').length;
    const listsBefore = lists();
    delays.reset();
    const cpu = process.cpuUsage();
    const changed: string[] = [];
    mesh.on('endpointAdded', ({ endpoint }) => changed.push(`+${endpoint}`));
    mesh.on('endpointRemoved', ({ endpoint }) => changed.push(`-${endpoint}`));
    await registry.remove('users', '10.1.0.7:users:8080');
    await eventually('the change is seen', () => changed.length > 0);
    test.diagnostic(`one change: CPU ${cpuMs(cpu)} ms, longest hold ${ms(delays.max)} ms`);
    assert.deepEqual(changed, ['-10.1.0.7:users:8080']);
    assert.equal(lists(), listsBefore, 'the list was not read for it');
    assert.equal(endpoints(mesh), INSTANCES - 1);
  });
});

function cpuMs(since: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(since);
  return Math.round((user + system) / 1e3);
}

function ms(nanoseconds: number): number {
  return Math.round(nanoseconds / 1e5) / 10;
}
