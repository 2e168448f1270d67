import type { InstanceInput } from '../../core/discovery.js';
import { type EntrySettings, type HealthEntry, nameInJson, readEntry } from './health-entry.js';
import { type ElementReader, type Fingerprint, ListElements } from './list-elements.js';
import { PublishedIds } from './published-ids.js';

/**
 * What a service's list was when Consul told it last. Each further list is compared with it while it comes in, entry by
 * entry: one that has the same bytes as before is not even parsed, so that what comes out is the difference.
 */

/** The difference between two lists. */
export interface ListChange {
  readonly upsert: readonly InstanceInput[];
  readonly remove: readonly string[];
}

/** A list that is coming in. Nothing of it counts before its end. */
export interface IncomingList {
  /** @throws Error for what cannot be a list. */
  push(chunk: Buffer): void;
  /** The list is complete: it counts from now on. @throws Error when it is not complete. */
  end(): ListChange;
}

export interface HealthListInit {
  readonly settings: EntrySettings;
  /** The datacenter's place among those that are asked. */
  readonly priority: number;
  /** Added to every id: instances of two datacenters may have the same. */
  readonly idSuffix: string;
  /** An entry cannot be used; once for as long as it says the same. */
  skipped(entry: string, reason: string): void;
}

/** An entry of the list. */
interface Known {
  readonly key: string;
  fingerprint: Fingerprint;
  entry: HealthEntry | undefined;
  problem: string | undefined;
  /** The list that had it last, and its place in that list. */
  seenIn: number;
  place: number;
}

/** No entry that Consul lets anybody enter is as long. */
const LONGEST_ENTRY_BYTES = 1_024 * 1_024;

export class HealthList {
  private readonly byFingerprint = new Map<number, Known>();
  private readonly byKey = new Map<string, Known>();
  private readonly ids: PublishedIds;
  private order: Known[] = [];
  private lists = 0;

  constructor(private readonly init: HealthListInit) {
    this.ids = new PublishedIds(init.priority, init.idSuffix, (entry, reason) => init.skipped(entry, reason));
  }

  /** How many instances there are to send to. */
  get size(): number {
    return this.ids.size;
  }

  /** Every instance. */
  instances(): InstanceInput[] {
    return this.ids.instances();
  }

  /** Begins to take in a list. Beginning another one forgets it. */
  begin(): IncomingList {
    const number = ++this.lists;
    const reader = new ListReader(number, this.order, this.byFingerprint, this.init.settings);
    const elements = new ListElements(reader, LONGEST_ENTRY_BYTES);
    return {
      push: (chunk) => elements.push(chunk),
      end: () => {
        elements.end();
        return this.apply(number, reader);
      },
    };
  }

  private apply(number: number, { order, parsed }: ListReader): ListChange {
    const changed: Known[] = [];
    for (const item of parsed) {
      const known = this.byKey.get(item.key) ?? item;
      // Where a key comes twice in one list, the first counts.
      if (known !== item && known.seenIn === number) continue;
      this.report(item, known === item ? undefined : known.problem);
      this.byFingerprint.delete(mapKey(known.fingerprint));
      Object.assign(known, item);
      order[item.place] = known;
      this.byKey.set(known.key, known);
      this.byFingerprint.set(mapKey(known.fingerprint), known);
      changed.push(known);
    }
    for (const known of this.byKey.values()) if (known.seenIn !== number) this.forget(known);
    this.order = order;
    order.forEach((known, place) => {
      known.place = place;
    });
    // Ids become free before anybody asks for them.
    for (const { key, entry } of changed) if (entry?.instance === undefined) this.ids.take(key);
    for (const { entry } of changed) if (entry?.instance !== undefined) this.ids.put(entry, entry.instance);
    return this.ids.changes();
  }

  private forget({ key, fingerprint }: Known): void {
    this.byKey.delete(key);
    this.byFingerprint.delete(mapKey(fingerprint));
    this.ids.take(key);
  }

  private report({ key, problem }: Known, before: string | undefined): void {
    if (problem === undefined || problem === before) return;
    const [node, id] = key.split('\n', 2);
    this.init.skipped(id === undefined ? key : `${id.slice(0, 100)} on ${node?.slice(0, 100)}`, problem);
  }
}

/** Takes in the entries of one list: those that are known by their bytes, and those that have to be parsed. */
class ListReader implements ElementReader {
  readonly order: Known[] = [];
  readonly parsed: Known[] = [];
  private next = 0;

  constructor(
    private readonly number: number,
    private readonly before: readonly Known[],
    private readonly byFingerprint: ReadonlyMap<number, Known>,
    private readonly settings: EntrySettings,
  ) {}

  expected(): Fingerprint | undefined {
    return this.before[this.next]?.fingerprint;
  }

  asExpected(): void {
    this.see(this.before[this.next++] as Known);
  }

  element(bytes: Buffer, fingerprint: Fingerprint): void {
    const known = this.byFingerprint.get(mapKey(fingerprint));
    if (known !== undefined) {
      this.next = known.place + 1;
      this.see(known);
      return;
    }
    const text = bytes.toString('utf8');
    try {
      const entry = readEntry(JSON.parse(text), this.settings);
      this.add(entry.key, fingerprint, entry, entry.problem);
    } catch (error) {
      this.unreadable(text, fingerprint, error instanceof Error ? error.message : String(error));
    }
  }

  oversized(beginning: Buffer, length: number): void {
    const reason = `it has ${length} bytes, more than ${LONGEST_ENTRY_BYTES}`;
    this.unreadable(beginning.toString('utf8', 0, 1_000), { length, checksum: 0 }, reason);
  }

  private unreadable(text: string, fingerprint: Fingerprint, reason: string): void {
    this.add(`${nameInJson(text)}, ${fingerprint.length} bytes, ${fingerprint.checksum.toString(16)}`, fingerprint, undefined, reason);
  }

  private see(known: Known): void {
    // An entry that comes twice is one entry.
    if (known.seenIn === this.number) return;
    known.seenIn = this.number;
    this.order.push(known);
  }

  private add(key: string, fingerprint: Fingerprint, entry: HealthEntry | undefined, problem: string | undefined): void {
    const place = this.order.length;
    const known = { key, fingerprint, entry, problem, seenIn: this.number, place };
    this.order.push(known);
    this.parsed.push(known);
  }
}

/** One number for both: lengths have 21 bits, checksums 32. */
function mapKey({ length, checksum }: Fingerprint): number {
  return length * 2 ** 32 + checksum;
}
