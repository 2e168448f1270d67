import { describe, it } from 'node:test';
import { discoveryConformance } from '../../src/testing/index.js';
import { startConsul } from './consul/under-test.js';
import { startBind } from './dns/under-test.js';
import { startEtcd } from './etcd/under-test.js';
import { startEureka } from './eureka/under-test.js';
import { startKubernetesUnderTest } from './kubernetes/under-test.js';
import type { StartRegistry } from './support/registry-under-test.js';
import { startZooKeeperUnderTest } from './zookeeper/under-test.js';

const registries: Readonly<Record<string, StartRegistry>> = {
  consul: startConsul,
  etcd: startEtcd,
  zookeeper: startZooKeeperUnderTest,
  eureka: startEureka,
  kubernetes: startKubernetesUnderTest,
  dns: startBind,
};

describe('held against what every source must do', { concurrency: true }, () => {
  for (const [name, start] of Object.entries(registries)) {
    it(name, async (test) => {
      const registry = await start();
      try {
        for (const { name, run } of discoveryConformance(registry)) await test.test(name, run);
      } finally {
        await registry.stop();
      }
    });
  }
});
