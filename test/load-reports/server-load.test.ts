import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { LoadReport } from '../../src/balancing/load-reports/load-report.js';
import { readLoadReport } from '../../src/balancing/load-reports/read-load-report.js';
import { ServerLoad } from '../../src/load-reports/server-load.js';
import { VirtualClock } from '../../src/testing/virtual-clock.js';
import { HEADER, replyWith, said } from '../balancing/load-reports/reports.js';

/** A server on a clock that stands still, whose process uses what the test says. */
function serverOf(averageMs = 5_000) {
  const clock = new VirtualClock();
  const used = { cpuMs: 0, loopMs: 0 };
  const load = new ServerLoad(averageMs, clock, () => ({ ...used }));
  return {
    clock,
    load,
    used,
    async answer(status: number, serviceMs: number) {
      const begunMs = load.begin();
      await clock.advance(serviceMs);
      load.answered(status, begunMs);
      load.end();
    },
    /** What a client reads from it. */
    report(): Record<string, number> {
      const report = new LoadReport();
      assert.ok(readLoadReport(replyWith([HEADER, load.report()]), report), load.report());
      return { ...said(report) };
    },
  };
}

function assertNear(found: number | undefined, meant: number, ratio = 0.01): void {
  assert.ok(found !== undefined && Math.abs(found - meant) <= Math.abs(meant) * ratio, `${found} for ${meant}`);
}

describe('the load of a server', () => {
  test('has at first nothing but the requests in flight, the one that is answered left out', () => {
    const { load, report } = serverOf();
    load.begin();
    assert.deepEqual(report(), { requestsInFlight: 0 });
    load.begin();
    load.begin();
    assert.deepEqual(report(), { requestsInFlight: 2 });
    load.end();
    assert.deepEqual(report(), { requestsInFlight: 1 });
  });

  test('has the rate of requests and errors and the time that requests take, right from the start on', async () => {
    for (const seconds of [1, 2, 60]) {
      const server = serverOf();
      for (let request = 0; request < 10 * seconds; request++) {
        await server.answer(request % 5 === 4 ? 500 : 200, 20);
        await server.clock.advance(80);
      }
      const { requestsPerSecond, errorsPerSecond, serviceMs } = server.report();
      assertNear(requestsPerSecond, 10, 0.1);
      assertNear(errorsPerSecond, 2, 0.2);
      assertNear(serviceMs, 20);
    }
  });

  test('counts a status from 500 on as an error, and none below', async () => {
    const server = serverOf();
    for (const status of [200, 304, 404, 429, 499]) await server.answer(status, 500);
    assert.equal(server.report().errorsPerSecond, 0);
    await server.answer(503, 500);
    assert.ok((server.report().errorsPerSecond ?? 0) > 0.1);
  });

  test('leaves rate and utilization out while the process starts up', async () => {
    const server = serverOf();
    await server.answer(200, 999);
    assert.deepEqual(Object.keys(server.report()).sort(), ['requestsInFlight', 'serviceMs']);
    await server.clock.advance(201);
    assert.deepEqual(Object.keys(server.report()).sort(), [
      'applicationUtilization',
      'cpuUtilization',
      'errorsPerSecond',
      'requestsInFlight',
      'requestsPerSecond',
      'serviceMs',
    ]);
  });

  test('has the share of the CPU, and as its utilization the larger one of that and of the event loop', async () => {
    for (const [cpu, loop] of [
      [0.1, 0.6],
      [0.7, 0.3],
    ] as const) {
      const server = serverOf();
      for (let second = 0; second < 30; second++) {
        server.used.cpuMs += cpu * 1_000;
        server.used.loopMs += loop * 1_000;
        await server.clock.advance(1_000);
        server.load.report();
      }
      const { cpuUtilization, applicationUtilization } = server.report();
      assertNear(cpuUtilization, cpu);
      assertNear(applicationUtilization, Math.max(cpu, loop));
    }
  });

  test('looks at the process once in 200 ms at most, and takes a pause between two looks for even use', async () => {
    const server = serverOf(1_000);
    let looks = 0;
    const load = new ServerLoad(1_000, server.clock, () => {
      looks++;
      return server.used;
    });
    for (let i = 0; i < 200; i++) {
      await server.clock.advance(10);
      load.report();
    }
    assert.ok(looks >= 5 && looks <= 7, `${looks}`);
    // Busy for an hour, and nobody asked.
    server.used.loopMs += 1_800_000;
    await server.clock.advance(3_600_000);
    assertNear(server.report().applicationUtilization, 0.5);
  });

  test('forgets exponentially: after the time to average over, 1/e of an old rate is left', async () => {
    const server = serverOf(10_000);
    for (let request = 0; request < 1_000; request++) await server.answer(200, 100);
    assertNear(server.report().requestsPerSecond, 10, 0.02);
    await server.clock.advance(10_000);
    assertNear(server.report().requestsPerSecond, 10 / Math.E, 0.02);
    // How long a request takes is not less for there being fewer.
    assertNear(server.report().serviceMs, 100);
  });

  test('relates the rate to the utilization of the same time, so that a server that speeds up does not look larger', async () => {
    // A request costs 10 ms of the loop: a weight of 100 per second, at whatever rate.
    const server = serverOf();
    for (const perSecond of [5, 5, 50, 80, 2, 30]) {
      for (let request = 0; request < perSecond; request++) {
        server.used.loopMs += 10;
        await server.answer(200, 1_000 / perSecond);
      }
      await server.clock.advance(200);
      const { requestsPerSecond = 0, applicationUtilization = 0 } = server.report();
      assertNear(requestsPerSecond / applicationUtilization, 100, 0.1);
    }
  });

  test('of an idle server sinks towards 0, and stays a report that can be read', async () => {
    const server = serverOf();
    await server.answer(500, 10);
    await server.clock.advance(1_000_000_000);
    const report = server.report();
    assert.equal(report.requestsPerSecond, 0);
    assert.equal(report.requestsInFlight, 0);
  });

  test('says to a probe how many requests are in flight, with all of them', () => {
    const { load } = serverOf();
    assert.equal(load.probeReport(), 'TEXT named_metrics.rif=0');
    load.begin();
    load.begin();
    assert.equal(load.probeReport(), 'TEXT named_metrics.rif=2');
    load.end();
    assert.equal(load.probeReport(), 'TEXT named_metrics.rif=1');
  });

  test('forgets how long requests took when none came for three times as long as it averages over', async () => {
    const server = serverOf();
    await server.answer(200, 800);
    await server.clock.advance(14_000);
    assertNear(server.report().serviceMs, 800);
    await server.clock.advance(1_200);
    assert.equal(server.report().serviceMs, undefined);
    await server.answer(200, 5);
    await server.clock.advance(200);
    // What is left of the first one counts for a twentieth.
    assertNear(server.report().serviceMs, 5 + (0.05 / 1.05) * 795, 0.1);
  });
});
