import { type KubernetesDiscoveryOptions, kubernetesDiscovery } from '../../../src/registries/kubernetes/index.js';
import { type Kubernetes, startKubernetes } from '../servers/kubernetes.js';
import type { SourceChoice, StartRegistry } from '../support/registry-under-test.js';
import { asAdmin } from './real-host.js';
import { SliceWriter } from './slice-writer.js';

/** A real API server over a real etcd, and what the EndpointSlice controller would do on it. */
export const startKubernetesUnderTest: StartRegistry = async () => {
  const kubernetes = await startKubernetes();
  const writer = new SliceWriter(kubernetes);
  return {
    name: 'kubernetes',
    traits: {
      seenWithinMs: 10_000,
      live: true,
      weights: false,
      zones: true,
      metadata: false,
      ids: true,
      announces: false,
      tellsUnknown: true,
      wholeUrls: false,
    },
    server: kubernetes,
    isReachedByTcp: true,
    discovery: (choice) => kubernetesDiscovery(optionsFor(kubernetes, choice)),
    recipe: (choice) => ({
      module: new URL('../../../src/registries/kubernetes/index.js', import.meta.url).href,
      make: 'kubernetesDiscovery',
      options: optionsFor(kubernetes, choice),
    }),
    put: (service, instance) => writer.put(service, instance),
    putMany: (service, instances) => writer.putMany(service, instances),
    remove: (service, id) => writer.remove(service, id),
    putBroken: (service) => putBroken(writer, service),
    entries: (service) => writer.entries(service),
    stop: () => kubernetes.stop(),
  };
};

function optionsFor(kubernetes: Kubernetes, { via, livenessMs }: SourceChoice = {}): KubernetesDiscoveryOptions {
  return {
    ...asAdmin(kubernetes),
    ...(via !== undefined && { server: `https://${via}` }),
    ...(livenessMs !== undefined && { livenessMs }),
  };
}

/** What the API server takes although nobody can call it. It checks addresses, but no port numbers, zones and names that look like addresses. */
async function putBroken(writer: SliceWriter, service: string): Promise<number> {
  const http = { name: 'http', port: 80, protocol: 'TCP' };
  const broken = [
    { addressType: 'IPv4', ports: [], endpoints: [{ addresses: ['10.9.0.1'] }] },
    { addressType: 'IPv4', ports: [{ ...http, port: 70_000 }], endpoints: [{ addresses: ['10.9.0.2'] }] },
    { addressType: 'IPv4', ports: [http], endpoints: [{ addresses: ['10.9.0.3'], zone: 'z'.repeat(1_000_000) }] },
    { addressType: 'FQDN', ports: [http], endpoints: [{ addresses: ['169.254.169.254'] }] },
    {
      addressType: 'IPv4',
      ports: [
        { ...http, name: 'one' },
        { ...http, name: 'two', port: 81 },
      ],
      endpoints: [{ addresses: ['10.9.0.4'], zone: '<script>alert(1)</script>' }],
    },
  ];
  for (const body of broken) await writer.post(service, body);
  return broken.length;
}
