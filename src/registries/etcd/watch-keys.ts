import { type Fields, fieldsOf } from '../fields.js';
import { JsonElements } from '../json-elements.js';
import { PIECE_BYTES, readBody } from '../read-body.js';
import type { Gateway } from './gateway.js';
import { type Purpose, refusalOf, refusalOfWatch, wantsNewToken } from './gateway-error.js';
import { brokenOff } from './list-keys.js';
import { afterPrefix, base64, headerOf, type KeyValue, keyValueOf, numberOf, textOf } from './messages.js';

const PATH = '/v3/watch';

/** Hears of what happens to keys. */
export interface KeyWatcher {
  /** etcd has begun to watch. */
  watching(): void;
  put(entry: KeyValue): void;
  deleted(key: string, revision: number): void;
  /** All that happened up to and with this revision has been told. */
  seen(revision: number): void;
  /** A moment to hand on what has come. */
  pause(): void;
  /** Any sign of life. */
  heard(): void;
}

/** Why a watch is over that etcd ended in an orderly way. */
export type WatchEnd = 'compacted' | 'ended';

/**
 * Follows all keys with a prefix from a revision on.
 *
 * @throws RegistryError when etcd refuses, sees no leader any more, or the stream breaks.
 */
export async function watchKeys(
  gateway: Gateway,
  server: string,
  purpose: Purpose,
  fromRevision: number,
  signal: AbortSignal,
  watcher: KeyWatcher,
): Promise<WatchEnd> {
  const create_request = {
    key: base64(purpose.prefix),
    range_end: afterPrefix(purpose.prefix),
    start_revision: fromRevision,
    // Says from time to time up to which revision nothing has happened, so that a compaction does not cost a list.
    progress_notify: true,
    // Cuts a large answer to pieces in place of one that etcd and we would have to hold as a whole.
    fragment: true,
  };
  const request = { path: PATH, body: { create_request }, purpose, requireLeader: true, signal };
  const stream = await gateway.stream(server, request);
  let end = 'ended' as WatchEnd;
  let lastRevision = 0;
  const elements = new JsonElements({
    key: 'events',
    element: (json) => {
      const { type, kv } = fieldsOf(JSON.parse(json));
      const entry = keyValueOf(kv);
      if (entry === undefined) return;
      lastRevision = entry.revision;
      if (type === 'DELETE') watcher.deleted(entry.key, entry.revision);
      else watcher.put(entry);
    },
    message: (value) => {
      const message = fieldsOf(value);
      if (message.error !== undefined) throw gateway.refused(server, request, refusalOf(message));
      const result = fieldsOf(message.result);
      if (result.canceled === true) {
        end = endOf(result);
        stream.destroy();
      } else if (result.created === true) {
        watcher.watching();
      } else if (result.fragment !== true) {
        // A fragment may end in the middle of a revision. Without events, the message says how far etcd has come.
        watcher.seen(lastRevision > 0 ? lastRevision : headerOf(result).revision);
        lastRevision = 0;
      }
    },
  });
  const endOf = (result: Fields): WatchEnd => {
    if (numberOf(result.compact_revision) > 0) return 'compacted';
    const refusal = refusalOfWatch(textOf(result.cancel_reason));
    if (wantsNewToken(refusal)) gateway.forgetToken();
    throw gateway.refused(server, request, refusal);
  };
  try {
    // It may be silent for as long as nothing happens.
    await readBody(stream, { clock: gateway.host.clock, pieceBytes: PIECE_BYTES }, (piece) => {
      elements.push(piece);
      watcher.heard();
      watcher.pause();
    });
    elements.end();
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    if (end === 'compacted') return end;
    throw error instanceof Error && error.name === 'RegistryError' ? error : brokenOff(server, PATH, error);
  } finally {
    stream.destroy();
  }
  return end;
}
