import type { DiscoveryHost } from '../core/discovery.js';
import type { CompositeSettings, MemberPlan } from './composite-options.js';
import { type ListChange, MemberList } from './member-list.js';
import { isUnknownService } from './source-health.js';
import { type News, SourceWatch } from './source-watch.js';

/** What a member says, or that the doubts about its last list are over. */
export type MemberNews = News | { readonly kind: 'holdOver' };

const NOTHING: ListChange = { upsert: [], remove: [] };
/** A member whose `watch` throws is asked again after this. */
const WATCH_RETRY_MS = 1_000;

/** One source of a composite, for one service: what it says, and how it is doing. */
export class MemberState {
  readonly name: string;
  readonly list: MemberList;
  /** The last answer, a failure being none. */
  answer: 'none' | 'list' | 'unknown' = 'none';
  /** Since when it cannot be asked, by the mesh's clock. */
  failingSinceMs: number | undefined = undefined;
  error: unknown = undefined;
  /** Since when it can be asked and has instances. */
  wellSinceMs: number | undefined = undefined;
  private reportedSinceMs: number | undefined = undefined;
  private listAtMs: number | undefined = undefined;
  private readonly startedAtMs: number;
  private readonly watch: SourceWatch;

  constructor(
    private readonly service: string,
    plan: MemberPlan,
    private readonly settings: CompositeSettings,
    private readonly host: DiscoveryHost,
    hear: (member: MemberState, news: MemberNews) => void,
  ) {
    this.name = plan.name;
    this.startedAtMs = host.clock.now();
    this.list = new MemberList({
      clock: host.clock,
      holdMs: settings.holdMs,
      matches: plan.matches,
      skipped: (entry, reason) => host.skipped(service, entry, reason),
      held: (from, to, forMs) => host.members?.held(service, from, to, forMs),
      holdOver: () => hear(this, { kind: 'holdOver' }),
    });
    const ownName = plan.nameOf(service);
    this.watch = new SourceWatch(ownName, plan.source, hostAs(service, host), WATCH_RETRY_MS, (news) => hear(this, news));
  }

  start(): void {
    this.watch.start();
  }

  stop(): void {
    this.watch.stop();
    this.list.close();
  }

  /** Until when others wait for its first word; undefined once there is one. */
  get awaitedUntilMs(): number | undefined {
    if (this.answer !== 'none' || this.failingSinceMs !== undefined) return undefined;
    return this.startedAtMs + this.settings.firstListTimeoutMs;
  }

  get isFailing(): boolean {
    return this.failingSinceMs !== undefined;
  }

  get hasInstances(): boolean {
    return this.list.size > 0;
  }

  /** Takes news in. Returns what they change about the list. */
  take(news: MemberNews): ListChange {
    const change = this.changeOf(news);
    if (this.isFailing || !this.hasInstances) this.wellSinceMs = undefined;
    else this.wellSinceMs ??= this.host.clock.now();
    return change;
  }

  private changeOf(news: MemberNews): ListChange {
    switch (news.kind) {
      case 'holdOver':
        // While it fails, nobody confirms what was doubted.
        return this.isFailing ? NOTHING : this.list.endHold();
      case 'failed':
        return this.takeFailure(news.error);
      case 'patch':
        if (!Array.isArray(news.upsert) || !Array.isArray(news.remove))
          return this.takeFailure(new TypeError('a patch must have lists of what to upsert and to remove'));
        // Before the first list, a change that leaves nothing says nothing about what there is.
        return this.answered(this.list.patch(news.upsert, news.remove), this.hasInstances ? 'list' : this.answer);
      case 'snapshot':
        if (!Array.isArray(news.instances)) return this.takeFailure(new TypeError('a snapshot must be a list of instances'));
        return this.answered(this.list.snapshot(news.instances, news.live), 'list');
    }
  }

  private takeFailure(error: unknown): ListChange {
    if (isUnknownService(error)) {
      this.error = error;
      // A registry that restarted knows nobody for a while.
      return this.answered(this.list.snapshot([], false), 'unknown');
    }
    this.error = error ?? new Error('the source failed and did not say why');
    this.failingSinceMs ??= this.host.clock.now();
    return NOTHING;
  }

  private answered(change: ListChange, answer: 'none' | 'list' | 'unknown'): ListChange {
    if (answer === 'none') return change;
    this.answer = answer;
    this.listAtMs = this.host.clock.now();
    if (answer === 'list') this.error = undefined;
    this.failingSinceMs = undefined;
    return change;
  }

  /** Reports an outage when it begins and when it ends, however often the member is asked meanwhile. */
  reportOutage(): void {
    const { service, name, failingSinceMs, reportedSinceMs, host } = this;
    if ((failingSinceMs === undefined) === (reportedSinceMs === undefined)) return;
    this.reportedSinceMs = failingSinceMs;
    const nowMs = host.clock.now();
    if (failingSinceMs === undefined) host.members?.recovered(service, name, nowMs - (reportedSinceMs ?? nowMs));
    else host.members?.failed(service, name, this.error, this.listAtMs === undefined ? undefined : nowMs - this.listAtMs);
  }

  /** For `mesh.inspect()`. */
  inspect(): Record<string, unknown> {
    const { name, list, answer, error } = this;
    const nowMs = this.host.clock.now();
    return {
      name,
      state: this.isFailing ? 'failing' : answer === 'none' ? 'pending' : answer === 'unknown' && list.size === 0 ? 'unknown' : 'ready',
      endpoints: list.size,
      ...(list.heldCount > 0 && { held: list.heldCount }),
      ...(this.listAtMs !== undefined && { listAgeMs: nowMs - this.listAtMs }),
      ...(this.failingSinceMs !== undefined && { staleSinceMs: this.failingSinceMs }),
      ...(error !== undefined && { lastError: error instanceof Error ? error.message : String(error) }),
    };
  }
}

/** The host for a source that may call the service otherwise: whatever it reports is about the service as it is called here. */
export function hostAs(service: string, host: DiscoveryHost): DiscoveryHost {
  const { members } = host;
  return {
    clock: host.clock,
    random: host.random,
    skipped: (_service, entry, reason) => host.skipped(service, entry, reason),
    announcementFailed: (_service, instance, error) => host.announcementFailed(service, instance, error),
    announced: (_service, instance) => host.announced(service, instance),
    members: members && {
      failed: (_service, member, error, staleForMs) => members.failed(service, member, error, staleForMs),
      recovered: (_service, member, afterMs) => members.recovered(service, member, afterMs),
      held: (_service, from, to, forMs) => members.held(service, from, to, forMs),
      switched: (_service, from, to) => members.switched(service, from, to),
    },
  };
}
