import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { InstanceInput } from '../../src/core/discovery.js';
import { UnknownServiceError } from '../../src/core/errors.js';
import { compositeDiscovery } from '../../src/discovery/composite.js';
import { CompositeHost, NamedSource } from './composite-fixture.js';
import { RecordingSink } from './recording-sink.js';

/**
 * Whatever members say and in whatever order, the list of a composite is what its rule makes of the members' lists.
 * The members' lists are those of a model that knows nothing of watches: here all news are live, so that nothing of it
 * depends on time but the two waits of the fallback, which the commands pass or do not begin.
 */

const MEMBERS = 3;

type Listed = { readonly id: string; readonly url: string; readonly weight: number };
type Command =
  | { readonly kind: 'snapshot'; readonly member: number; readonly list: readonly Listed[] }
  | { readonly kind: 'patch'; readonly member: number; readonly list: readonly Listed[]; readonly remove: readonly string[] }
  | { readonly kind: 'failed' | 'unknown'; readonly member: number }
  | { readonly kind: 'time' };

// Few ids and addresses, so that they clash all the time; none that could be another one's with a member's name.
const number = (min: number, max: number) => fc.integer({ min, max });
const listed: fc.Arbitrary<Listed> = fc
  .tuple(number(0, 4), number(1, 4), number(1, 2))
  .map(([id, host, weight]) => ({ id: `id-${id}`, url: `http://10.0.0.${host}:80`, weight }));
const list = fc.uniqueArray(listed, { maxLength: 5, selector: ({ id }) => id });
const member = fc.integer({ min: 0, max: MEMBERS - 1 });
const command: fc.Arbitrary<Command> = fc.oneof(
  fc.record({ kind: fc.constant('snapshot' as const), member, list }),
  fc.record({
    kind: fc.constant('patch' as const),
    member,
    list,
    remove: fc.array(
      listed.map(({ id }) => id),
      { maxLength: 3 },
    ),
  }),
  fc.record({ kind: fc.constant('failed' as const), member }),
  fc.record({ kind: fc.constant('unknown' as const), member }),
  fc.constant({ kind: 'time' as const }),
);

/** What one member's list is, by plain means. */
class MemberModel {
  entries = new Map<string, Listed>();
  failing = false;

  take(news: Exclude<Command, { kind: 'time' }>): void {
    this.failing = news.kind === 'failed';
    if (news.kind === 'snapshot') this.entries = new Map(news.list.map((each) => [each.id, each]));
    if (news.kind === 'unknown') this.entries = new Map();
    if (news.kind === 'patch') {
      for (const id of news.remove) this.entries.delete(id);
      for (const each of news.list) this.entries.set(each.id, each);
    }
  }
}

/** The union by its rule, looked at as a whole. */
function unionOf(members: readonly MemberModel[]): Map<string, Listed> {
  const union = new Map<string, Listed>();
  for (const [index, { entries }] of members.entries()) {
    const earlier = members.slice(0, index);
    for (const each of entries.values()) {
      if (earlier.some((other) => [...other.entries.values()].some(({ url }) => url === each.url))) continue;
      const id = earlier.some((other) => other.entries.has(each.id)) ? `${each.id}@member-${index}` : each.id;
      union.set(id, { ...each, id });
    }
  }
  return union;
}

function plain(input: InstanceInput): Listed {
  if (typeof input === 'string') throw new Error('a composite gives objects');
  return { id: input.id ?? '', url: input.url, weight: input.weight ?? 1 };
}

function sorted(instances: Iterable<Listed>): Listed[] {
  return [...instances].sort((one, other) => (one.id < other.id ? -1 : 1));
}

/** A list that is believed at once, and then a doubt that does not matter. */
function tell(source: NamedSource, news: Exclude<Command, { kind: 'time' }>): void {
  if (news.kind === 'snapshot') source.sink.snapshot(news.list, { live: true });
  else if (news.kind === 'patch') source.sink.patch({ upsert: news.list, remove: news.remove });
  else if (news.kind === 'failed') source.sink.failed(new Error('down'));
  else {
    source.sink.snapshot([], { live: true });
    source.sink.failed(new UnknownServiceError('users', source.name));
  }
}

function start(combine: 'union' | 'fallback') {
  const sources = Array.from({ length: MEMBERS }, (_, index) => new NamedSource(`member-${index}`));
  const models = sources.map(() => new MemberModel());
  const host = new CompositeHost();
  const sink = new RecordingSink();
  const stop = compositeDiscovery(sources, { combine }).watch('users', sink, host);
  return { sources, models, host, sink, stop };
}

describe('a composite', () => {
  it('of several sources is their union, whatever they say and in whatever order', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(command, { maxLength: 40 }), async (commands) => {
        const { sources, models, host, sink, stop } = start('union');
        await host.clock.advance(2_000);
        for (const news of commands) {
          if (news.kind === 'time') {
            await host.clock.advance(60_000);
            continue;
          }
          tell(sources[news.member] as NamedSource, news);
          (models[news.member] as MemberModel).take(news);
          assert.deepEqual(sorted([...sink.list.values()].map(plain)), sorted(unionOf(models).values()));
        }
        stop();
        assert.equal(host.clock.pendingTimers, 0);
      }),
      { numRuns: 300 },
    );
  });

  it('in order is the list of the first source that has one, once everything is quiet', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(command, { maxLength: 40 }), async (commands) => {
        const { sources, models, host, sink, stop } = start('fallback');
        await host.clock.advance(2_000);
        for (const news of commands) {
          if (news.kind === 'time') {
            await host.clock.advance(60_000);
          } else {
            tell(sources[news.member] as NamedSource, news);
            (models[news.member] as MemberModel).take(news);
            // At every moment it is the list of one member, whole.
            const now = sorted([...sink.list.values()].map(plain));
            assert.ok(models.some(({ entries }) => equal(now, sorted(entries.values()))) || now.length === 0, JSON.stringify(now));
            if (models.some(({ entries, failing }) => entries.size > 0 && !failing)) assert.ok(now.length > 0, 'somebody has instances');
          }
        }
        await host.clock.advance(60_000);
        const serving = models.find(({ entries, failing }) => entries.size > 0 && !failing);
        if (serving !== undefined) assert.deepEqual(sorted([...sink.list.values()].map(plain)), sorted(serving.entries.values()));
        else if (models.some(({ entries }) => entries.size > 0)) assert.ok(sink.list.size > 0, 'an old list is better than none');
        else assert.equal(sink.list.size, 0);
        stop();
        assert.equal(host.clock.pendingTimers, 0);
      }),
      { numRuns: 300 },
    );
  });
});

function equal(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
