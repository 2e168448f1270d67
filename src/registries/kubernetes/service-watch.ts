import type { DiscoveryHost, DiscoverySink } from '../../core/discovery.js';
import { show, UnknownServiceError } from '../../core/errors.js';
import { fieldsOf } from '../fields.js';
import { excerpt, RegistryError } from '../registry-error.js';
import type { ServerLiveness } from '../server-liveness.js';
import { type Session, SessionLoop } from '../session-loop.js';
import { SOURCE } from './access.js';
import { type ParsedSlice, parseSlice, type SliceReading } from './endpoint-slice.js';
import { LineSplitter } from './line-splitter.js';
import { brokenOff, GoneError, type OpenWatch, type SliceApi, type Target } from './slice-api.js';
import { type InstanceChange, SliceSet } from './slice-set.js';

/** Slices a page: a list of 50,000 endpoints in one. Client-go's own page size. */
const PAGE_SIZE = 500;
/** For how long the server keeps a watch open; drawn from this range, so that a fleet's watches do not end together. */
const SHORTEST_WATCH_SECONDS = 300;
const LONGEST_WATCH_SECONDS = 600;
/** How much longer than asked for a watch may last before it is taken for dead. */
const WATCH_GRACE_MS = 30_000;
/** A watch that ends sooner, without a word, is no success: asking again at once would be a busy loop. */
const SHORT_WATCH_MS = 1_000;

export interface ServiceWatchInit {
  readonly service: string;
  readonly target: Target;
  readonly reading: SliceReading;
  readonly api: SliceApi;
  readonly liveness: ServerLiveness;
  readonly sink: DiscoverySink;
  readonly host: DiscoveryHost;
}

/**
 * Follows one service: lists its slices, then watches from the list's version on.
 *
 * A watch that the server ends in order is followed by the next one from the same version: nothing was missed. After
 * anything else (a broken connection, a failed attempt) the server may be another one, with another past: an API server
 * restarted over an empty store accepts an old version without a word, and would then never say that the endpoints of
 * before are gone. So a list is asked for, of which the first page is a single slice: if it is one that we know, the past is the same,
 * and the watch goes on from its version; if not, the rest of the list follows.
 */
export class ServiceWatch {
  private readonly loop: SessionLoop;
  private slices = new SliceSet();
  private resourceVersion: string | undefined = undefined;
  /** Whether the server is the one that gave us the version. */
  private isSamePast = true;
  /** Whether the service was said to be unknown, and nothing else since. */
  private isUnknown = false;

  constructor(private readonly init: ServiceWatchInit) {
    this.loop = new SessionLoop(
      init.host,
      (session) => this.run(session),
      (error) => {
        this.isSamePast = false;
        if (!(error instanceof BrokenWatch)) init.sink.failed(error);
      },
    );
  }

  start(): void {
    this.loop.start();
  }

  stop(): void {
    this.loop.stop();
  }

  private async run(session: Session): Promise<void> {
    try {
      const version = this.isSamePast ? this.resourceVersion : undefined;
      await this.follow(session, version ?? (await this.list(session)));
    } catch (error) {
      if (!(error instanceof GoneError)) throw error;
      // The next session begins with a list. A server that says so time and again is asked less often by the loop.
      this.resourceVersion = undefined;
    }
  }

  /** Brings the slices up to date, and returns the version from which to watch. */
  private async list({ signal, healthy }: Session): Promise<string> {
    const { api, target, reading, sink, service } = this.init;
    const known = this.resourceVersion;
    // One slice or none is the whole list anyway.
    let limit = known !== undefined && this.slices.size > 1 ? 1 : PAGE_SIZE;
    let next: string | undefined;
    let version = '';
    const listed: ParsedSlice[] = [];
    do {
      const page = await api.list(target, { limit, next, signal }, (json) => listed.push(parseSlice(JSON.parse(json), reading)));
      signal.throwIfAborted();
      if (limit === 1 && known !== undefined && page.next !== undefined && this.isKnown(listed[0], known, page.resourceVersion)) {
        return known;
      }
      limit = PAGE_SIZE;
      next = page.next;
      version = page.resourceVersion;
    } while (next !== undefined);
    healthy();
    this.replace(listed);
    this.resourceVersion = version;
    this.isSamePast = true;
    // The controller gives each service a slice, be it an empty one.
    this.isUnknown = listed.length === 0;
    if (this.isUnknown) sink.failed(new UnknownServiceError(service, SOURCE));
    else sink.snapshot(this.slices.instances());
    return version;
  }

  /** Whether a server with this slice at this version has the past that we know. Versions of one store only grow. */
  private isKnown(slice: ParsedSlice | undefined, known: string, version: string): boolean {
    const before = slice === undefined ? undefined : this.slices.get(slice.name);
    const isOlder = version.length < known.length || (version.length === known.length && version < known);
    return before !== undefined && before.uid === slice?.uid && !isOlder;
  }

  private replace(listed: readonly ParsedSlice[]): void {
    const before = this.slices;
    this.slices = new SliceSet();
    for (const slice of listed) {
      this.report(slice, before.get(slice.name));
      this.slices.put(slice);
    }
  }

  private async follow(session: Session, resourceVersion: string): Promise<void> {
    const { api, target, host, liveness } = this.init;
    const { clock, random } = host;
    const seconds = Math.round(SHORTEST_WATCH_SECONDS + random.next() * (LONGEST_WATCH_SECONDS - SHORTEST_WATCH_SECONDS));
    const watch = await api.watch(target, resourceVersion, seconds, session.signal);
    this.resourceVersion = resourceVersion;
    this.isSamePast = true;
    this.nothingNew();
    let death: { readonly error: unknown } | undefined;
    const leave = liveness.join(watch.server, {
      dead: (error) => {
        death = { error };
        watch.body.destroy();
      },
    });
    liveness.heard(watch.server);
    const overdue = clock.setTimer(() => watch.body.destroy(), seconds * 1_000 + WATCH_GRACE_MS);
    overdue.unref();
    const startedMs = clock.now();
    try {
      await this.read(watch, session);
      if (clock.now() - startedMs >= SHORT_WATCH_MS) session.healthy();
    } catch (error) {
      if (death !== undefined) throw death.error;
      throw error;
    } finally {
      overdue.cancel();
      leave();
      watch.body.destroy();
    }
  }

  private async read({ server, body }: OpenWatch, session: Session): Promise<void> {
    const { liveness } = this.init;
    const lines = new LineSplitter();
    const chunks = (body as AsyncIterable<Buffer>)[Symbol.asyncIterator]();
    for (;;) {
      const chunk = await chunks.next().catch((error: unknown) => {
        throw new BrokenWatch(error);
      });
      if (chunk.done === true || session.signal.aborted) return;
      liveness.heard(server);
      try {
        for (const line of lines.push(chunk.value)) {
          this.apply(JSON.parse(line), server);
          session.healthy();
          if (session.signal.aborted) return;
        }
      } catch (error) {
        throw brokenOff(server, 'watch', error);
      }
    }
  }

  private apply(event: unknown, server: string): void {
    const { type, object } = fieldsOf(event);
    if (type === 'ERROR') throw failureOf(object, server);
    const { name, resourceVersion } = fieldsOf(fieldsOf(object).metadata);
    if (type === 'BOOKMARK') {
      this.nothingNew();
    } else if (typeof name !== 'string') {
      throw new Error(`an event ${show(type)} about nothing`);
    } else if (type === 'DELETED') {
      this.change(this.slices.delete(name));
    } else if (type === 'ADDED' || type === 'MODIFIED') {
      this.change(this.put(parseSlice(object, this.init.reading)));
    }
    if (typeof resourceVersion === 'string') this.resourceVersion = resourceVersion;
  }

  private change(change: InstanceChange): void {
    this.isUnknown = false;
    this.init.sink.patch(change);
  }

  /** The server is there and has no news: what it said last holds. That the service is unknown is not taken back by that. */
  private nothingNew(): void {
    if (!this.isUnknown) this.init.sink.patch({});
  }

  private put(slice: ParsedSlice): InstanceChange {
    this.report(slice, this.slices.get(slice.name));
    return this.slices.put(slice);
  }

  /** Reports what is wrong with a slice and was not before. */
  private report(slice: ParsedSlice, before: ParsedSlice | undefined): void {
    const { host, service } = this.init;
    for (const { entry, reason } of slice.problems) {
      if (before?.problems.some((known) => known.entry === entry && known.reason === reason) === true) continue;
      host.skipped(service, entry, reason);
    }
  }
}

/** The connection of a watch was lost. That alone is no failure: it is one when the next attempt fails, too. */
class BrokenWatch extends Error {
  constructor(cause: unknown) {
    super('the watch broke off', { cause });
  }
}

/** What an ERROR in a watch means. */
function failureOf(status: unknown, server: string): Error {
  const { code, message } = fieldsOf(status);
  const text = typeof message === 'string' ? excerpt(message) : '';
  if (code === 410 || /resource version/i.test(text)) return new GoneError(text);
  const what = `ended a watch with ${show(code)} (${text})`;
  return new RegistryError({ source: SOURCE, server, what, status: typeof code === 'number' ? code : undefined });
}
