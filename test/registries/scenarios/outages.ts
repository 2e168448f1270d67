import { setTimeout as delay } from 'node:timers/promises';
import { Replica } from '../../support/replicas.js';
import { Network } from '../support/network.js';
import type { EnteredInstance, RegistryUnderTest } from '../support/registry-under-test.js';
import { type Stretch, Traffic } from './traffic.js';

/** What a registry can do to its clients. */
export type OutageKind = 'frozen' | 'killed' | 'unreachable' | 'failing';

/** What an outage came to. */
export interface Outage {
  readonly kind: OutageKind;
  readonly holdMs: number;
  /** What the callers of the service saw while it lasted. */
  readonly during: Stretch;
  /** How long the mesh took to notice: from the start of the outage to `staleSinceMs` in its state. */
  readonly noticedAfterMs: number | undefined;
  /** From the moment when the registry could be reached to the new instance in the list. */
  readonly currentAfterMs: number;
  /** The same from the first connection that succeeded, where the test can see connections. */
  readonly currentAfterConnectionMs: number | undefined;
}

const KINDS: readonly OutageKind[] = ['frozen', 'killed', 'unreachable', 'failing'];
const SERVICE = 'steady';
const REPLICAS = 4;
const REQUESTS_PER_SECOND = 50;
/** The liveness of the sources of these tests: an outage of a few seconds is to be noticed. */
const LIVENESS_MS = 3_000;
/** The longest wait between two attempts, what the list may take after the one that succeeds, and a busy machine. */
const LONGEST_BACKOFF_MS = 5_000;
const CURRENT_WITHIN_MS = 2_000;
const MARGIN_MS = 3_000;

/** Makes a registry go away in each of the ways in turn, under load; those of the network side by side. */
export async function outages(registry: RegistryUnderTest, holdMs: number): Promise<readonly Outage[]> {
  const replicas = await Promise.all(Array.from({ length: REPLICAS + KINDS.length }, () => Replica.start()));
  const steady = replicas.slice(0, REPLICAS).map((replica, index): EnteredInstance => ({ id: `steady-${index}`, url: replica.url }));
  const late = (kind: OutageKind): EnteredInstance => {
    const { url } = replicas[REPLICAS + KINDS.indexOf(kind)] as Replica;
    return { id: `late-${kind}`, url };
  };
  const enterSteady = () => Promise.all(steady.map((instance) => registry.put(SERVICE, instance)));
  await enterSteady();
  try {
    const ofNetwork = registry.isReachedByTcp
      ? await Promise.all([
          broken(registry, 'unreachable', holdMs, late('unreachable')),
          broken(registry, 'failing', holdMs, late('failing')),
        ])
      : [];
    const frozen = await held(registry, 'frozen', holdMs, late('frozen'), {
      begin: async () => registry.server.freeze(),
      end: async () => registry.server.thaw(),
    });
    const killed = await held(registry, 'killed', holdMs, late('killed'), {
      begin: () => registry.server.kill(),
      end: async () => {
        await registry.server.restart();
        // Some keep nothing over a restart: their instances come back and say so, as they would.
        if ((await registry.entries(SERVICE)).length === 0) await enterSteady();
      },
    });
    return [frozen, killed, ...ofNetwork];
  } finally {
    await Promise.all(replicas.map((replica) => replica.kill()));
  }
}

async function held(
  registry: RegistryUnderTest,
  kind: OutageKind,
  holdMs: number,
  late: EnteredInstance,
  outage: { begin(): Promise<void>; end(): Promise<void> },
): Promise<Outage> {
  const traffic = new Traffic(registry.discovery({ livenessMs: LIVENESS_MS }), SERVICE);
  try {
    await begin(traffic);
    const startedMs = performance.now();
    await outage.begin();
    const noticedAfterMs = await noticed(traffic, holdMs);
    await delay(Math.max(0, startedMs + holdMs - performance.now()));
    await outage.end();
    const reachableMs = performance.now();
    await registry.put(SERVICE, late);
    await traffic.knows(late, LONGEST_BACKOFF_MS + CURRENT_WITHIN_MS + MARGIN_MS + registry.traits.seenWithinMs);
    return {
      kind,
      holdMs,
      during: traffic.since(startedMs),
      noticedAfterMs,
      currentAfterMs: performance.now() - reachableMs,
      currentAfterConnectionMs: undefined,
    };
  } finally {
    await traffic.stop();
  }
}

async function broken(
  registry: RegistryUnderTest,
  kind: 'unreachable' | 'failing',
  holdMs: number,
  late: EnteredInstance,
): Promise<Outage> {
  const network = await Network.to(registry.server.address);
  const traffic = new Traffic(registry.discovery({ via: network.address, livenessMs: LIVENESS_MS }), SERVICE);
  try {
    await begin(traffic);
    const startedMs = performance.now();
    network.turn(kind === 'unreachable' ? 'silent' : 'failing');
    const noticedAfterMs = await noticed(traffic, holdMs);
    await delay(Math.max(0, startedMs + holdMs - performance.now()));
    await registry.put(SERVICE, late);
    network.turn('open');
    const reachableMs = performance.now();
    await traffic.knows(late, LONGEST_BACKOFF_MS + CURRENT_WITHIN_MS + MARGIN_MS + registry.traits.seenWithinMs);
    const knownMs = performance.now();
    const { mendedConnectionAt } = network;
    return {
      kind,
      holdMs,
      during: traffic.since(startedMs),
      noticedAfterMs,
      currentAfterMs: knownMs - reachableMs,
      currentAfterConnectionMs: mendedConnectionAt === undefined ? undefined : knownMs - mendedConnectionAt,
    };
  } finally {
    await traffic.stop();
    network.close();
  }
}

async function begin(traffic: Traffic): Promise<void> {
  await traffic.mesh.ready([SERVICE], { timeoutMs: 30_000, minEndpoints: REPLICAS });
  traffic.start(REQUESTS_PER_SECOND);
  // Every endpoint's first connection is made before anything goes wrong.
  await delay(500);
}

async function noticed(traffic: Traffic, withinMs: number): Promise<number | undefined> {
  const startedMs = performance.now();
  while (performance.now() - startedMs < withinMs) {
    if (traffic.staleSinceMs !== undefined) return performance.now() - startedMs;
    await delay(20);
  }
  return undefined;
}
