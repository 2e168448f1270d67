import { isIP } from 'node:net';
import { ConfigError } from '../core/errors.js';
import { knownKeys, wholeNumberIn } from '../core/options-check.js';

/** Which records name the instances: addresses (A and AAAA), or services (SRV). */
export type DnsRecordType = 'address' | 'srv';

/** Where DNS has one service. */
export interface DnsServiceOptions {
  /** The name to look up. */
  readonly name: string;
  /** The port of all instances, 1 to 65,535. Only for 'address': SRV records bring their own. Default: that of the source. */
  readonly port?: number | undefined;
  /** Which records to ask for. Default: that of the source. */
  readonly type?: DnsRecordType | undefined;
  /** What the instances speak. Default: that of the source. */
  readonly scheme?: 'http' | 'https' | undefined;
}

/** A service's place in DNS, checked and in full. */
export interface DnsName {
  readonly name: string;
  readonly port: number;
  readonly type: DnsRecordType;
  readonly scheme: 'http' | 'https';
}

/** What holds for names that do not say otherwise. */
export interface DnsDefaults {
  readonly port: number | undefined;
  readonly type: DnsRecordType;
  readonly scheme: 'http' | 'https';
}

/** Reads what an option says about one service: `users.internal`, `users.internal:8080`, or an object. @throws ConfigError. */
export function dnsName(path: string, given: unknown, defaults: DnsDefaults): DnsName {
  if (typeof given === 'string') {
    const { name, port } = splitPort(path, given);
    return complete(checkedName(path, name), port, defaults);
  }
  knownKeys(path, given, ['name', 'port', 'type', 'scheme']);
  const { name, port, type, scheme } = given as Partial<DnsServiceOptions>;
  const own = {
    ...defaults,
    type: recordType(`${path}.type`, type ?? defaults.type),
    scheme: schemeIn(`${path}.scheme`, scheme ?? defaults.scheme),
  };
  if (port !== undefined && own.type === 'srv')
    throw new ConfigError(`${path}.port`, "left out where the type is 'srv', whose records have the port", port);
  return complete(checkedName(`${path}.name`, name), port === undefined ? undefined : portIn(`${path}.port`, port), own);
}

/** A name with what holds for it. */
export function complete(name: string, port: number | undefined, { type, scheme, port: defaultPort }: DnsDefaults): DnsName {
  return { name, port: port ?? defaultPort ?? (scheme === 'http' ? 80 : 443), type, scheme };
}

function splitPort(path: string, text: string): { name: string; port: number | undefined } {
  const colon = text.indexOf(':');
  if (colon < 0 || isIP(text) !== 0) return { name: text, port: undefined };
  return { name: text.slice(0, colon), port: portIn(path, Number(text.slice(colon + 1))) };
}

/** @throws ConfigError unless it is a name, and not an address. */
export function checkedName(path: string, name: unknown): string {
  if (typeof name === 'string' && /^[^\s:/[\]]{1,254}$/.test(name) && isIP(name) === 0) return name;
  throw new ConfigError(path, 'a DNS name such as users.internal (staticDiscovery takes addresses)', name);
}

/** @throws ConfigError unless it is a port that can be dialled. */
export function portIn(path: string, port: unknown): number {
  return wholeNumberIn(path, port, 1, 65_535);
}

/** @throws ConfigError unless it is a known type of record. */
export function recordType(path: string, type: unknown): DnsRecordType {
  if (type === 'address' || type === 'srv') return type;
  throw new ConfigError(path, "'address' or 'srv'", type);
}

/** @throws ConfigError unless it is a scheme that can be spoken. */
export function schemeIn(path: string, scheme: unknown): 'http' | 'https' {
  if (scheme === 'http' || scheme === 'https') return scheme;
  throw new ConfigError(path, "'http' or 'https'", scheme);
}

/** The URL of an address, in the form that makes it its own id. */
export function instanceUrl(scheme: 'http' | 'https', address: string, port: number): string {
  return `${scheme}://${address.includes(':') ? `[${address}]` : address}:${port}`;
}
