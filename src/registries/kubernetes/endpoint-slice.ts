import { isIP } from 'node:net';
import type { InstanceInput } from '../../core/discovery.js';
import { show } from '../../core/errors.js';
import { fieldsOf } from '../fields.js';
import { type ChosenPort, choosePort, type PortChoice } from './port-choice.js';

/**
 * What one EndpointSlice says, brought into the form in which slices are joined.
 *
 * The API server checks much of what is written to it, but not all (port numbers, zones, addresses of types to come),
 * and not everything that answers is one. So each field is looked at before it is used, and an endpoint that does not
 * make sense costs that endpoint alone.
 */

export type AddressType = 'IPv4' | 'IPv6';

/** How slices are read. */
export interface SliceReading {
  readonly port: PortChoice;
  readonly scheme: 'http' | 'https' | undefined;
  /** The families that may be called, the preferred one first. */
  readonly addressTypes: readonly AddressType[];
  /** The zone whose hints are followed; undefined for none. */
  readonly hintsForZone: string | undefined;
}

/** An endpoint that can be called. */
export interface SliceEndpoint {
  /** What it is over all slices: its pod, or its address where it has none. */
  readonly key: string;
  /** Ready, or no more than serving while it shuts down. */
  readonly state: 'ready' | 'draining';
  /** The place of its address family in the order of preference. */
  readonly familyRank: number;
  /** What its hints say about our zone. */
  readonly hint: 'none' | 'ours' | 'other';
  readonly instance: Exclude<InstanceInput, string> & { readonly id: string };
}

/** An entry that cannot be used. */
export interface Problem {
  readonly entry: string;
  readonly reason: string;
}

export interface ParsedSlice {
  readonly name: string;
  readonly uid: string;
  readonly endpoints: Map<string, SliceEndpoint>;
  readonly problems: readonly Problem[];
}

/** Names and zones of Kubernetes are much shorter. */
const LONGEST_NAME = 253;
const FQDN = /^(?=.{1,253}$)[a-z\d](?:[a-z\d-]*[a-z\d])?(?:\.[a-z\d](?:[a-z\d-]*[a-z\d])?)*\.?$/i;

/** Reads a slice. Never throws: what cannot be used is among the problems. */
export function parseSlice(slice: unknown, reading: SliceReading): ParsedSlice {
  const { metadata, addressType, endpoints, ports } = fieldsOf(slice);
  const { name, namespace, uid } = fieldsOf(metadata);
  const problems: Problem[] = [];
  const parsed = new Map<string, SliceEndpoint>();
  const result = { name: text(name) ?? '', uid: text(uid) ?? '', endpoints: parsed, problems };
  const entry = `endpointslice ${text(namespace) ?? ''}/${result.name}`;
  if (endpoints === undefined || endpoints === null) return result;
  try {
    if (!Array.isArray(endpoints)) throw new Error(`its endpoints must be a list, got ${show(endpoints)}`);
    const familyRank = rankOf(addressType, reading.addressTypes);
    if (endpoints.length === 0 || familyRank < 0) return result;
    const context: SliceContext = { port: choosePort(ports, reading.port, reading.scheme), addressType, familyRank, reading };
    endpoints.forEach((endpoint: unknown, index) => {
      try {
        const usable = parseEndpoint(endpoint, context);
        if (usable !== undefined) parsed.set(usable.key, usable);
      } catch (error) {
        problems.push({ entry: `${entry}, endpoint ${index}`, reason: messageOf(error) });
      }
    });
  } catch (error) {
    problems.push({ entry, reason: messageOf(error) });
  }
  return result;
}

interface SliceContext {
  readonly port: ChosenPort;
  readonly addressType: unknown;
  readonly familyRank: number;
  readonly reading: SliceReading;
}

/** Undefined for an endpoint that is not meant to be called now. */
function parseEndpoint(endpoint: unknown, { port, addressType, familyRank, reading }: SliceContext): SliceEndpoint | undefined {
  const { addresses, conditions, targetRef, nodeName, zone, hints } = fieldsOf(endpoint);
  const state = stateOf(fieldsOf(conditions));
  if (state === undefined) return undefined;
  // All addresses of an endpoint are the same to the API; kube-proxy, too, takes the first.
  const host = hostOf(Array.isArray(addresses) ? addresses[0] : undefined, addressType);
  const { kind, name, uid } = fieldsOf(targetRef);
  const url = `${port.scheme}://${host}:${port.port}`;
  const id = text(uid) || url;
  const metadata: Record<string, string> = {};
  const pod = kind === 'Pod' ? text(name) : undefined;
  const node = text(nodeName);
  if (pod !== undefined) metadata.pod = pod;
  if (node !== undefined) metadata.node = node;
  if (zone !== undefined && zone !== null && text(zone) === undefined) {
    throw new Error(`its zone must be a string of at most ${LONGEST_NAME} characters, got ${show(zone)}`);
  }
  return {
    key: id,
    state,
    familyRank,
    hint: hintOf(fieldsOf(hints).forZones, reading.hintsForZone),
    instance: { url, id, zone: text(zone), metadata },
  };
}

/** Absent conditions count as ready, as the API has it; an endpoint that shuts down is never ready, but may still serve. */
function stateOf({ ready, serving, terminating }: Record<string, unknown>): SliceEndpoint['state'] | undefined {
  if (ready !== false) return 'ready';
  return serving === true && terminating === true ? 'draining' : undefined;
}

function hostOf(address: unknown, addressType: unknown): string {
  if (addressType === 'IPv4' && typeof address === 'string' && isIP(address) === 4) return address;
  if (addressType === 'IPv6' && typeof address === 'string' && isIP(address) === 6) return `[${address}]`;
  if (addressType === 'FQDN' && typeof address === 'string' && FQDN.test(address)) return address;
  throw new Error(`its first address must be of the type ${show(addressType)}, got ${show(address)}`);
}

function hintOf(forZones: unknown, zone: string | undefined): SliceEndpoint['hint'] {
  if (zone === undefined || !Array.isArray(forZones) || forZones.length === 0) return 'none';
  return forZones.some((each: unknown) => fieldsOf(each).name === zone) ? 'ours' : 'other';
}

/** Where a slice's address family stands among those wanted; below 0 if it is not. Names resolve to whatever family there is. */
function rankOf(addressType: unknown, wanted: readonly AddressType[]): number {
  if (addressType === 'FQDN') return wanted.length;
  if (addressType !== 'IPv4' && addressType !== 'IPv6') throw new Error(`its addressType ${show(addressType)} is not known`);
  return wanted.indexOf(addressType);
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value.length <= LONGEST_NAME ? value : undefined;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
