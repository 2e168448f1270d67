import { show } from '../../core/errors.js';
import { type Fields, fieldsOf, textOf } from '../fields.js';
import type { ConsulSettings } from './options.js';
import { detailsOfService } from './service-meta.js';

/**
 * One entry of the health endpoint's answer, as an instance. Entries are written by many hands: nothing in them has to
 * be what the documentation says.
 */

/** An instance as an entry tells of it, before it is known whether its id is its alone. */
export interface EntryInstance {
  readonly url: string;
  readonly weight: number;
  readonly zone: string | undefined;
  readonly metadata: Readonly<Record<string, string>>;
}

/** What an entry says. */
export interface HealthEntry {
  /** Tells entries apart: a service's id is its own only among those of its node. */
  readonly key: string;
  readonly node: string;
  /** The id that the instance should have. */
  readonly id: string;
  /** Undefined for one that is to get no requests. */
  readonly instance: EntryInstance | undefined;
  /** Why it cannot be used, where that is a mistake. */
  readonly problem: string | undefined;
}

export type EntrySettings = Pick<ConsulSettings, 'health' | 'scheme' | 'zoneKey'>;

/** Host names and addresses: nothing that would end the host part of a URL. */
const HOST = /^(?:[\w.-]{1,255}|[\da-f:.]{2,45})$/i;
/** Spring Cloud Consul's way to say that an instance speaks TLS. */
const SECURE = 'secure';

/** Reads one entry. @throws Error for one that has no name. */
export function readEntry(entry: unknown, settings: EntrySettings): HealthEntry {
  const { Node, Service, Checks } = fieldsOf(entry);
  const node = fieldsOf(Node);
  const service = fieldsOf(Service);
  if (typeof node.Node !== 'string' || typeof service.ID !== 'string' || service.ID === '') throw new Error('it has no node or no id');
  const names = { key: `${node.Node}\n${service.ID}`, node: node.Node };
  // Whoever gives no id has the service's name for one, on each node the same.
  const ownId = service.ID === service.Service ? `${service.ID}@${node.Node}` : service.ID;
  try {
    const { id, instance } = read(node, service, Checks, settings);
    return { ...names, id: id ?? ownId, instance, problem: undefined };
  } catch (error) {
    return { ...names, id: ownId, instance: undefined, problem: error instanceof Error ? error.message : String(error) };
  }
}

/** An entry's name for reports, from the beginning of its JSON. */
export function nameInJson(beginning: string): string {
  const [, node] = /"Node":\s*"([^"]{1,100})"/.exec(beginning) ?? [];
  return node === undefined ? 'an entry' : `an entry of the node ${node}`;
}

function read(
  node: Fields,
  service: Fields,
  checks: unknown,
  settings: EntrySettings,
): { id?: string | undefined; instance: EntryInstance | undefined } {
  const weights = fieldsOf(service.Weights);
  const { scheme, zoneKey } = settings;
  const meta = fieldsOf(service.Meta);
  const tags = Array.isArray(service.Tags) ? service.Tags.filter((tag) => typeof tag === 'string') : [];
  const said = detailsOfService(meta, numberOf(weights.Passing, 1), zoneKey);
  const status = settings.health === 'passing' ? 'passing' : worstStatus(checks);
  const weight = status === 'warning' ? numberOf(weights.Warning, 1) : said.weight;
  // A weight of 0 is Consul's way to say that an instance is to get no requests.
  if (status === 'critical' || weight === 0) return { id: said.id, instance: undefined };
  const { Port } = service;
  if (Port === undefined || Port === 0) throw new Error('it has no port');
  if (!Number.isInteger(Port) || Number(Port) < 1 || Number(Port) > 65_535)
    throw new Error(`its port must be a number from 1 to 65535, got ${show(Port)}`);
  const speaks = said.scheme?.toLowerCase() ?? (tags.includes('https') || meta[SECURE] === 'true' ? 'https' : scheme);
  if (speaks !== 'http' && speaks !== 'https') throw new Error(`its scheme must be http or https, got ${show(speaks)}`);
  const path = said.path === '' || said.path.startsWith('/') ? said.path : `/${said.path}`;
  return {
    id: said.id,
    instance: {
      url: `${speaks}://${hostOf(service.Address || node.Address)}:${Port}${path}`,
      weight,
      zone: said.zone ?? zoneOf(service.Locality) ?? textOf(fieldsOf(node.Meta)[zoneKey]) ?? zoneOf(node.Locality),
      metadata: tags.length === 0 || said.metadata.tags !== undefined ? said.metadata : { ...said.metadata, tags: tags.join(',') },
    },
  };
}

function hostOf(address: unknown): string {
  if (typeof address !== 'string' || !HOST.test(address))
    throw new Error(`its address must be a host's name or IP address, got ${show(address)}`);
  return address.includes(':') ? `[${address}]` : address;
}

/** Consul's own order: one check is enough to make an instance worse. */
function worstStatus(checks: unknown): 'passing' | 'warning' | 'critical' {
  let worst: 'passing' | 'warning' = 'passing';
  for (const check of Array.isArray(checks) ? checks : []) {
    const { Status } = fieldsOf(check);
    if (Status === 'warning') worst = 'warning';
    else if (Status !== 'passing') return 'critical';
  }
  return worst;
}

/** Where Consul knows it: of 1.17 and later. */
function zoneOf(locality: unknown): string | undefined {
  return textOf(fieldsOf(locality).Zone);
}

function numberOf(value: unknown, otherwise: number): number {
  return typeof value === 'number' ? value : otherwise;
}
