import type { InstanceInput } from '../../core/discovery.js';
import { show } from '../../core/errors.js';
import type { AnnouncedInstance } from '../../discovery/announced-instance.js';

/**
 * What an instance looks like in etcd: the JSON of Go's `naming/endpoints`,
 *
 *     {"Op":0,"Addr":"10.0.0.1:8080","Metadata":{"weight":2,"zone":"eu-1a","version":"7"}}
 *
 * so that Go services which entered themselves are found, and ours by them. Go leaves to the users what `Metadata` is.
 * Here it is an object in which `url`, `weight` and `zone` mean what they mean everywhere in fetchmesh, and all else is
 * metadata. Metadata of these very names stands in an object `metadata` inside of it.
 */

/** Far more than the metadata that an instance may have, and too little to hold anybody up. */
export const LARGEST_VALUE_BYTES = 64 * 1_024;

const RESERVED = ['url', 'weight', 'zone', 'metadata'];
const HOST_AND_PORT = /^(?:\[[\da-f:.]+\]|[^\s:/?#@[\]]+):\d{1,5}$/i;

/**
 * The instance that a key's value describes. Weights, zones and addresses are checked later, with those of all sources.
 *
 * @throws Error whose message says what is wrong with the value.
 */
export function readEntry(id: string, base64: string): InstanceInput {
  if (id === '') throw new Error('its key has nothing after the name of the service');
  const bytes = Math.floor((base64.length * 3) / 4);
  if (bytes > LARGEST_VALUE_BYTES) throw new Error(`its value has ${bytes} bytes, more than ${LARGEST_VALUE_BYTES}`);
  const entry = parsed(Buffer.from(base64, 'base64').toString('utf8'));
  const fields = objectOf(entry);
  if (fields === undefined) throw new Error(`its value must be a JSON object with an Addr, got ${show(entry)}`);
  // Go reads field names in any case.
  const address = fields.Addr ?? fields.addr;
  const said = fields.Metadata ?? fields.metadata;
  const own = objectOf(said);
  return {
    id,
    url: own?.url === undefined ? urlOf(address) : (own.url as string),
    weight: weightOf(own?.weight) as number | undefined,
    zone: (typeof own?.zone === 'number' ? String(own.zone) : (own?.zone ?? undefined)) as string | undefined,
    metadata: own === undefined ? metadataOf(said) : metadataIn(own),
  };
}

/** The value under which an announced instance is entered. */
export function writeEntry(instance: AnnouncedInstance): string {
  const { hostname, port, protocol, basePath, weight, zone, metadata } = instance;
  const address = `${hostname.includes(':') ? `[${hostname}]` : hostname}:${port}`;
  const plain = Object.entries(metadata).filter(([key]) => !RESERVED.includes(key));
  const reserved = Object.entries(metadata).filter(([key]) => RESERVED.includes(key));
  return JSON.stringify({
    Op: 0,
    Addr: address,
    Metadata: Object.fromEntries([
      ...plain,
      ...(protocol === 'http:' && basePath === '' ? [] : [['url', `${protocol}//${address}${basePath}`] as const]),
      ...(weight === 1 ? [] : [['weight', weight] as const]),
      ...(zone === undefined ? [] : [['zone', zone] as const]),
      ...(reserved.length === 0 ? [] : [['metadata', Object.fromEntries(reserved)] as const]),
    ]),
  });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Error(`its value must be JSON such as {"Addr":"10.0.0.1:8080"}, got ${show(text)}`);
  }
}

function urlOf(address: unknown): string {
  if (typeof address !== 'string' || address === '')
    throw new Error(`its Addr must be an address such as 10.0.0.1:8080, got ${show(address)}`);
  if (address.includes('://')) return address;
  if (!HOST_AND_PORT.test(address))
    throw new Error(`its Addr must be a URL, or a host and a port such as 10.0.0.1:8080, got ${show(address)}`);
  return `http://${address}`;
}

/** Text that is a number is one: many programs write all of their metadata as text. */
function weightOf(weight: unknown): unknown {
  return typeof weight === 'string' && /^\d+(?:\.\d+)?$/.test(weight) ? Number(weight) : (weight ?? undefined);
}

function metadataIn(own: Readonly<Record<string, unknown>>): Record<string, string> | undefined {
  const entries: [string, string][] = [];
  for (const [key, value] of Object.entries(own)) {
    if (!RESERVED.includes(key)) add(entries, key, value);
  }
  const nested = objectOf(own.metadata);
  if (nested !== undefined) for (const [key, value] of Object.entries(nested)) add(entries, key, value);
  else add(entries, 'metadata', own.metadata);
  // fromEntries makes a field of `__proto__`, where an assignment would set a prototype.
  return entries.length === 0 ? undefined : Object.fromEntries(entries);
}

function metadataOf(said: unknown): Record<string, string> | undefined {
  const entries: [string, string][] = [];
  add(entries, 'metadata', said);
  return entries.length === 0 ? undefined : Object.fromEntries(entries);
}

/** Metadata is text here, and anything in Go. */
function add(entries: [string, string][], key: string, value: unknown): void {
  if (value === null || value === undefined) return;
  entries.push([key, typeof value === 'string' ? value : JSON.stringify(value)]);
}

function objectOf(value: unknown): Readonly<Record<string, unknown>> | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined;
}
