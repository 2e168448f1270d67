import type { Timer } from '../core/clock.js';
import type { DiscoveryHost, DiscoverySink } from '../core/discovery.js';
import { MeshError, show, UnknownServiceError } from '../core/errors.js';
import { type Combination, type CombinedNews, isAwaited } from './combination.js';
import { type MemberNews, MemberState } from './composite-member.js';
import type { CompositeSettings, MemberPlan } from './composite-options.js';
import { FallbackCombination } from './fallback-combination.js';
import { UnionCombination } from './union-combination.js';

/**
 * One service of a composite: a watch on each member that is asked for it, and what their words amount to.
 *
 * Every member is watched all the time, so that its list is at hand in the moment in which it is needed. News are
 * taken in one at a time: whoever hears an event may make a member say more.
 */
export class CompositeWatch {
  private readonly members: readonly MemberState[];
  private readonly combination: Combination;
  private readonly inbox: { readonly member: MemberState | undefined; readonly news: MemberNews | undefined }[] = [];
  private applying = false;
  private stopped = false;
  /** Whether anything but a failure was ever said. */
  private hasSaid = false;
  private timer: Timer | undefined = undefined;

  constructor(
    private readonly service: string,
    plans: readonly MemberPlan[],
    private readonly settings: CompositeSettings,
    private readonly sink: DiscoverySink,
    private readonly host: DiscoveryHost,
  ) {
    const hear = (member: MemberState, news: MemberNews) => this.receive(member, news);
    this.members = plans.map((plan) => new MemberState(service, plan, settings, host, hear));
    this.combination =
      settings.combine === 'union'
        ? new UnionCombination(this.members)
        : new FallbackCombination(this.members, settings, (from, to) => host.members?.switched(service, from, to));
  }

  start(): void {
    for (const member of this.members) if (!this.stopped) member.start();
    // Nobody may have said anything: then somebody has to look at the clock.
    this.receive(undefined, undefined);
  }

  stop(): void {
    this.stopped = true;
    this.timer?.cancel();
    for (const member of this.members) member.stop();
  }

  inspect(): Record<string, unknown> {
    const { serving } = this.combination;
    return { ...(serving !== undefined && { serving }), members: this.members.map((member) => member.inspect()) };
  }

  private receive(member: MemberState | undefined, news: MemberNews | undefined): void {
    this.inbox.push({ member, news });
    if (this.applying) return;
    this.applying = true;
    try {
      for (let next = this.inbox.shift(); next !== undefined && !this.stopped; next = this.inbox.shift())
        this.apply(next.member, next.news);
    } finally {
      this.applying = false;
    }
  }

  private apply(member: MemberState | undefined, news: MemberNews | undefined): void {
    const { clock } = this.host;
    const change = news === undefined ? undefined : member?.take(news);
    const combined = this.combination.update(member, change, clock.now());
    this.wakeAt(this.combination.lookAgainAtMs);
    if (combined !== undefined) this.say(combined);
    else if (this.isMute()) this.sayNothingIsThere();
    else if (news?.kind === 'failed' && this.members.every(({ isFailing }) => isFailing)) this.sink.failed(this.whyNot());
    // While nothing can serve, the composite itself has failed, and says why.
    if (this.hasSaid) for (const each of this.members) each.reportOutage();
  }

  private say(news: CombinedNews): void {
    this.hasSaid = true;
    if (news.kind === 'list') this.sink.snapshot(news.instances, { live: news.live });
    else this.sink.patch({ upsert: news.upsert, remove: news.remove });
  }

  /** Whether there never was an instance, and nobody is left to wait for. */
  private isMute(): boolean {
    const nowMs = this.host.clock.now();
    return !this.hasSaid && !this.members.some((member) => isAwaited(member, nowMs) || member.hasInstances);
  }

  private sayNothingIsThere(): void {
    const { members, service, settings } = this;
    if (members.some((member) => member.isFailing || member.answer === 'none')) this.sink.failed(this.whyNot());
    else if (members.some(({ answer }) => answer === 'list')) this.sink.snapshot([]);
    else this.sink.failed(new UnknownServiceError(service, settings.name));
  }

  /** Each member's reason, by name. */
  private whyNot(): Error {
    const { members, settings } = this;
    const reasons = members.map(({ name, error, answer }) => {
      if (error !== undefined) return `${name}: ${error instanceof Error ? error.message : show(error)}`;
      return `${name}: ${answer === 'none' ? `no answer within ${settings.firstListTimeoutMs} ms` : 'no instances'}`;
    });
    const cause = members.find(({ isFailing }) => isFailing)?.error;
    return new MeshError('ERR_MESH_DISCOVERY', reasons.join('; '), { cause });
  }

  private wakeAt(atMs: number): void {
    const { clock } = this.host;
    this.timer?.cancel();
    this.timer = undefined;
    if (atMs === Number.POSITIVE_INFINITY) return;
    this.timer = clock.setTimer(() => this.receive(undefined, undefined), Math.max(0, atMs - clock.now()));
    this.timer.unref();
  }
}
