import assert from 'node:assert/strict';
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { after, before, describe, it, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { base64, type Etcd, startEtcd } from '../servers/etcd.js';
import { Network } from '../support/network.js';
import type { ChangesReport, ScaleReport } from './scale-child.js';

const COUNT = 10_000;

let etcd: Etcd;
before(async () => {
  etcd = await startEtcd();
  for (let start = 0; start < COUNT; start += 125) {
    const success = Array.from({ length: 125 }, (_, index) => ({ request_put: instance(start + index, 0) }));
    await etcd.call('kv/txn', { success });
  }
});
after(() => etcd.stop());

function instance(index: number, n: number): { readonly key: string; readonly value: string } {
  const Addr = `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}:8080`;
  const value = { Op: 0, Addr, Metadata: { zone: `zone-${index % 3}`, weight: 1 + (index % 5), version: '1.2.3', n: String(n) } };
  return { key: base64(`services/many/instance-${String(index).padStart(5, '0')}`), value: base64(JSON.stringify(value)) };
}

async function meshOf(test: TestContext, endpoint: string): Promise<{ child: ChildProcess; report: ScaleReport }> {
  const script = fileURLToPath(new URL('scale-child.js', import.meta.url));
  const child = fork(script, [endpoint, String(COUNT)], { execArgv: ['--expose-gc'] });
  test.after(() => child.kill());
  const [report] = (await once(child, 'message')) as [ScaleReport];
  return { child, report };
}

async function reportOf(child: ChildProcess): Promise<ChangesReport> {
  child.send('end');
  const [report] = (await once(child, 'message')) as [ChangesReport];
  return report;
}

/** The sum that the child reports comes to be what was written. */
async function settled(child: ChildProcess, sum: number): Promise<ChangesReport> {
  const startedMs = performance.now();
  for (;;) {
    const report = await reportOf(child);
    if (report.sum === sum) return report;
    if (performance.now() - startedMs > 20_000) assert.equal(report.sum, sum, 'not all changes were seen');
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

describe('ten thousand instances in etcd', () => {
  it('are followed through a hundred changes a second, none of which costs more than itself', async (test) => {
    const { child, report } = await meshOf(test, etcd.server.address);
    test.diagnostic(`first list ${Math.round(report.firstListMs)} ms, ${report.memoryMB.toFixed(1)} MB in the process`);
    test.diagnostic(`the event loop was held for ${report.longestFirstListHoldMs.toFixed(1)} ms by the first list`);
    child.send('begin');
    await once(child, 'message');
    const startedMs = performance.now();
    const writes: Promise<unknown>[] = [];
    for (let n = 1; n <= 300; n++) {
      writes.push(etcd.call('kv/put', instance((n * 37) % COUNT, n)));
      const leftMs = startedMs + n * 10 - performance.now();
      if (leftMs > 0) await new Promise((resolve) => setTimeout(resolve, leftMs));
    }
    await Promise.all(writes);
    const { cpuMs, longestHoldMs, changes, snapshots } = await settled(child, (300 * 301) / 2);
    test.diagnostic(
      `a change costs ${((cpuMs / changes) * 1e3).toFixed(0)} us of CPU; the longest hold was ${longestHoldMs.toFixed(1)} ms`,
    );
    assert.equal(changes, 300);
    assert.equal(snapshots, 0);
    // A change that rebuilt the other 9,999 would cost ten times this bound.
    assert.ok(cpuMs / changes < 5, `${cpuMs / changes} ms a change`);
  });

  it('are caught up with by a consumer that heard nothing of five thousand changes, in portions', async (test) => {
    const network = await Network.to(etcd.server.address);
    const endpoint = `http://${network.address}`;
    test.after(() => network.close());
    const { child } = await meshOf(test, endpoint);
    child.send('begin');
    await once(child, 'message');
    network.turn('silent');
    for (let start = 0; start < 5_000; start += 125) {
      const success = Array.from({ length: 125 }, (_, index) => ({ request_put: instance(start + index, 1_000_000) }));
      await etcd.call('kv/txn', { success });
    }
    network.resume();
    const others = Array.from({ length: 300 }, (_, index) => ({ index: ((index + 1) * 37) % COUNT, n: index + 1 }));
    const untouched = others.filter(({ index }) => index >= 5_000).reduce((sum, { n }) => sum + n, 0);
    const { cpuMs, longestHoldMs, changes, snapshots } = await settled(child, 5_000 * 1_000_000 + untouched);
    test.diagnostic(`${changes} changes in one go: ${cpuMs.toFixed(0)} ms of CPU, the longest hold was ${longestHoldMs.toFixed(1)} ms`);
    assert.equal(snapshots, 0);
  });
});
