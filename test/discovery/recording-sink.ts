import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { DiscoverySink, InstanceInput, SnapshotInfo } from '../../src/core/discovery.js';

/** Keeps what a source says, and the list that it amounts to. */
export class RecordingSink implements DiscoverySink {
  readonly said: { kind: 'snapshot' | 'patch' | 'failed'; live?: boolean; upsert?: number; remove?: readonly string[]; error?: unknown }[] =
    [];
  readonly list = new Map<string, InstanceInput>();

  snapshot(instances: readonly InstanceInput[], info?: SnapshotInfo): void {
    this.said.push({ kind: 'snapshot', live: info?.live === true });
    this.list.clear();
    for (const each of instances) this.list.set(keyOf(each), each);
  }

  patch({ upsert = [], remove = [] }: { upsert?: readonly InstanceInput[]; remove?: readonly string[] }): void {
    this.said.push({ kind: 'patch', upsert: upsert.length, remove });
    for (const id of remove) this.list.delete(id);
    for (const each of upsert) this.list.set(keyOf(each), each);
  }

  failed(error: unknown): void {
    this.said.push({ kind: 'failed', error });
  }

  get ids(): string[] {
    return [...this.list.keys()].sort();
  }

  get last(): RecordingSink['said'][number] | undefined {
    return this.said.at(-1);
  }
}

function keyOf(input: InstanceInput): string {
  return typeof input === 'string' ? input : (input.id ?? input.url);
}

/** A folder of its own for a test, removed after it. */
export function temporaryFolder(test: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'fetchmesh-'));
  test.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** How long something real (a file, a socket, another process) may take before a test has failed. */
const PATIENCE_MS = 10_000;

/** Lets the event loop turn until something holds. It returns as soon as it does, and fails after ten seconds. */
export async function until(holds: () => boolean, what: string): Promise<void> {
  const startedMs = performance.now();
  while (!holds()) {
    if (performance.now() - startedMs > PATIENCE_MS) throw new Error(`waited in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}
