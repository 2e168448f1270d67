import type { InstanceInput } from '../core/discovery.js';
import { describeEntry } from './instance.js';

/** Reports of entries that came one by one are forgotten beyond this many, and may then be repeated. */
const MOST_REMEMBERED = 1_000;

/**
 * Reports each unusable entry once for as long as it stands in the list. A poll finds the same mistake every
 * few seconds; saying so every time would bury what is new.
 */
export class SkipReports {
  private known = new Set<string>();
  private before = this.known;

  constructor(private readonly report: (entry: string, reason: string) => void) {}

  /** A whole list begins: what it does not repeat is mended. */
  beginList(): void {
    this.before = this.known;
    this.known = new Set();
  }

  /** A change of single entries begins. */
  beginChange(): void {
    if (this.known.size > MOST_REMEMBERED) this.known.clear();
    this.before = this.known;
  }

  /** An entry cannot be used. */
  skip(input: InstanceInput, reason: string): void {
    const entry = describeEntry(input);
    const key = `${entry}\n${reason}`;
    const isNew = !this.before.has(key) && !this.known.has(key);
    this.known.add(key);
    if (isNew) this.report(entry, reason);
  }
}
