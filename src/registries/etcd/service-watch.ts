import type { Timer } from '../../core/clock.js';
import type { DiscoverySink } from '../../core/discovery.js';
import { jittered } from '../../core/jitter.js';
import { othersTurn } from '../pause.js';
import type { LivenessWatcher, ServerLiveness } from '../server-liveness.js';
import { type Session, SessionLoop } from '../session-loop.js';
import type { Gateway } from './gateway.js';
import { GatewayError, isCompacted, isFuture, type Purpose } from './gateway-error.js';
import { brokenOff, listKeys } from './list-keys.js';
import { base64, headerOf, keyValueOf } from './messages.js';
import { type EntriesPatch, ServiceEntries } from './service-entries.js';
import { watchKeys } from './watch-keys.js';

/**
 * A watch without a word for this long is made anew. Its member may be well and only this one connection dead, of which
 * a network that forgets idle connections tells nobody. etcd reports progress every ten minutes unless told otherwise.
 */
const QUIET_MS = 25 * 60_000;
/** A stream that ends by itself after this long was ended by something on the way that limits all of them; sooner, it has failed. */
const ORDINARY_STREAM_MS = 5_000;
/** Changes that are handed to the mesh in one go. */
const LARGEST_PATCH = 100;

/** A watch that wants to know when its member is gone. */
export interface MemberWatcher extends LivenessWatcher {
  readonly purpose: Purpose;
}

/** Follows one service: lists its keys, watches from the list's revision on, and goes on from there after each break. */
export class ServiceWatch {
  private readonly loop: SessionLoop;
  private readonly entries: ServiceEntries;
  private readonly purpose: Purpose;
  /** The revision up to which everything is known. */
  private seen = 0;
  private isCompacted = false;
  private cluster = '';

  constructor(
    service: string,
    private readonly sink: DiscoverySink,
    private readonly gateway: Gateway,
    private readonly liveness: ServerLiveness<MemberWatcher>,
  ) {
    const { host, settings } = gateway;
    this.purpose = { permission: 'read', prefix: `${settings.prefix}${service}/` };
    this.entries = new ServiceEntries(this.purpose.prefix, (key, reason) => host.skipped(service, key, reason));
    this.loop = new SessionLoop(
      host,
      (session) => this.run(session),
      (error) => sink.failed(error),
    );
  }

  start(): void {
    this.loop.start();
  }

  stop(): void {
    this.loop.stop();
  }

  private async run(session: Session): Promise<void> {
    const server = this.gateway.servers.current;
    const ending = new AbortController();
    const stop = (): void => ending.abort(session.signal.reason);
    session.signal.addEventListener('abort', stop, { once: true });
    try {
      if (!(await this.goesOn(server, ending.signal))) await this.list(server, ending.signal);
      await this.follow(server, session, ending);
    } catch (error) {
      if (!session.signal.aborted) this.gateway.failed(server, error);
      throw error;
    } finally {
      session.signal.removeEventListener('abort', stop);
    }
  }

  /**
   * Whether a watch may go on where the last one ended. A registry that came back without its data, or with a backup,
   * counts its revisions anew, and has the same name. So it has to show that at the revision which we know it had the
   * key that we know it had, written when and for the lease that we know.
   */
  private async goesOn(server: string, signal: AbortSignal): Promise<boolean> {
    const witness = this.isCompacted ? undefined : this.entries.witness(this.seen);
    if (witness === undefined) return false;
    const body = { key: base64(witness.key), revision: this.seen, keys_only: true };
    try {
      const answer = await this.gateway.call(server, { path: '/v3/kv/range', body, purpose: this.purpose, requireLeader: true, signal });
      const found = keyValueOf(Array.isArray(answer.kvs) ? answer.kvs[0] : undefined);
      return headerOf(answer).cluster === this.cluster && found?.revision === witness.revision && found.lease === witness.lease;
    } catch (error) {
      if (error instanceof GatewayError && (isCompacted(error.refusal) || isFuture(error.refusal))) return false;
      throw error;
    }
  }

  private async list(server: string, signal: AbortSignal): Promise<void> {
    const listing = this.entries.list(this.seen);
    const header = await listKeys(this.gateway, server, this.purpose, signal, listing.add);
    const { isLater, instances, patch } = listing.end(header);
    this.seen = header.revision;
    this.cluster = header.cluster;
    this.isCompacted = false;
    if (isLater) await this.handOn(patch, signal);
    else this.sink.snapshot(instances);
  }

  /** The difference between two lists, when the second is proved to have come of the first, in portions. */
  private async handOn({ upsert, remove }: EntriesPatch, signal: AbortSignal): Promise<void> {
    this.sink.patch({ remove });
    for (let start = 0; start < upsert.length && !signal.aborted; start += LARGEST_PATCH) {
      this.sink.patch({ upsert: upsert.slice(start, start + LARGEST_PATCH) });
      await othersTurn(this.gateway.host.clock);
    }
  }

  private async follow(server: string, session: Session, ending: AbortController): Promise<void> {
    const { clock, random } = this.gateway.host;
    const quietMs = jittered(QUIET_MS, random);
    const leave = this.liveness.join(server, { purpose: this.purpose, dead: (error) => ending.abort(error) });
    this.liveness.heard(server);
    const beganMs = clock.now();
    let heardMs = beganMs;
    let quietTimer: Timer | undefined;
    const checkQuiet = (): void => {
      const leftMs = heardMs + quietMs - clock.now();
      if (leftMs <= 0) {
        ending.abort(QUIET);
      } else {
        quietTimer = clock.setTimer(checkQuiet, leftMs);
        quietTimer.unref();
      }
    };
    checkQuiet();
    try {
      const end = await watchKeys(this.gateway, server, this.purpose, this.seen + 1, ending.signal, {
        watching: () => {
          session.healthy();
          // The list stands, if it was not listed just now.
          this.sink.patch({});
        },
        put: (entry) => this.entries.put(entry),
        deleted: (key, revision) => this.entries.delete(key, revision),
        seen: (revision) => {
          this.seen = Math.max(this.seen, revision);
        },
        pause: () => {
          const patch = this.entries.takePatch();
          if (patch !== undefined) this.sink.patch(patch);
        },
        heard: () => {
          heardMs = clock.now();
          this.liveness.heard(server);
        },
      });
      this.isCompacted = end === 'compacted';
      if (end === 'ended' && clock.now() - beganMs < ORDINARY_STREAM_MS)
        throw brokenOff(server, '/v3/watch', new Error('the stream ended'));
    } catch (error) {
      if (error !== QUIET) throw error;
    } finally {
      quietTimer?.cancel();
      leave();
    }
  }
}

const QUIET = new Error('the watch was quiet for too long');
