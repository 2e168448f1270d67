import type { Instance } from '../../core/endpoint.js';
import { textOf } from '../fields.js';

/**
 * How an instance is written into the metadata of a Consul service, and read back.
 *
 * Everything goes where a client in another language would look for it: the weight into Weights, zone, path, scheme and
 * metadata into Meta. But Consul's weights are whole numbers, its keys have letters, digits, - and _ only, and its
 * values 512 bytes; what does not fit stands, in full, in entries whose names begin with `fetchmesh-`.
 */

/** The part of a Consul service that says more than its address. */
export interface ServiceDetails {
  readonly Meta: Readonly<Record<string, string>>;
  readonly Weights: { readonly Passing: number; readonly Warning: number };
}

/** What `ServiceDetails` say of an instance. */
export interface InstanceDetails {
  readonly id: string | undefined;
  readonly weight: number;
  readonly zone: string | undefined;
  readonly scheme: string | undefined;
  readonly path: string;
  readonly metadata: Readonly<Record<string, string>>;
}

/** What has no place in Consul's own fields. */
interface Rest {
  id?: string;
  zone?: string;
  metadata?: Record<string, string>;
}

const OWN_PREFIX = 'fetchmesh-';
const ID = `${OWN_PREFIX}id`;
const EXACT_WEIGHT = `${OWN_PREFIX}weight`;
/** Followed by 1, 2 and so on: pieces of one JSON text. */
const MORE = `${OWN_PREFIX}more-`;
const SCHEME = 'scheme';
const PATH = 'path';

/** Consul's bounds on service metadata. */
const MOST_PAIRS = 64;
const LONGEST_VALUE_BYTES = 512;
const KEY = /^[\w-]{1,128}$/;
/** Consul keeps this prefix for itself. */
const CONSULS_PREFIX = 'consul-';
const HEAVIEST = 65_535;

/** Writes an instance down. @throws Error for what Consul has no room for. */
export function detailsOfInstance(instance: Instance, zoneKey: string): ServiceDetails {
  const { id, protocol, basePath, weight, zone, metadata } = instance;
  const Meta = new Map<string, string>([[SCHEME, protocol.slice(0, -1)]]);
  const rest: Rest = {};
  if (basePath !== '') Meta.set(PATH, basePath);
  if (Buffer.byteLength(basePath) > LONGEST_VALUE_BYTES) throw new Error(`the path of its URL has more than ${LONGEST_VALUE_BYTES} bytes`);
  if (fits(id)) Meta.set(ID, id);
  else rest.id = id;
  const Passing = wholeWeight(weight);
  if (Passing !== weight) Meta.set(EXACT_WEIGHT, String(weight));
  if (zone !== undefined && fits(zone) && KEY.test(zoneKey)) Meta.set(zoneKey, zone);
  else if (zone !== undefined) rest.zone = zone;
  const reserved = new Set([SCHEME, PATH, zoneKey]);
  const others = Object.entries(metadata);
  const native = others.filter(([key, value]) => KEY.test(key) && fits(value) && !isOwn(key) && !reserved.has(key));
  const nativeKeys = new Set(native.map(([key]) => key));
  let kept = native.length;
  for (;;) {
    const left = [...others.filter(([key]) => !nativeKeys.has(key)), ...native.slice(kept)];
    const pieces = piecesOf(left.length === 0 ? rest : { ...rest, metadata: Object.fromEntries(left) });
    const pairs = Meta.size + kept + pieces.length;
    if (pairs <= MOST_PAIRS) {
      const entries = [
        ...Meta,
        ...native.slice(0, kept),
        ...pieces.map((piece, index): [string, string] => [`${MORE}${index + 1}`, piece]),
      ];
      return { Meta: Object.fromEntries(entries), Weights: { Passing, Warning: 1 } };
    }
    if (kept === 0)
      throw new Error(`its metadata do not fit into the ${MOST_PAIRS} entries of ${LONGEST_VALUE_BYTES} bytes that Consul has for them`);
    kept = Math.max(0, kept - (pairs - MOST_PAIRS));
  }
}

/** Reads an instance back, or one that others have entered. */
export function detailsOfService(meta: Readonly<Record<string, unknown>>, passingWeight: number, zoneKey: string): InstanceDetails {
  const rest = restOf(meta);
  const metadata = Object.entries(meta).filter(([key]) => key !== SCHEME && key !== PATH && key !== zoneKey && !isOwn(key));
  return {
    id: textOf(rest.id) ?? textOf(meta[ID]),
    weight: exactWeight(meta[EXACT_WEIGHT], passingWeight),
    zone: textOf(rest.zone) ?? textOf(meta[zoneKey]),
    scheme: textOf(meta[SCHEME]),
    path: textOf(meta[PATH]) ?? '',
    // What is no text is refused, by name, where instances are checked.
    metadata: Object.fromEntries([...metadata, ...Object.entries(rest.metadata ?? {})]) as Record<string, string>,
  };
}

/** A weight as Consul takes it. */
function wholeWeight(weight: number): number {
  return Math.min(HEAVIEST, Math.max(1, Math.round(weight)));
}

/** The exact weight, unless somebody has changed Consul's own since it was written. */
function exactWeight(text: unknown, passingWeight: number): number {
  const exact = Number(textOf(text));
  return exact > 0 && wholeWeight(exact) === passingWeight ? exact : passingWeight;
}

function fits(value: string): boolean {
  return Buffer.byteLength(value) <= LONGEST_VALUE_BYTES;
}

function isOwn(key: string): boolean {
  return key.startsWith(OWN_PREFIX) || key.startsWith(CONSULS_PREFIX);
}

/** JSON in pieces of so many bytes: ASCII alone, so that no character is cut in two. */
function piecesOf(rest: Rest): string[] {
  if (Object.keys(rest).length === 0) return [];
  const json = JSON.stringify(rest).replace(/[^\x20-\x7e]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
  return json.match(new RegExp(`.{1,${LONGEST_VALUE_BYTES}}`, 'g')) ?? [];
}

function restOf(meta: Readonly<Record<string, unknown>>): Rest {
  if (meta[`${MORE}1`] === undefined) return {};
  let json = '';
  for (let piece = 1; meta[`${MORE}${piece}`] !== undefined; piece++) json += String(meta[`${MORE}${piece}`]);
  const rest: unknown = JSON.parse(json);
  return typeof rest === 'object' && rest !== null ? rest : {};
}
