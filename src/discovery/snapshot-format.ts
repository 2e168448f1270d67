import { createHash, type Hash } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { InstanceInput } from '../core/discovery.js';
import type { Instance } from '../core/endpoint.js';
import { addressOf } from './instance.js';

/**
 * The text of a snapshot: a line that says what it is, a line for each list, and a line with the checksum of all
 * before it. A list's line has a short head and then, after a tab, its instances, so that lists can be passed on and
 * aged without being parsed.
 *
 * Everything is done in slices with a turn of the event loop in between: a few ten thousand instances take longer to
 * write down than a request may be kept waiting.
 */

/** One service's list in a snapshot. */
export interface KeptList {
  readonly service: string;
  /** The name of the source that it is from: another source may mean something else by the same name. */
  readonly source: string;
  /** When the source last stood by it, in milliseconds since 1970. */
  readonly confirmedAt: number;
  /** The instances, in JSON. */
  readonly instances: string;
}

/** The text is something else, or was changed. Its message says what is wrong. */
export class SnapshotFormatError extends Error {}

const HEAD = JSON.stringify({ format: 'fetchmesh lists', version: 1 });
const INSTANCES_PER_TURN = 100;
const CHARACTERS_PER_TURN = 256 * 1_024;

/** Tells lists apart. */
export function keyOf({ service, source }: Pick<KeptList, 'service' | 'source'>): string {
  return JSON.stringify([source, service]);
}

/** Instances in JSON, in the words in which a source would give them. */
export async function encodeInstances(instances: readonly Instance[]): Promise<string> {
  const parts: string[] = [];
  for (const [index, instance] of instances.entries()) {
    if (index > 0 && index % INSTANCES_PER_TURN === 0) await nextTurn();
    const { id, weight, priority, zone, metadata } = instance;
    parts.push(JSON.stringify({ url: addressOf(instance), id, weight, priority, zone, metadata }));
  }
  return `[${parts.join(',')}]`;
}

/** Instances from JSON. @throws Error for what is no list. */
export function decodeInstances(text: string): readonly InstanceInput[] {
  const instances: unknown = JSON.parse(text);
  if (!Array.isArray(instances)) throw new SnapshotFormatError('a list is not a list');
  return instances as InstanceInput[];
}

/** The text of a snapshot, as pieces, of at most `maxBytes`: the lists that come last are left out where it would be more. */
export async function encodeSnapshot(lists: readonly KeptList[], maxBytes: number): Promise<{ pieces: string[]; leftOut: number }> {
  const hash = createHash('sha256');
  const pieces = [`${HEAD}\n`];
  // The checksum's line takes less than this.
  let bytes = Buffer.byteLength(HEAD) + 128;
  let leftOut = 0;
  await addTo(hash, `${HEAD}\n`);
  for (const { service, source, confirmedAt, instances } of lists) {
    const piece = `${JSON.stringify({ service, source, confirmedAt })}\t${instances}\n`;
    const size = Buffer.byteLength(piece);
    if (bytes + size > maxBytes) {
      leftOut++;
      continue;
    }
    bytes += size;
    pieces.push(piece);
    await addTo(hash, piece);
  }
  pieces.push(`${JSON.stringify({ sha256: hash.digest('hex') })}\n`);
  return { pieces, leftOut };
}

/** The lists of a snapshot, by `keyOf`. @throws SnapshotFormatError for a text that is not word for word as it was written. */
export async function decodeSnapshot(text: string): Promise<Map<string, KeptList>> {
  if (!text.startsWith(`${HEAD}\n`))
    throw new SnapshotFormatError(`it is no snapshot of a version that is known (it must begin with ${HEAD})`);
  const footAt = text.lastIndexOf('\n', text.length - 2) + 1;
  const hash = createHash('sha256');
  await addTo(hash, text.slice(0, footAt));
  if (text.slice(footAt) !== `${JSON.stringify({ sha256: hash.digest('hex') })}\n`)
    throw new SnapshotFormatError('its checksum is wrong: it was cut short or changed');
  const lists = new Map<string, KeptList>();
  for (let start = HEAD.length + 1; start < footAt; ) {
    const end = text.indexOf('\n', start);
    const list = decodeLine(text.slice(start, end));
    lists.set(keyOf(list), list);
    start = end + 1;
  }
  return lists;
}

function decodeLine(line: string): KeptList {
  const tab = line.indexOf('\t');
  const head: unknown = JSON.parse(tab < 0 ? 'null' : line.slice(0, tab));
  const { service, source, confirmedAt } = (head ?? {}) as Record<string, unknown>;
  if (typeof service !== 'string' || typeof source !== 'string' || typeof confirmedAt !== 'number')
    throw new SnapshotFormatError('a list does not say what it is');
  return { service, source, confirmedAt, instances: line.slice(tab + 1) };
}

async function addTo(hash: Hash, text: string): Promise<void> {
  for (let start = 0; start < text.length; start += CHARACTERS_PER_TURN) {
    if (start > 0) await nextTurn();
    hash.update(text.slice(start, start + CHARACTERS_PER_TURN));
  }
}
