import { show } from '../core/errors.js';

/**
 * What an instance says besides its address. The bounds on metadata keep one entry of a shared registry from
 * filling the memory of everybody who watches.
 */

const HEAVIEST = 1_000_000;
/** RFC 2782: a priority has 16 bits. */
const LAST_PRIORITY = 65_535;
const MOST_METADATA = 64;
const LARGEST_METADATA_BYTES = 16 * 1_024;
const NO_METADATA: Readonly<Record<string, string>> = Object.freeze({});

/** @throws Error unless the weight is above 0 and at most 1,000,000. Default 1. */
export function checkedWeight(weight: unknown = 1): number {
  if (typeof weight === 'number' && weight > 0 && weight <= HEAVIEST) return weight;
  throw new Error(`weight must be a number above 0 and at most ${HEAVIEST}, got ${show(weight)}`);
}

/** @throws Error unless the priority is a whole number from 0 to 65,535. Default 0. */
export function checkedPriority(priority: unknown = 0): number {
  if (Number.isInteger(priority) && (priority as number) >= 0 && (priority as number) <= LAST_PRIORITY) return priority as number;
  throw new Error(`priority must be a whole number from 0 to ${LAST_PRIORITY}, got ${show(priority)}`);
}

/** An empty zone is none: environment variables that are not set often come as empty text. @throws Error for what is no text. */
export function checkedZone(zone: unknown): string | undefined {
  if (zone === undefined || zone === '') return undefined;
  if (typeof zone === 'string') return zone;
  throw new Error(`zone must be a string, got ${show(zone)}`);
}

/** Metadata is text because it has to compare, print and travel the same everywhere. A copy, which the registry cannot change later. @throws Error unless it is text only, and within bounds. */
export function checkedMetadata(metadata: unknown): Readonly<Record<string, string>> {
  if (metadata === undefined) return NO_METADATA;
  if (typeof metadata !== 'object' || metadata === null || Array.isArray(metadata)) {
    throw new Error(`metadata must be an object of strings, got ${show(metadata)}`);
  }
  const entries: [string, unknown][] = Object.entries(metadata);
  if (entries.length === 0) return NO_METADATA;
  if (entries.length > MOST_METADATA) throw new Error(`metadata must have at most ${MOST_METADATA} entries, got ${entries.length}`);
  let bytes = 0;
  for (const [key, value] of entries) {
    if (typeof value !== 'string') throw new Error(`metadata.${key} must be a string, got ${show(value)}`);
    bytes += Buffer.byteLength(key) + Buffer.byteLength(value);
  }
  if (bytes > LARGEST_METADATA_BYTES) throw new Error(`metadata must have at most ${LARGEST_METADATA_BYTES} bytes, got ${bytes}`);
  return Object.freeze(Object.fromEntries(entries as [string, string][]));
}

/** Whether what a registry says now is what it said before. */
export function sameMetadata(known: Readonly<Record<string, string>>, said: unknown): boolean {
  if (said === undefined) return known === NO_METADATA;
  if (typeof said !== 'object' || said === null || Array.isArray(said)) return false;
  let left = 0;
  for (const key in known) {
    if (known[key] !== (said as Record<string, unknown>)[key]) return false;
    left++;
  }
  for (const _ in said) left--;
  return left === 0;
}
