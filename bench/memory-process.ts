import { setTimeout as sleep } from 'node:timers/promises';
import { createMesh, roundRobin, staticDiscovery } from '../src/index.js';
import { answer } from './child.js';
import type { MemoryResult } from './memory.js';
import { noWire } from './no-wire.js';

/** Measures memory. Called by memory.ts with the server's URLs. */

const [mode, ...urls] = process.argv.slice(2);
const ENDPOINTS = 10_000;
const requests = mode === 'quick' ? 200_000 : 1_000_000;
const CONNECTIONS = 500;
const STAYS_OPEN_MS = 60_000;
const IDLE_MS = 100;
/** A pool goes a second after its last connection, and looks for that time once or twice. */
const CLOSED_AFTER_MS = 3_000;
const AT_A_TIME = 50;

async function heldBytes(): Promise<number> {
  for (let i = 0; i < 3; i++) {
    globalThis.gc?.();
    await sleep(10);
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** A mesh with `count` endpoints, all of which are on the same few addresses. */
function meshOf(count: number, idleMs = IDLE_MS) {
  const api = Array.from({ length: count }, (_, index) => ({ id: `replica-${index}`, url: urls[index % urls.length] ?? '' }));
  return createMesh({ discovery: staticDiscovery({ api }), defaults: { balancer: roundRobin(), connections: { idleMs } } });
}

type BenchMesh = ReturnType<typeof meshOf>;

/** One request to each endpoint, and then the time until every connection and pool is closed. */
async function useAll(mesh: BenchMesh, count: number): Promise<void> {
  await sendToAll(mesh, count);
  await sleep(CLOSED_AFTER_MS);
}

async function sendToAll(mesh: BenchMesh, count: number): Promise<void> {
  let begun = 0;
  const worker = async (): Promise<void> => {
    while (begun < count) {
      begun++;
      await (await mesh.fetch('http://api/items/42')).json();
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, worker));
}

async function perEndpoint(): Promise<{ unusedBytes: number; idleBytes: number }> {
  const warmUp = meshOf(100);
  await useAll(warmUp, 100);
  await warmUp.close();
  const before = await heldBytes();
  const mesh = meshOf(ENDPOINTS);
  await mesh.ready(['api'], { minEndpoints: ENDPOINTS });
  const unused = await heldBytes();
  await useAll(mesh, ENDPOINTS);
  const idle = await heldBytes();
  const used = mesh.inspect().services.api?.endpoints.filter((endpoint) => endpoint.requests === 1).length;
  if (used !== ENDPOINTS) throw new Error(`${used} of ${ENDPOINTS} endpoints were used once`);
  await mesh.close();
  return { unusedBytes: (unused - before) / ENDPOINTS, idleBytes: (idle - before) / ENDPOINTS };
}

/** What a connection takes that was used once and stays open, its pool included; the system's buffers are not. */
async function perConnection(): Promise<number> {
  const mesh = meshOf(CONNECTIONS, STAYS_OPEN_MS);
  await mesh.ready(['api'], { minEndpoints: CONNECTIONS });
  const before = await heldBytes();
  await sendToAll(mesh, CONNECTIONS);
  const bytes = (await heldBytes()) - before;
  await mesh.close();
  return bytes / CONNECTIONS;
}

/** As a mesh comes, with the default balancer, which has picked once, and no connection. */
async function byDefault(): Promise<number> {
  const meshOfMany = (count: number) => {
    const api = Array.from({ length: count }, (_, index) => `http://10.1.${index >> 8}.${index & 255}:8080`);
    return createMesh({ discovery: staticDiscovery({ api }), transport: noWire() });
  };
  const warmUp = meshOfMany(100);
  await (await warmUp.fetch('http://api/items/42')).json();
  await warmUp.close();
  const before = await heldBytes();
  const mesh = meshOfMany(ENDPOINTS);
  await (await mesh.fetch('http://api/items/42')).json();
  const bytes = (await heldBytes()) - before;
  await mesh.close();
  return bytes;
}

async function growth(): Promise<number> {
  const mesh = createMesh({
    discovery: staticDiscovery({ api: ['http://10.0.0.1', 'http://10.0.0.2', 'http://10.0.0.3', 'http://10.0.0.4'] }),
    transport: noWire(),
  });
  const send = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i++) {
      await (await mesh.fetch('http://api/items/42')).json();
      if (i % 1_000 === 0) await sleep(0);
    }
  };
  await send(requests / 10);
  const before = await heldBytes();
  await send((requests * 9) / 10);
  const after = await heldBytes();
  await mesh.close();
  return after - before;
}

const result: MemoryResult = {
  endpoints: ENDPOINTS,
  ...(await perEndpoint()),
  connectionBytes: await perConnection(),
  defaultBytes: await byDefault(),
  requests,
  growthBytes: await growth(),
};
answer(result);
