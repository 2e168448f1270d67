import type { Discovery, InstanceInput } from '../core/discovery.js';
import { ConfigError, UnknownServiceError } from '../core/errors.js';
import { knownKeys } from '../core/options-check.js';
import { describeEntry, parseInstance } from './instance.js';

const INSTANCE_KEYS = ['url', 'id', 'weight', 'priority', 'zone', 'metadata'];

/** Endpoints by service name. Names are told apart as hosts are: without regard to case. */
export type StaticServices = Readonly<Record<string, readonly InstanceInput[]>>;

/**
 * A source for endpoints that are known beforehand: written down, or handed over by whatever started the
 * process. Its names are services by declaration, so a dotted one (`users.example.com`) is served by the mesh too.
 *
 * @throws ConfigError with the path of an instance to which nothing could be sent.
 * @example
 * createMesh({
 *   discovery: staticDiscovery({
 *     users: ['http://10.0.0.1:8080', { url: 'http://10.0.0.2:8080', weight: 2, zone: 'eu-1a' }],
 *   }),
 * });
 */
export function staticDiscovery(services: StaticServices): Discovery {
  const name = 'staticDiscovery';
  if (typeof services !== 'object' || services === null || Array.isArray(services)) {
    throw new ConfigError(name, "an object with a list of instances for each service's name", services);
  }
  const lists = new Map<string, readonly InstanceInput[]>();
  for (const [service, instances] of Object.entries(services)) {
    const path = `${name}.${service}`;
    const key = service.toLowerCase();
    if (lists.has(key)) throw new ConfigError(path, 'a name that differs from the others in more than case', service);
    lists.set(key, checkedList(path, instances));
  }
  return {
    name,
    declares: (service) => lists.has(service.toLowerCase()),
    watch(service, sink) {
      const instances = lists.get(service.toLowerCase());
      // What was written down is meant, so it counts as live.
      if (instances !== undefined) sink.snapshot(instances, { live: true });
      else sink.failed(new UnknownServiceError(service, name));
      return () => {};
    },
  };
}

/** A copy, so that nothing that happens to the caller's list later goes unchecked. */
function checkedList(path: string, instances: unknown): readonly InstanceInput[] {
  if (!Array.isArray(instances)) throw new ConfigError(path, 'a list of instances', instances);
  const ids = new Set<string>();
  return instances.map((input: InstanceInput, index) => {
    const id = checkedId(`${path}[${index}]`, input);
    if (ids.has(id)) throw new ConfigError(`${path}[${index}]`, 'an instance that the list does not have yet', id);
    ids.add(id);
    return typeof input === 'string' ? input : { ...input };
  });
}

function checkedId(path: string, input: InstanceInput): string {
  if (typeof input === 'object') knownKeys(path, input, INSTANCE_KEYS);
  try {
    return parseInstance(input).id;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ConfigError(path, `an instance to which requests can be sent (${reason})`, describeEntry(input));
  }
}
