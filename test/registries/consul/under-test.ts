import { type ConsulDiscoveryOptions, consulDiscovery } from '../../../src/registries/consul/index.js';
import { type Consul, startConsul as startServer } from '../servers/consul.js';
import type { EnteredInstance, RegistryUnderTest, SourceChoice, StartRegistry } from '../support/registry-under-test.js';

/** Nodes that are no agents: what is entered for one stays as it is until somebody changes it. Consul is slow where one node has thousands of services. */
const NODE_ADDRESS = '10.255.0.1';
/** Consul takes 128 operations in a transaction; each instance needs three. */
const INSTANCES_PER_TRANSACTION = 42;

/** Consul, with hands that write into its catalogue. */
export const startConsul: StartRegistry = async () => registryOf(await startServer());

/** The same, on a server that a test has started by itself. */
export function registryOf(server: Consul): RegistryUnderTest {
  return {
    name: 'consul',
    traits: {
      seenWithinMs: 10_000,
      live: true,
      weights: true,
      zones: true,
      metadata: true,
      ids: true,
      announces: true,
      tellsUnknown: false,
    },
    server,
    isReachedByTcp: true,
    discovery: (choice) => consulDiscovery(optionsFor(server, choice)),
    recipe: (choice) => ({
      module: new URL('../../../src/registries/consul/index.js', import.meta.url).href,
      make: 'consulDiscovery',
      options: optionsFor(server, choice),
    }),
    async put(service, instance) {
      await enter(server, service, instance.id, { Service: serviceOf(service, instance), Check: checkOf(service, instance.id, 'passing') });
    },
    async putMany(service, instances) {
      for (let from = 0; from < instances.length; from += INSTANCES_PER_TRANSACTION) {
        const some = instances.slice(from, from + INSTANCES_PER_TRANSACTION);
        const operations = some.flatMap((instance) => {
          const Node = nodeOf(service, instance.id);
          return [
            { Node: { Verb: 'set', Node: { Node, Address: NODE_ADDRESS } } },
            { Service: { Verb: 'set', Node, Service: serviceOf(service, instance) } },
            { Check: { Verb: 'set', Check: { Node, ...checkOf(service, instance.id, 'passing') } } },
          ];
        });
        await server.call('/v1/txn', { method: 'PUT', body: operations });
      }
    },
    async remove(service, id) {
      await server.call('/v1/catalog/deregister', { method: 'PUT', body: { Node: nodeOf(service, id) } });
    },
    async putBroken(service) {
      const broken = [
        { ID: 'no-port', Address: '10.0.0.1' },
        { ID: 'minus-port', Address: '10.0.0.1', Port: -1 },
        { ID: 'cloud-credentials', Address: '169.254.169.254', Port: 80 },
        { ID: 'no-host', Address: 'evil.example/?x=', Port: 80 },
        { ID: 'script', Address: '10.0.0.1', Port: 80, Meta: { scheme: 'javascript:alert(1)' } },
        { ID: 'broken-json', Address: '10.0.0.1', Port: 80, Meta: { 'fetchmesh-more-1': '{"id":' } },
        // Consul bounds metadata by itself, but no tags.
        { ID: 'huge', Address: '10.0.0.1', Port: 80, Tags: ['x'.repeat(400_000)] },
      ];
      for (const each of broken) await enter(server, service, each.ID, { Service: { Service: service, ...each } });
      return broken.length;
    },
    async entries(service) {
      const found = (await server.call(`/v1/catalog/service/${service}`)) as readonly { readonly ServiceID: string }[];
      return found.map(({ ServiceID }) => ServiceID);
    },
    stop: () => server.stop(),
  };
}

function optionsFor({ address, token }: Consul, { via, livenessMs }: SourceChoice = {}): ConsulDiscoveryOptions {
  return {
    address: via === undefined ? address : `http://${via}`,
    leaseMs: 3_000,
    ...(token !== undefined && { token }),
    ...(livenessMs !== undefined && { livenessMs }),
  };
}

/** Sets the state of the check of an instance that was put in. */
export async function setCheck(server: Consul, service: string, id: string, status: 'passing' | 'warning' | 'critical'): Promise<void> {
  await enter(server, service, id, { Check: checkOf(service, id, status) });
}

async function enter(server: Consul, service: string, id: string, what: object): Promise<void> {
  const body = { Node: nodeOf(service, id), Address: NODE_ADDRESS, ...what };
  await server.call('/v1/catalog/register', { method: 'PUT', body });
}

function nodeOf(service: string, id: string): string {
  return `${service}-${id}`.replace(/[^\w-]/g, '-');
}

function serviceOf(service: string, { id, url, weight, zone, metadata }: EnteredInstance): object {
  const { hostname, port, protocol, pathname } = new URL(url);
  const isTls = protocol === 'https:';
  return {
    ID: id,
    Service: service,
    Address: hostname.replace(/^\[|\]$/g, ''),
    Port: port === '' ? (isTls ? 443 : 80) : Number(port),
    ...(weight !== undefined && { Weights: { Passing: weight, Warning: 1 } }),
    Meta: {
      ...metadata,
      ...(isTls && { scheme: 'https' }),
      ...(zone !== undefined && { zone }),
      ...(pathname !== '/' && { path: pathname }),
    },
  };
}

function checkOf(service: string, id: string, Status: string): object {
  return { CheckID: `service:${id}`, Name: `Service '${service}' check`, Status, ServiceID: id, ServiceName: service };
}
