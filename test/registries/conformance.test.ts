import { describe, it } from 'node:test';
import { discoveryConformance } from '../../src/testing/index.js';
import { EVERY_REGISTRY } from './support/every-registry.js';

/** For the start of the server and all cases, on a machine that does other things too. */
const LIMIT_MS = 150_000;

describe('held against what every source must do', { concurrency: true }, () => {
  for (const [name, start] of Object.entries(EVERY_REGISTRY)) {
    it(name, { timeout: LIMIT_MS }, async (test) => {
      const registry = await start();
      try {
        for (const { name, run } of discoveryConformance(registry)) await test.test(name, run);
      } finally {
        await registry.stop();
      }
    });
  }
});
