import { startConsul } from '../consul/under-test.js';
import { startBind } from '../dns/under-test.js';
import { startEtcd } from '../etcd/under-test.js';
import { startEureka, startEurekaUnderTest } from '../eureka/under-test.js';
import { startKubernetesUnderTest } from '../kubernetes/under-test.js';
import { startZooKeeperUnderTest } from '../zookeeper/under-test.js';
import type { StartRegistry } from './registry-under-test.js';

/** Every registry that there is a source for, by name. */
export const EVERY_REGISTRY: Readonly<Record<string, StartRegistry>> = {
  consul: startConsul,
  etcd: startEtcd,
  zookeeper: startZooKeeperUnderTest,
  eureka: startEureka,
  kubernetes: startKubernetesUnderTest,
  dns: startBind,
};

/** Those whose lists may have 10,000 instances: an answer of DNS has 64 KiB at most. */
export const LARGE_REGISTRIES: Readonly<Record<string, StartRegistry>> = {
  consul: startConsul,
  etcd: startEtcd,
  zookeeper: startZooKeeperUnderTest,
  // Five answers of 10 MB a second would keep the server's core, and half of this machine, busy with nothing else.
  eureka: () => startEurekaUnderTest({ fetchMs: 1_000 }),
  kubernetes: startKubernetesUnderTest,
};
