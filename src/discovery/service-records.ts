import type { Resolver } from 'node:dns/promises';
import type { Clock } from '../core/clock.js';
import type { InstanceInput } from '../core/discovery.js';
import { instanceUrl } from './dns-names.js';
import { type Addresses, isNoRecord, NameAddresses } from './name-addresses.js';

/** What DNS says about a service: undefined for a name that it does not have. */
export interface DnsAnswer {
  readonly instances: readonly InstanceInput[];
  readonly ttlMs: number;
}

/**
 * RFC 2782: next to records that have a weight, one of weight 0 should be picked hardly ever; among themselves they
 * are equals. Our weights are above 0, and this is small beside the smallest of the others, which is 1.
 */
const WEIGHT_OF_ZERO = 0.01;

/**
 * Targets that are asked for at the same time. Hundreds of datagrams at once overflow the server's buffer, and each one
 * that is lost costs a whole `timeoutMs`: 250 targets took 2.1 s all together, and a tenth of that one after the other.
 */
const MOST_AT_ONCE = 16;

/**
 * The SRV records of one name (RFC 2782), with the addresses of their targets. A record's weight is shared among the
 * addresses of its target, since it is the target that has the weight.
 *
 * Node does not tell the TTL of SRV records, so the least TTL of the targets' addresses stands for it.
 */
export class ServiceRecords {
  private targets = new Map<string, NameAddresses>();
  private missing = new Set<string>();

  constructor(
    private readonly name: string,
    private readonly scheme: 'http' | 'https',
    /** Reports a record whose target has no address: once, for as long as that is so. */
    private readonly skipped: (record: string, reason: string) => void,
  ) {}

  /** The instances now, or undefined for a name without such records. Rejects when that cannot be told. */
  async ask(resolver: Resolver, clock: Clock): Promise<DnsAnswer | undefined> {
    let records: Awaited<ReturnType<Resolver['resolveSrv']>>;
    try {
      records = await resolver.resolveSrv(this.name);
    } catch (error) {
      if (isNoRecord(error)) return undefined;
      throw error;
    }
    // A target of '.' says that the service is decidedly not there.
    const usable = records.filter(({ name }) => name !== '' && name !== '.');
    const before = this.targets;
    this.targets = new Map(usable.map(({ name }) => [name, before.get(name) ?? new NameAddresses(name)]));
    const ttlMs = await this.askTargets(resolver, clock);
    this.reportMissing(usable);
    const instances = new Map<string, { url: string; priority: number; weight: number }>();
    for (const { name, port, priority, weight } of usable) {
      const addresses = this.targets.get(name)?.known ?? [];
      const share = (weight === 0 ? WEIGHT_OF_ZERO : weight) / addresses.length;
      for (const address of addresses) {
        const url = instanceUrl(this.scheme, address, port);
        const other = instances.get(url);
        // Several records may lead to one address: within a priority their weights add up.
        if (other === undefined || other.priority > priority) instances.set(url, { url, priority, weight: share });
        else if (other.priority === priority) other.weight += share;
      }
    }
    return { instances: [...instances.values()], ttlMs };
  }

  private reportMissing(records: readonly { readonly name: string; readonly port: number }[]): void {
    const before = this.missing;
    this.missing = new Set();
    for (const { name, port } of records) {
      if ((this.targets.get(name)?.known.length ?? 0) > 0) continue;
      const record = `${name}:${port}`;
      this.missing.add(record);
      if (!before.has(record)) this.skipped(record, `the target of an SRV record of ${this.name} has no address`);
    }
  }

  /** Asks for all targets' addresses. One that fails keeps those it had; rejects when none could be asked. */
  private async askTargets(resolver: Resolver, clock: Clock): Promise<number> {
    const outcomes: PromiseSettledResult<Addresses>[] = [];
    const left = this.targets.values();
    const askNext = async (): Promise<void> => {
      for (const target of left) outcomes.push(...(await Promise.allSettled([target.ask(resolver, clock)])));
    };
    await Promise.all(Array.from({ length: MOST_AT_ONCE }, askNext));
    const answers = outcomes.filter((outcome) => outcome.status === 'fulfilled');
    const failure = outcomes.find((outcome) => outcome.status === 'rejected');
    if (failure !== undefined && !answers.some(({ value }) => value.addresses.length > 0)) throw failure.reason;
    return Math.min(...answers.map(({ value }) => value.ttlMs));
  }
}
