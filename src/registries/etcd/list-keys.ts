import { type Fields, fieldsOf } from '../fields.js';
import { JsonElements } from '../json-elements.js';
import { PIECE_BYTES, readBody } from '../read-body.js';
import { RegistryError } from '../registry-error.js';
import type { Gateway } from './gateway.js';
import type { Purpose } from './gateway-error.js';
import { afterPrefix, base64, type Header, headerOf, type KeyValue, keyValueOf } from './messages.js';

/** A page is some 150 KB: little enough for etcd to make in a moment, and 10,000 instances take 20 of them. */
const PAGE_KEYS = 500;
const PATH = '/v3/kv/range';

/**
 * All keys with a prefix as they were at one moment, page by page, each handed on as it comes in.
 *
 * Every page is asked for at the revision of the first. The first is a linearizable read (etcd's default): a member that
 * lags behind, or is cut off from the others, does not answer with what was.
 *
 * @throws RegistryError when a page could not be had; then what came before means nothing.
 */
export async function listKeys(
  gateway: Gateway,
  server: string,
  purpose: Purpose,
  signal: AbortSignal,
  add: (entry: KeyValue) => void,
): Promise<Header> {
  const { prefix } = purpose;
  let from = base64(prefix);
  let first: Header | undefined;
  for (;;) {
    const page = await listPage(gateway, server, purpose, { from, revision: first?.revision }, signal, add);
    first ??= page.header;
    if (!page.more) return first;
    // The next possible key: keys are ordered by their bytes.
    from = base64(`${page.lastKey}\0`);
  }
}

interface Page {
  readonly header: Header;
  readonly more: boolean;
  readonly lastKey: string;
}

async function listPage(
  gateway: Gateway,
  server: string,
  purpose: Purpose,
  { from, revision }: { readonly from: string; readonly revision: number | undefined },
  signal: AbortSignal,
  add: (entry: KeyValue) => void,
): Promise<Page> {
  const { host, settings } = gateway;
  const body = {
    key: from,
    range_end: afterPrefix(purpose.prefix),
    limit: PAGE_KEYS,
    sort_order: 'ASCEND',
    sort_target: 'KEY',
    ...(revision !== undefined && { revision }),
  };
  const request = { path: PATH, body, purpose, requireLeader: true, signal };
  const stream = await gateway.stream(server, request);
  let lastKey = '';
  let answer: Fields | undefined;
  const elements = new JsonElements({
    key: 'kvs',
    element: (json) => {
      const entry = keyValueOf(JSON.parse(json));
      if (entry === undefined) return;
      lastKey = entry.key;
      add(entry);
    },
    message: (value) => {
      answer = fieldsOf(value);
    },
  });
  try {
    const reading = { clock: host.clock, idleMs: settings.requestTimeoutMs, pieceBytes: PIECE_BYTES };
    await readBody(stream, reading, (piece) => elements.push(piece));
    elements.end();
  } catch (cause) {
    if (signal.aborted) throw signal.reason;
    throw brokenOff(server, PATH, cause);
  }
  if (answer === undefined) throw brokenOff(server, PATH, new Error('it is empty'));
  return { header: headerOf(answer), more: answer.more === true && lastKey !== '', lastKey };
}

/** The error for an answer that began well. */
export function brokenOff(server: string, path: string, cause: unknown): RegistryError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new RegistryError({ source: 'etcd', server, what: `did not finish its answer to POST ${path} (${reason})`, cause });
}
