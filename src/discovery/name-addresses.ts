import type { Resolver } from 'node:dns/promises';
import type { Clock } from '../core/clock.js';

/** The addresses of one name, and for how long they may be taken as they are. */
export interface Addresses {
  readonly addresses: readonly string[];
  /** Infinity where there is no record that could go stale. */
  readonly ttlMs: number;
}

/**
 * How long one family's answer waits for the other's. Middleboxes that drop AAAA questions are common enough for
 * RFC 8305 (section 3) to bound this at 50 ms for a connection; a list that is kept for a while may wait longer.
 */
const OTHER_FAMILY_MS = 250;

/** The name does not exist, has no record of this type, or cannot exist. */
const NO_RECORD: ReadonlySet<unknown> = new Set(['ENOTFOUND', 'ENODATA', 'EBADNAME']);

/** Whether a resolver said that there is no such record, which is an answer and not a fault. */
export function isNoRecord(error: unknown): boolean {
  return error instanceof Error && 'code' in error && NO_RECORD.has(error.code);
}

/**
 * The A and AAAA records of one name, asked for together, each time the list is renewed.
 *
 * The families are independent. One without records is the normal case, and one that fails or dawdles keeps its
 * last addresses, so that a resolver which chokes on AAAA now and then does not take half of a service away.
 */
export class NameAddresses {
  private readonly v4 = new Family();
  private readonly v6 = new Family();

  constructor(private readonly name: string) {}

  /** The addresses of the last good answers. */
  get known(): readonly string[] {
    return [...this.v4.addresses, ...this.v6.addresses];
  }

  /** The addresses now; none for a name that has none. Rejects when that cannot be told. */
  async ask(resolver: Resolver, clock: Clock): Promise<Addresses> {
    const { name, v4, v6 } = this;
    const both = [v4.take(resolver.resolve4(name, { ttl: true })), v6.take(resolver.resolve6(name, { ttl: true }))];
    const hasAnswer = await Promise.race(both);
    if (hasAnswer) await atMost(OTHER_FAMILY_MS, Promise.all(both), clock);
    else await Promise.all(both);
    const families = [v4, v6];
    const failed = families.find(({ error }) => error !== undefined);
    if (failed !== undefined && !families.some(({ isFresh }) => isFresh)) throw failed.error;
    return { addresses: this.known, ttlMs: Math.min(v4.ttlMs, v6.ttlMs) };
  }
}

/** One family's part: its last good answer, and how the question under way stands. */
class Family {
  addresses: readonly string[] = [];
  ttlMs = Number.POSITIVE_INFINITY;
  /** Whether the last question brought addresses. */
  isFresh = false;
  error: unknown = undefined;

  /** Resolves to whether addresses came. Never rejects. */
  async take(answer: Promise<{ address: string; ttl: number }[]>): Promise<boolean> {
    this.isFresh = false;
    this.error = undefined;
    this.ttlMs = Number.POSITIVE_INFINITY;
    try {
      const records = await answer;
      this.addresses = records.map(({ address }) => address);
      this.ttlMs = Math.min(...records.map(({ ttl }) => ttl * 1_000));
      this.isFresh = records.length > 0;
    } catch (error) {
      if (isNoRecord(error)) this.addresses = [];
      else this.error = error;
    }
    return this.isFresh;
  }
}

/** Waits for some work, but not for long. */
function atMost(ms: number, work: Promise<unknown>, clock: Clock): Promise<void> {
  return new Promise((resolve) => {
    const timer = clock.setTimer(resolve, ms);
    timer.unref();
    work.then(() => {
      timer.cancel();
      resolve();
    });
  });
}
