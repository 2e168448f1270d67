import type { Call } from '../core/call.js';
import type { InstanceInput } from '../core/discovery.js';
import type { Endpoint } from '../core/endpoint.js';
import { EndpointView } from '../core/endpoint-view.js';
import { MeshError, show, TimeoutError } from '../core/errors.js';
import type { CurrentList } from './disk-snapshot.js';
import { EndpointList } from './endpoint-list.js';
import type { EndpointSetInit, EndpointSetState } from './endpoint-set-state.js';
import { addressOf, idOfEntry } from './instance.js';
import { LoanedList } from './list-memory.js';
import { ListWaiters } from './list-waiters.js';
import { ShrinkGuard } from './shrink-guard.js';
import { SkipReports } from './skip-reports.js';
import { isUnknownService, SourceHealth } from './source-health.js';
import { type News, SourceWatch } from './source-watch.js';

export type { EndpointSetInit, EndpointSetOptions, EndpointSetState } from './endpoint-set-state.js';

/** Besides what the source says: a hold is over, or it has said nothing for a while. */
type SetNews = News | { readonly kind: 'holdOver' } | { readonly kind: 'silence' };

/**
 * The endpoints of one service, kept up to date by one watch.
 *
 * A request never waits for the source, but for the first list. After that the last good list serves, however
 * long the source fails and however often it changes its mind: what comes in is applied endpoint by endpoint,
 * so that those that stay keep their statistics, connections and breakers.
 *
 * What a source says is applied one piece of news at a time. An event's listener may make the source say more
 * (a test's registry does, at once); that waits its turn, or the first piece would be finished on top of it.
 */
export class EndpointSet {
  readonly view: EndpointView;
  /** Whether a list has ever come: read on the way of every call. */
  isReady = false;
  private readonly list: EndpointList;
  private readonly health: SourceHealth;
  private readonly watch: SourceWatch;
  private readonly guard: ShrinkGuard;
  private readonly waiters: ListWaiters;
  private readonly skips: SkipReports;
  private readonly negativeTtlMs: number;
  private readonly coldTimeoutMs: number;
  private readonly loan: LoanedList;
  private readonly inbox: SetNews[] = [];
  private applying = false;
  private closed = false;
  private drained: (() => void)[] = [];

  constructor(private readonly init: EndpointSetInit) {
    const { service, discovery, host, clock, events, options = {} } = init;
    this.negativeTtlMs = options.negativeTtlMs ?? 1_000;
    this.coldTimeoutMs = options.coldTimeoutMs ?? 10_000;
    this.view = new EndpointView({
      ejected: ({ id }, untilMs) => {
        if (!events.has('endpointEjected')) return;
        const forMs = untilMs === undefined ? undefined : Math.max(0, untilMs - clock.now());
        events.emit('endpointEjected', { service, endpoint: id, forMs });
      },
      recovered: ({ id }) => {
        if (events.has('endpointRecovered')) events.emit('endpointRecovered', { service, endpoint: id });
      },
    });
    this.list = new EndpointList(this.view, {
      added: ({ id }) => {
        if (events.has('endpointAdded')) events.emit('endpointAdded', { service, endpoint: id });
      },
      removed: ({ id }) => {
        if (!this.closed && events.has('endpointRemoved')) events.emit('endpointRemoved', { service, endpoint: id });
      },
      retired: (endpoint) => {
        init.onRetired(endpoint);
        this.tellWhenDrained();
      },
      skipped: (input, reason) => this.skips.skip(input, reason),
    });
    this.health = new SourceHealth(service, discovery.name, clock, events);
    this.watch = new SourceWatch(service, discovery, host, this.negativeTtlMs, (news) => this.receive(news));
    this.guard = new ShrinkGuard(clock, options.holdMs ?? 30_000, () => this.receive({ kind: 'holdOver' }));
    this.waiters = new ListWaiters(clock);
    this.loan = new LoanedList(service, init.memory, clock);
    this.skips = new SkipReports((entry, reason) => host.skipped(service, entry, reason));
  }

  /** Begins to watch, once. The source runs in the async context of this call. */
  start(): void {
    this.loan.begin(() => this.receive({ kind: 'silence' }));
    this.watch.start();
  }

  /**
   * Waits for the first list, within the call: one that is cancelled waits no longer. A source that has just
   * failed fails the call at once; one that failed a while ago is asked anew.
   *
   * @throws MeshError: ERR_MESH_UNKNOWN_SERVICE, ERR_MESH_DISCOVERY with the source's failure as its cause, or
   * ERR_MESH_DISCOVERY_TIMEOUT after `coldTimeoutMs` or when the call's own time is over.
   */
  ready(call: Call): Promise<void> {
    if (this.isReady) return Promise.resolve();
    if (this.closed) return Promise.reject(this.closedError());
    if (this.health.failedWithin(this.negativeTtlMs)) return Promise.reject(this.health.errorForCaller());
    if (this.health.hasFailed) {
      this.health.asking();
      this.watch.again();
      return this.ready(call);
    }
    // A moment less than it has: at the same moment the call's own timer might be first, and it would say less.
    const leftMs = Math.max(0, call.deadlineMs - this.init.clock.now() - 1);
    const timeoutMs = Math.min(this.coldTimeoutMs, leftMs);
    const bound = leftMs < this.coldTimeoutMs ? 'what the call had left of its own time' : 'cache.coldTimeoutMs';
    const timedOut = () => this.timeoutError(`no list of endpoints came within ${Math.round(timeoutMs)} ms (${bound})`);
    return call.wait<void>((resolve, reject) =>
      this.waiters.enter({ minEndpoints: 0, patient: false, timeoutMs, timedOut, resolve, reject }),
    );
  }

  /**
   * Waits until there are `minEndpoints` at least (with 0, until there is a list), however often the source fails
   * meanwhile: for readiness probes.
   *
   * @throws TimeoutError (ERR_MESH_DISCOVERY_TIMEOUT) after `timeoutMs`, with the source's last failure as its cause.
   */
  waitFor(minEndpoints: number, timeoutMs: number): Promise<void> {
    if (this.isReady && this.view.size >= minEndpoints) return Promise.resolve();
    if (this.closed) return Promise.reject(this.closedError());
    const timedOut = () => this.timeoutError(`${this.view.size} of ${minEndpoints} endpoints are known after ${timeoutMs} ms`);
    return new Promise((resolve, reject) => {
      this.waiters.enter({ minEndpoints, patient: true, timeoutMs, timedOut, resolve, reject });
    });
  }

  /** The endpoint with this id, or at this address. */
  find(idOrUrl: string): Endpoint | undefined {
    const known = this.list.get(idOrUrl);
    if (known !== undefined) return known;
    const address = idOfEntry(idOrUrl);
    if (address === undefined) return undefined;
    for (const endpoint of this.view) if (addressOf(endpoint.instance) === address) return endpoint;
    return undefined;
  }

  /** Callers that wait for the list. */
  get waiting(): number {
    return this.waiters.size;
  }

  /** For how long the list was not confirmed; undefined before the first. */
  get listAgeMs(): number | undefined {
    return this.health.listAgeMs;
  }

  /** Since when the source fails, by the mesh's clock; undefined while it does not. */
  get staleSinceMs(): number | undefined {
    return this.health.staleSinceMs;
  }

  /** The list as its source gave it; undefined while it gave none. */
  get current(): CurrentList | undefined {
    if (!this.isReady || this.loan.isServing) return undefined;
    const instances = Array.from(this.view, ({ instance }) => instance);
    return { service: this.init.service, revision: this.list.revision, instances, staleSinceMs: this.staleSinceMs };
  }

  inspect(): EndpointSetState {
    const { listAgeMs, staleSinceMs, lastError } = this.health;
    const { held } = this.guard;
    const { discovery, service } = this.init;
    const snapshotAgeMs = this.loan.ageMs;
    const sources = discovery.inspect?.(service);
    return {
      source: discovery.name,
      state: this.isReady ? 'ready' : 'pending',
      endpoints: this.list.size,
      draining: this.list.drainingCount,
      ...(listAgeMs !== undefined && { listAgeMs }),
      ...(snapshotAgeMs !== undefined && { snapshotAgeMs }),
      ...(staleSinceMs !== undefined && { staleSinceMs }),
      ...(lastError !== undefined && { lastError: lastError instanceof Error ? lastError.message : show(lastError) }),
      ...(held !== undefined && { held: { ...held, removing: [...held.removing] } }),
      ...(sources !== undefined && { sources }),
    };
  }

  /**
   * Stops the watch and lets go of every endpoint. Resolves once none of them has anything in flight; calls that
   * still have to pick fail from now on.
   */
  close(): Promise<void> {
    const drained = new Promise<void>((resolve) => this.drained.push(resolve));
    if (!this.closed) {
      this.closed = true;
      this.watch.stop();
      this.loan.end();
      this.waiters.close(() => this.closedError());
    }
    if (!this.applying) this.letGo();
    return drained;
  }

  /** Takes news in, and applies it unless other news is being applied further down the call stack. */
  private receive(news: SetNews): void {
    this.inbox.push(news);
    if (this.applying) return;
    this.applying = true;
    const { size } = this.list;
    try {
      for (let next = this.inbox.shift(); next !== undefined && !this.closed; next = this.inbox.shift()) this.apply(next);
    } finally {
      this.applying = false;
    }
    // A listener may have closed the set while its endpoints were in the middle of a change.
    if (this.closed) this.letGo();
    else if (size > 0 && this.list.size === 0) this.init.onEmpty?.();
  }

  private apply(news: SetNews): void {
    if (news.kind === 'silence') {
      if (!this.loan.isAwaited(() => this.receive(news))) this.restore();
    } else if (news.kind === 'failed') {
      // What is remembered may be on its way from the disk.
      if (this.isReady || !this.loan.isAwaited(() => this.receive(news))) this.applyFailure(news.error);
    } else if (news.kind === 'holdOver') {
      // While the source fails, nobody confirms what was doubted: it waits for the next list.
      if (this.health.staleSinceMs === undefined) this.removeAll(this.guard.end());
    } else if (news.kind === 'patch') {
      if (Array.isArray(news.upsert) && Array.isArray(news.remove)) this.applyPatch(news.upsert, news.remove);
      else this.applyFailure(new TypeError('a patch must have lists of what to upsert and to remove'));
    } else if (Array.isArray(news.instances)) {
      this.health.answered();
      this.applyList(news.instances, news.live);
    } else {
      this.applyFailure(new TypeError(`a snapshot must be a list of endpoints, got ${show(news.instances)}`));
    }
  }

  /** Additions and changes apply at once; removals, too, unless they are doubted. */
  private applyList(instances: readonly InstanceInput[], live: boolean): void {
    const { list, guard } = this;
    const before = list.size;
    let believed = live;
    list.begin();
    this.skips.beginList();
    for (const input of instances) {
      if (this.closed) return;
      // A list with a mistake in it may be wrong as a whole: its removals are not beyond doubt.
      if (list.upsert(input) === undefined) believed = false;
    }
    const gone = list.unnamed();
    if (gone.length > 0 && !believed && guard.doubts(list.named, before)) {
      if (guard.hold(gone, list.named, before)) this.tellHeld();
    } else {
      guard.end();
      this.removeAll(gone);
    }
    this.listCame();
  }

  private applyPatch(upsert: readonly InstanceInput[], remove: readonly string[]): void {
    this.list.begin();
    this.skips.beginChange();
    // An id that is in both is one that moved.
    this.removeAll(remove);
    for (const input of upsert) {
      if (this.closed) return;
      const id = this.list.upsert(input);
      if (id === undefined) this.list.removeUnusable(input);
      else this.guard.spare(id);
    }
    // Before the first list, a change that leaves nothing says nothing about what there is.
    if (!this.isReady && this.list.size === 0) return;
    if (this.loan.isServing) {
      if (this.list.named === 0) return;
      // The source has begun to tell. What it does not name before long was only in the snapshot.
      const lent = this.list.unnamed();
      if (lent.length > 0) this.guard.hold(lent, this.list.named, this.list.size);
    }
    this.health.answered();
    this.listCame();
  }

  /** Serves the list that is remembered while the source gives none. */
  private restore(): void {
    if (this.isReady) return;
    const remembered = this.loan.take();
    if (remembered === undefined) return;
    this.list.begin();
    this.skips.beginList();
    for (const input of remembered.instances) {
      if (this.closed) return;
      this.list.upsert(input);
    }
    this.isReady = true;
    const { events, service, discovery } = this.init;
    const { size: endpoints } = this.list;
    if (events.has('listRestored')) events.emit('listRestored', { service, source: discovery.name, endpoints, ageMs: remembered.ageMs });
    this.waiters.listCame(this.view.size);
  }

  private applyFailure(error: unknown): void {
    if (isUnknownService(error)) {
      // A registry that restarted knows nobody for a while, so to have known the service before is to doubt this.
      this.health.denied(error);
      if (this.isReady) this.applyList([], false);
    } else {
      this.health.failed(error ?? new Error('the source failed and did not say why'));
      this.restore();
    }
    // With a list in hand nobody has to hear of it; without one, waiting for better news would only be longer.
    if (!this.isReady) this.waiters.failed(() => this.health.errorForCaller());
  }

  private removeAll(ids: Iterable<string>): void {
    for (const id of ids) this.list.remove(id);
  }

  private listCame(): void {
    if (this.closed) return;
    this.isReady = true;
    this.loan.end();
    this.init.memory?.changed();
    this.waiters.listCame(this.view.size);
  }

  private letGo(): void {
    this.inbox.length = 0;
    this.guard.end();
    this.removeAll([...this.list.ids()]);
    this.tellWhenDrained();
  }

  private tellWhenDrained(): void {
    if (!this.closed || this.list.size > 0 || this.list.drainingCount > 0) return;
    for (const resolve of this.drained.splice(0)) resolve();
  }

  private tellHeld(): void {
    const { held } = this.guard;
    const { events, service, clock } = this.init;
    if (held === undefined || !events.has('listHeld')) return;
    events.emit('listHeld', { service, from: held.from, to: held.to, forMs: held.untilMs - clock.now() });
  }

  private timeoutError(message: string): TimeoutError {
    const { service } = this.init;
    return new TimeoutError('ERR_MESH_DISCOVERY_TIMEOUT', message, { service, cause: this.health.lastError });
  }

  private closedError(): MeshError {
    return new MeshError('ERR_MESH_CLOSED', 'the mesh is closed', { service: this.init.service });
  }
}
