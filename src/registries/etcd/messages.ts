import { type Fields, fieldsOf } from '../fields.js';

/**
 * What etcd's JSON gateway says, as far as it matters here. 64-bit numbers come as text, and fields that have their
 * default value are left out.
 */

/** A key as etcd keeps it. */
export interface KeyValue {
  readonly key: string;
  /** The value in base64: most of it is never needed as bytes. */
  readonly base64: string;
  /** The revision at which it was written last. */
  readonly revision: number;
  /** The lease that it ends with; '0' for none. */
  readonly lease: string;
}

/** A 64-bit number. Revisions count writes, of which a cluster sees fewer than 2 to the 53. */
export function numberOf(value: unknown): number {
  return typeof value === 'string' || typeof value === 'number' ? Number(value) || 0 : 0;
}

export function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** A key with its value; undefined for what is none. */
export function keyValueOf(value: unknown): KeyValue | undefined {
  const { key, value: base64, mod_revision, lease } = fieldsOf(value);
  const revision = numberOf(mod_revision);
  if (typeof key !== 'string' || revision === 0) return undefined;
  return { key: Buffer.from(key, 'base64').toString('utf8'), base64: textOf(base64), revision, lease: numberText(lease) };
}

/** What etcd says in the header of each answer. */
export interface Header {
  readonly cluster: string;
  readonly revision: number;
}

export function headerOf(message: Fields): Header {
  const { cluster_id, revision } = fieldsOf(message.header);
  return { cluster: textOf(cluster_id), revision: numberOf(revision) };
}

/** Keys and values travel as base64. */
export function base64(text: string): string {
  return Buffer.from(text, 'utf8').toString('base64');
}

/** The first key that does not begin with the prefix any more: the end of the range of all that do. */
export function afterPrefix(prefix: string): string {
  const bytes = Buffer.from(prefix, 'utf8');
  for (let last = bytes.length - 1; last >= 0; last--) {
    const byte = bytes[last] ?? 0xff;
    if (byte < 0xff) return Buffer.concat([bytes.subarray(0, last), Buffer.of(byte + 1)]).toString('base64');
  }
  // All keys: etcd's own way of saying so.
  return Buffer.of(0).toString('base64');
}

/** Ids of leases take all 64 bits: they stay text. */
function numberText(value: unknown): string {
  return typeof value === 'string' ? value : typeof value === 'number' ? String(value) : '0';
}
