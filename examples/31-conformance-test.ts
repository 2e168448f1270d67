import { describe, it } from 'node:test';
import { type Discovery, type DiscoverySink, type InstanceInput, UnknownServiceError } from 'fetchmesh';
import { type ConformanceSubject, discoveryConformance, type EnteredInstance } from 'fetchmesh/testing';

// A registry of one's own: here a table in memory, elsewhere a server that the test starts.
const table = new Map<string, Map<string, EnteredInstance>>();
const watchers = new Map<string, Set<DiscoverySink>>();

function ourDiscovery(): Discovery {
  return {
    name: 'our registry',
    watch(service, sink) {
      const list = table.get(service);
      if (list === undefined) sink.failed(new UnknownServiceError(service, 'our registry'));
      else sink.snapshot([...list.values()]);
      const sinks = watchers.get(service) ?? new Set();
      watchers.set(service, sinks.add(sink));
      return () => sinks.delete(sink);
    },
  };
}

function tell(service: string, change: { upsert?: InstanceInput[]; remove?: string[] }): void {
  for (const sink of watchers.get(service) ?? []) sink.patch(change);
}

// #region subject
const subject: ConformanceSubject = {
  name: 'our registry',
  traits: {
    seenWithinMs: 1_000,
    live: true, // it pushes changes
    weights: true,
    zones: true,
    metadata: true,
    ids: true,
    announces: false,
    tellsUnknown: true,
  },
  discovery: ourDiscovery,
  // The hands of somebody else in the registry: an HTTP call, a line in a file, a statement in SQL.
  async put(service, instance) {
    const list = table.get(service) ?? new Map<string, EnteredInstance>();
    table.set(service, list.set(instance.id, instance));
    tell(service, { upsert: [instance] });
  },
  async remove(service, id) {
    table.get(service)?.delete(id);
    tell(service, { remove: [id] });
  },
};

describe('our source does what every source must do', () => {
  for (const { name, run } of discoveryConformance(subject)) it(name, run);
});
// #endregion
