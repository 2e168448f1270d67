import type { InstanceInput } from '../../core/discovery.js';
import { show } from '../../core/errors.js';
import { type Fields, fieldsOf, textOf } from '../fields.js';
import { CONTEXT_PATH, ID, RESERVED_KEYS, WEIGHT, ZONE } from './metadata-keys.js';
import type { EurekaSettings } from './options.js';

/** What the source takes from an instance's entry in Eureka. */
export interface RegisteredInstance {
  /** The application's name, which Eureka keeps in upper case. */
  readonly app: string;
  /** Its id in Eureka: unique within the application. */
  readonly instanceId: string;
  /** The id that the mesh knows it by: the one that was announced, or else Eureka's. */
  readonly id: string;
  readonly status: string;
  /** When the server last changed the entry, by the server's clock. */
  readonly changedAt: number;
  /** When the instance itself last changed what it says, by the instance's clock. */
  readonly dirtyAt: number;
  /** Whether the entry says that the instance has left. */
  readonly isDeleted: boolean;
  /** The services that it is an instance of, in upper case. */
  readonly services: readonly string[];
  /** What the mesh is to be told; undefined for one that is not to get requests. */
  readonly input: InstanceInput | undefined;
  /** Why it cannot get any although it is up. */
  readonly problem: string | undefined;
}

export type MappingSettings = Pick<EurekaSettings, 'by' | 'address' | 'preferSecure'>;

/** Statuses by which an operator overrides what an instance says of itself. */
const SHUT = new Set(['OUT_OF_SERVICE', 'DOWN', 'STARTING']);
const NUMBER = /^(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i;
/** What would make something else of a URL than a host. */
const NOT_IN_HOST = /[\s/\\?#@]/;

/**
 * Reads the entry of one instance.
 *
 * @throws Error for what does not even say which instance it is.
 */
export function parseRegistered(json: string, application: string, settings: MappingSettings): RegisteredInstance {
  const entry = fieldsOf(JSON.parse(json));
  const app = (textOf(entry.app) ?? application).toUpperCase();
  const dataCenter = fieldsOf(fieldsOf(entry.dataCenterInfo).metadata);
  // As Eureka's own client does it: entries of old clients have no id of their own.
  const instanceId = textOf(entry.instanceId) ?? textOf(dataCenter['instance-id']) ?? textOf(entry.hostName);
  if (app === '' || instanceId === undefined) throw new Error('the entry has no instanceId, or no app');
  const metadata = fieldsOf(entry.metadata);
  const status = textOf(entry.status) ?? 'UNKNOWN';
  const override = textOf(entry.overriddenStatus) ?? textOf(entry.overriddenstatus) ?? 'UNKNOWN';
  const id = textOf(metadata[ID]) ?? instanceId;
  const registered = {
    app,
    instanceId,
    id,
    status,
    changedAt: timeOf(entry.lastUpdatedTimestamp),
    dirtyAt: timeOf(entry.lastDirtyTimestamp),
    isDeleted: entry.actionType === 'DELETED',
    services: settings.by === 'app' ? [app] : vipsOf(entry, settings),
  };
  if (status !== 'UP' || SHUT.has(override)) return { ...registered, input: undefined, problem: undefined };
  try {
    return { ...registered, input: inputOf(id, entry, metadata, dataCenter, settings), problem: undefined };
  } catch (error) {
    return { ...registered, input: undefined, problem: error instanceof Error ? error.message : String(error) };
  }
}

function inputOf(
  id: string,
  entry: Fields,
  metadata: Fields,
  dataCenter: Fields,
  { address, preferSecure }: MappingSettings,
): InstanceInput {
  const open = portOf('port', entry.port, true);
  const secure = portOf('securePort', entry.securePort, false);
  const isSecure = secure !== undefined && (preferSecure || open === undefined);
  const port = isSecure ? secure : open;
  if (port === undefined) throw new Error('neither port nor securePort is enabled');
  const host = hostOf(entry, address);
  const path = textOf(metadata[CONTEXT_PATH]);
  const weight = textOf(metadata[WEIGHT]);
  const zone = metadata[ZONE] ?? dataCenter['availability-zone'];
  const rest = Object.entries(metadata).filter(
    ([key]) => !RESERVED_KEYS.has(key) || (key === WEIGHT && !isNumber(weight)) || (key === CONTEXT_PATH && !isPath(path)),
  );
  return {
    id,
    url: `${isSecure ? 'https' : 'http'}://${host}:${port}${isPath(path) ? path : ''}`,
    ...(isNumber(weight) && { weight: Number(weight) }),
    // What is wrong with it is said where the list is put together.
    ...(zone !== undefined && { zone: zone as string }),
    ...(rest.length > 0 && { metadata: Object.fromEntries(rest) as Record<string, string> }),
  };
}

/** A port of today's servers is `{ "$": 8080, "@enabled": "true" }`; of others, a number. Undefined for one that is not enabled. */
function portOf(name: string, said: unknown, isEnabledByDefault: boolean): number | undefined {
  if (said === undefined || said === null) return undefined;
  const fields = typeof said === 'object' ? fieldsOf(said) : { $: said };
  const enabled = fields['@enabled'] ?? isEnabledByDefault;
  if (enabled !== true && enabled !== 'true') return undefined;
  const port = Number(fields.$);
  if (Number.isInteger(port) && port > 0 && port < 65_536) return port;
  throw new Error(`${name} must be from 1 to 65535, got ${show(fields.$)}`);
}

function hostOf(entry: Fields, address: 'hostName' | 'ipAddr'): string {
  const host = textOf(entry[address]) ?? textOf(entry[address === 'ipAddr' ? 'hostName' : 'ipAddr']);
  if (host === undefined) throw new Error('it has neither a hostName nor an ipAddr');
  if (NOT_IN_HOST.test(host)) throw new Error(`${address} must be a host, got ${show(host)}`);
  return host.includes(':') && !host.startsWith('[') ? `[${host}]` : host;
}

/** A VIP address may be a list, with commas. */
function vipsOf(entry: Fields, { preferSecure }: MappingSettings): readonly string[] {
  const names = `${textOf(entry.vipAddress) ?? ''},${(preferSecure && textOf(entry.secureVipAddress)) || ''}`.split(',');
  return [...new Set(names.map((name) => name.trim().toUpperCase()))].filter((name) => name !== '');
}

function isNumber(text: string | undefined): text is string {
  return text !== undefined && NUMBER.test(text);
}

function isPath(text: string | undefined): text is string {
  return text?.startsWith('/') === true;
}

function timeOf(said: unknown): number {
  const time = Number(said);
  return Number.isFinite(time) ? time : 0;
}
