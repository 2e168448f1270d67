import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { type Balancer, definePolicy } from '../../src/index.js';
import { at, type SimulationOptions, type SimulationResult } from '../../src/testing/simulation/index.js';
import { OURS, ours, oursWithSubset } from '../contenders.js';
import type { Contender, Measure, Scenario, Situation } from '../scenario.js';
import { EXPONENTIAL, loadReport, SERVICE_MS, steady, TIMES } from '../steady.js';

/**
 * Fleets as large as a process holds, each client with its own mesh and its own list: what clients and servers hold, and
 * what the registry has to say. Not what docs/scale.md works out for 10,000 of 10,000, which takes some 70 GB.
 */

const SUBSET = 'ours, a part of the servers for each client';
/** One server in a hundred is replaced while requests come. */
const REPLACED = 0.01;

let collect: (() => void) | undefined;

/** Bytes of the heap and of what lies outside it, after a full collection. */
function heldBytes(): number {
  if (collect === undefined) {
    setFlagsFromString('--expose-gc');
    collect = runInNewContext('gc') as () => void;
  }
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** What is counted in the run under way: a client's options, its requests and the events have no other way to meet. */
interface Count {
  emptyBytes: number;
  bytes: number;
  readonly clientsOf: Map<string, number>;
  listening: WeakSet<object>;
  changes: number;
}

let count = newCount();

function newCount(): Count {
  return { emptyBytes: heldBytes(), bytes: 0, clientsOf: new Map(), listening: new WeakSet(), changes: 0 };
}

/** Built once for each client and each server that have to do with each other. */
const connected = definePolicy({
  name: 'counted',
  levels: ['endpoint'],
  build(next, scope) {
    if (scope.level === 'endpoint') count.clientsOf.set(scope.endpoint.id, (count.clientsOf.get(scope.endpoint.id) ?? 0) + 1);
    return next;
  },
});

function counted(name: string, balancer: (client: number) => Balancer): Contender {
  return {
    name,
    mesh(client) {
      if (client === 0) count = newCount();
      const policies = { perCall: [], perEndpoint: [connected] };
      return { defaults: { balancer: balancer(client), policies, connections: { max: 65_535 } } };
    },
  };
}

const send: SimulationOptions['send'] = (mesh) => {
  if (!count.listening.has(mesh)) {
    count.listening.add(mesh);
    mesh.on('endpointRemoved', () => count.changes++);
  }
  return mesh.fetch('http://simulated/');
};

function situation([clients, servers, size]: Fleet, requests: number): Situation {
  const options = steady({ servers, load: 0.8, clients, requests, delay: 0.05, reports: true });
  const { durationMs } = options;
  const replaced = Array.from({ length: servers * REPLACED }, (_, index) => Math.floor((index + 0.5) / REPLACED));
  const events = replaced.map((number, index) =>
    at(durationMs * (0.5 + (0.3 * index) / replaced.length), ({ add, remove }) => {
      remove(`server-${number}`);
      add({ name: `new-${number}`, serviceMs: EXPONENTIAL, answerHeaders: ({ inSystem }) => loadReport(inSystem, SERVICE_MS) });
    }),
  );
  const weigh = at(durationMs * 0.99, () => {
    count.bytes = heldBytes();
  });
  return {
    name: `${clients.toLocaleString('en')} clients of ${servers.toLocaleString('en')} servers, parts of ${size.toLocaleString('en')}`,
    contenders: [counted(OURS, ours), counted(SUBSET, oursWithSubset(size))],
    options: { ...options, clients, send, events: [...events, weigh] },
  };
}

type Fleet = readonly [clients: number, servers: number, size: number];

/** Parts are so large that each server is in those of ten clients at least: too few could not make use of all servers. */
const FLEETS: readonly Fleet[] = [
  [1_000, 1_000, 20],
  [100, 10_000, 1_000],
  [10_000, 100, 20],
];

/** The most that any server had, as a multiple of the mean: among those that were there all the time. */
function mostToMean(numbers: readonly number[]): number {
  return Math.max(...numbers) / (numbers.reduce((sum, number) => sum + number, 0) / numbers.length);
}

function lasting({ endpoints }: SimulationResult): readonly string[] {
  const replaced = new Set(endpoints.filter(({ name }) => name.startsWith('new-')).map(({ name }) => `server-${name.slice(4)}`));
  return endpoints.map(({ name }) => name).filter((name) => !name.startsWith('new-') && !replaced.has(name));
}

const clientsOfServers = (result: SimulationResult) => lasting(result).map((name) => count.clientsOf.get(name) ?? 0);

const CLIENTS_OF_A_SERVER = 'clients of a server';
const MOST_CLIENTS = 'most to mean';
const MEASURES: readonly Measure[] = [
  { name: CLIENTS_OF_A_SERVER, decimals: 1, of: (result) => sum(clientsOfServers(result)) / lasting(result).length },
  { name: MOST_CLIENTS, decimals: 2, of: (result) => mostToMean(clientsOfServers(result)) },
  {
    name: 'most requests of a server to mean',
    decimals: 2,
    of: (result) => {
      const names = new Set(lasting(result));
      return mostToMean(result.endpoints.filter(({ name }) => names.has(name)).map(({ received }) => received));
    },
  },
  { name: 'KiB a client', decimals: 0, of: (_result, { clients = 1 }) => (count.bytes - count.emptyBytes) / clients / 1_024 },
  { name: 'removals heard by clients', decimals: 0, of: () => count.changes },
  ...TIMES,
];

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

export const scale: Scenario = {
  name: 'scale',
  title: 'Many clients of many servers',
  about:
    'Fleets as large as one process holds, each client with a mesh and a list of its own: servers with one worker each at 80 % load, exponential service times, Poisson arrivals, 0.05 service times of network each way, answers that tell the load. ' +
    `Each client uses all servers, or a part of them, evenly shared since clients and servers know their numbers. While requests come, one server in a hundred is replaced, and every client hears of it. ` +
    'A client counts for a server that it has sent something to, which is at least one connection; the memory is that of meshes, lists, endpoints and measurements, without sockets, which a simulation does not have. Times are in service times, without those on the network.',
  situations: FLEETS.map((fleet) => situation(fleet, 200_000)),
  measures: MEASURES,
  drawn: { measure: CLIENTS_OF_A_SERVER },
};
