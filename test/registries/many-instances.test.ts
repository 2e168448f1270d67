import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { manyInstances } from './scenarios/many-instances.js';
import { LARGE_REGISTRIES } from './support/every-registry.js';

const INSTANCES = 10_000;
/** The source and the mesh together; the endpoints themselves take up to 1 KiB each. */
const MOST_BYTES = 3_072;
/** What the whole process may spend on one change where the registry tells of changes; rebuilding 10,000 takes more. */
const MOST_CPU_MS = 10;
/**
 * For how long a change may hold the event loop: CPU time of the main thread, the garbage collection on it included. How
 * long the registry's servers have the core in the meantime says nothing about the source.
 */
const MOST_HELD_MS = 10;

/** One after the other: they measure. */
describe('10,000 instances of which a hundred change every second', () => {
  for (const [name, start] of Object.entries(LARGE_REGISTRIES)) {
    it(`${name}: all are listed, all changes are seen, and each costs work for one`, async (test) => {
      const registry = await start();
      try {
        const measured = await manyInstances(registry, { instances: INSTANCES });
        test.diagnostic(JSON.stringify(measured));
        assert.equal(measured.atTheEnd, INSTANCES);
        assert.equal(measured.changesSeen, 1, 'share of the changes that were seen');
        assert.ok(measured.bytesPerInstance < MOST_BYTES, `${measured.bytesPerInstance} bytes an instance`);
        // Consul sends the whole list at each change, whatever a client does.
        if (name === 'consul') return;
        assert.ok(measured.cpuMsPerChange < MOST_CPU_MS, `${measured.cpuMsPerChange} ms of CPU a change`);
        const { busiest } = measured.changeGaps;
        assert.ok(busiest.ownMs <= MOST_HELD_MS, `the event loop was held: ${JSON.stringify(busiest)}`);
      } finally {
        await registry.stop();
      }
    });
  }
});
