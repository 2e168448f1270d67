import type { Resolver } from 'node:dns/promises';
import type { Clock } from '../core/clock.js';
import type { InstanceInput } from '../core/discovery.js';
import { instanceUrl } from './dns-names.js';
import { isNoRecord, NameAddresses } from './name-addresses.js';

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
 * The SRV records of one name (RFC 2782), with the addresses of their targets. A record's weight is shared among the
 * addresses of its target, since it is the target that has the weight.
 *
 * Node does not tell the TTL of SRV records, so the least TTL of the targets' addresses stands for it.
 */
export class ServiceRecords {
  private targets = new Map<string, NameAddresses>();

  constructor(
    private readonly name: string,
    private readonly scheme: 'http' | 'https',
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

  /** Asks for all targets' addresses. One that fails keeps those it had; rejects when none could be asked. */
  private async askTargets(resolver: Resolver, clock: Clock): Promise<number> {
    const outcomes = await Promise.allSettled([...this.targets.values()].map((target) => target.ask(resolver, clock)));
    const answers = outcomes.filter((outcome) => outcome.status === 'fulfilled');
    const failure = outcomes.find((outcome) => outcome.status === 'rejected');
    if (failure !== undefined && !answers.some(({ value }) => value.addresses.length > 0)) throw failure.reason;
    return Math.min(...answers.map(({ value }) => value.ttlMs));
  }
}
