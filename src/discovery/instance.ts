import type { InstanceInput } from '../core/discovery.js';
import { type Endpoint, type Instance, originOf } from '../core/endpoint.js';
import { show } from '../core/errors.js';
import { checkedMetadata, checkedPriority, checkedWeight, checkedZone, sameMetadata } from './instance-fields.js';

/**
 * The border where what a registry says becomes an `Instance`: after it, an address can be dialled and every
 * number is in its range.
 *
 * Registries are written by many hands, so this is also where what must not pass is refused. Link-local
 * addresses are the first of it: 169.254.169.254 is where clouds keep a machine's credentials, and a registry
 * entry that points there would turn every service into a way to them.
 */

const LONGEST_ID = 1_024;
const LONGEST_SHOWN = 200;

/**
 * Checks one instance and fills in what it leaves out.
 *
 * @throws Error whose message says what is wrong, for the reports about entries that had to be left out.
 * @example
 * parseInstance('http://10.0.0.1:8080/api/').basePath; // '/api'
 */
export function parseInstance(input: InstanceInput): Instance {
  if (typeof input === 'string') return parseFields({ url: input });
  if (typeof input !== 'object' || input === null) throw new Error(`an instance must be a URL or an object with a url, got ${show(input)}`);
  return parseFields(input);
}

function parseFields(input: Exclude<InstanceInput, string>): Instance {
  const address = parseAddress(input.url);
  return {
    id: input.id === undefined ? addressOf(address) : checkedId(input.id),
    protocol: address.protocol,
    hostname: address.hostname,
    port: address.port,
    basePath: address.basePath,
    weight: checkedWeight(input.weight),
    priority: checkedPriority(input.priority),
    zone: checkedZone(input.zone),
    metadata: checkedMetadata(input.metadata),
  };
}

type Address = Pick<Instance, 'protocol' | 'hostname' | 'port' | 'basePath'>;

/** Where an instance is reached, as one text. */
export function addressOf(address: Address): string {
  return originOf(address) + address.basePath;
}

/** Whether two instances are reached at the same place. */
export function sameAddress(one: Address, other: Address): boolean {
  return one.port === other.port && one.hostname === other.hostname && one.protocol === other.protocol && one.basePath === other.basePath;
}

/**
 * The id that an entry goes by although it may be unusable otherwise, so that an instance whose weight was set
 * to 0 can be recognised; undefined where not even that can be told.
 */
export function idOfEntry(input: InstanceInput): string | undefined {
  try {
    if (typeof input === 'object' && input?.id !== undefined) return checkedId(input.id);
    return addressOf(parseAddress(typeof input === 'string' ? input : input?.url));
  } catch {
    return undefined;
  }
}

/** The id under which an entry is most likely known. A guess that costs no parsing. */
export function likelyId(input: InstanceInput): string | undefined {
  return typeof input === 'string' ? input : (input?.id ?? input?.url);
}

/**
 * Whether an entry says nothing new about an endpoint that was made from the URL text `url`: what makes a
 * refresh of a long list cheap.
 */
export function saysTheSame(endpoint: Pick<Endpoint, 'instance'>, url: string, input: InstanceInput): boolean {
  const { id, weight, priority, zone, metadata } = endpoint.instance;
  if (typeof input === 'string') {
    return input === url && input === id && weight === 1 && priority === 0 && zone === undefined && sameMetadata(metadata, undefined);
  }
  return (
    input.url === url &&
    (input.id ?? url) === id &&
    (input.weight ?? 1) === weight &&
    (input.priority ?? 0) === priority &&
    (input.zone || undefined) === zone &&
    sameMetadata(metadata, input.metadata)
  );
}

/** An entry as it may stand in reports: its URL without the secrets that may be in it. */
export function describeEntry(input: unknown): string {
  const url = typeof input === 'object' && input !== null && 'url' in input ? input.url : input;
  return typeof url === 'string' ? withoutSecrets(url) : show(url);
}

function withoutSecrets(url: string): string {
  const bare = url.replace(/\?.*$/s, '?***').replace(/^([^/]*\/\/)?.*@/s, '$1***@');
  return bare.length > LONGEST_SHOWN ? `${bare.slice(0, LONGEST_SHOWN)}...` : bare;
}

function parseAddress(text: unknown): Address {
  if (typeof text !== 'string') throw new Error(`url must be a string, got ${show(text)}`);
  const refuse = (expected: string): never => {
    throw new Error(`url must ${expected}, got '${withoutSecrets(text)}'`);
  };
  if (!URL.canParse(text)) return refuse('be an absolute URL such as http://10.0.0.1:8080');
  const url = new URL(text);
  const { protocol } = url;
  if (protocol !== 'http:' && protocol !== 'https:') return refuse('start with http:// or https://');
  if (url.username !== '' || url.password !== '') refuse('be without credentials');
  if (url.href.includes('?')) refuse('be without a query');
  if (url.href.includes('#')) refuse('be without a fragment');
  if (url.port === '0') refuse('have a port from 1 to 65535');
  const hostname = url.hostname.startsWith('[') ? url.hostname.slice(1, -1) : url.hostname;
  if (LINK_LOCAL.test(hostname)) refuse('not be a link-local address (169.254.0.0/16, fe80::/10)');
  const port = url.port === '' ? (protocol === 'http:' ? 80 : 443) : Number(url.port);
  return { protocol, hostname, port, basePath: withoutSlashAtEnd(url.pathname) };
}

/**
 * 169.254.0.0/16, fe80::/10 and the IPv6 forms that lead to the former: mapped (RFC 4291 section 2.5.5) and
 * translated (RFC 6052). `URL` has brought every other way of writing them into this one.
 */
const LINK_LOCAL = /^(?:169\.254\.\d+\.\d+$|fe[89ab][\da-f]:|::ffff:a9fe:|64:ff9b::a9fe:)/;

function withoutSlashAtEnd(path: string): string {
  let end = path.length;
  while (end > 0 && path[end - 1] === '/') end--;
  return path.slice(0, end);
}

function checkedId(id: unknown): string {
  if (typeof id === 'string' && id !== '' && id.length <= LONGEST_ID) return id;
  throw new Error(`id must be a string of 1 to ${LONGEST_ID} characters, got ${show(id)}`);
}
