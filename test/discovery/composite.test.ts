import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Announcement, Discovery, InstanceInput, Lease } from '../../src/core/discovery.js';
import { ConfigError, UnknownServiceError } from '../../src/core/errors.js';
import { compositeDiscovery } from '../../src/discovery/composite.js';
import { staticDiscovery } from '../../src/discovery/static.js';
import { CompositeHost, NamedSource, watched } from './composite-fixture.js';
import { instances } from './scripted-source.js';

describe('routes of a composite', () => {
  const members = () => {
    const billing = new NamedSource('billing');
    const teams = new NamedSource('teams');
    const rest = new NamedSource('rest');
    return { billing, teams, rest, list: [{ source: billing, services: ['Billing'] }, { source: teams, services: [/^team-/g] }, rest] };
  };

  it('ask for a service only the sources that are used for it', (test) => {
    for (const [service, asked] of [
      ['billing', ['billing', 'rest']],
      ['team-a', ['teams', 'rest']],
      ['users', ['rest']],
    ] as const) {
      const { billing, teams, rest, list } = members();
      watched(test, list, {}, service);
      assert.deepEqual(
        [billing, teams, rest].filter(({ watches }) => watches > 0).map(({ name }) => name),
        asked,
      );
    }
  });

  it('make a service that none of them is used for an unknown one', (test) => {
    const { sink } = watched(test, [{ source: new NamedSource('a'), services: ['billing'] }]);
    assert.ok(sink.last?.error instanceof UnknownServiceError);
  });

  it('use a pattern with the flag g for every service alike', (test) => {
    const { teams, list } = members();
    const { discovery, sink, host } = watched(test, list, {}, 'team-a');
    test.after(discovery.watch('team-b', sink, host));
    assert.deepEqual(teams.asked, ['team-a', 'team-b']);
  });

  it('declare names and aliases, and what their sources declare, but not patterns', () => {
    const listed = staticDiscovery({ 'users-v2.example': ['http://10.0.0.1'], other: ['http://10.0.0.2'] });
    const discovery = compositeDiscovery([
      { source: listed, services: ['users.example', 'billing.example', /^t-/], aliases: { 'users.example': 'users-v2.example' } },
    ]);
    const declared = ['users.example', 'USERS.example', 'billing.example', 't-1', 'other', 'users-v2.example'];
    assert.deepEqual(
      declared.filter((service) => discovery.declares?.(service)),
      ['users.example', 'USERS.example', 'billing.example'],
    );
  });

  it('ask a source by the name that it has for the service, and report by the one used here', (test) => {
    const source = new NamedSource('a');
    const { host, sink } = watched(test, [{ source, aliases: { Users: 'users-v2' } }]);
    assert.deepEqual(source.asked, ['users-v2']);
    source.onWatch = () => {};
    source.sink.snapshot(['http://10.0.0.1', 'ftp://10.0.0.2']);
    assert.deepEqual(sink.ids, ['http://10.0.0.1:80']);
    assert.deepEqual(
      host.skippedEntries.map(({ service, entry }) => [service, entry]),
      [['users', 'ftp://10.0.0.2']],
    );
  });
});

describe('the filter of a member', () => {
  const entry = (host: number, metadata?: Record<string, string>): InstanceInput => ({
    url: `http://10.0.0.${host}:80`,
    ...(metadata && { metadata }),
  });
  const mixed = [
    entry(1, { environment: 'production' }),
    entry(2, { environment: 'staging' }),
    entry(3),
    entry(4, { environment: 'production', ring: 'canary' }),
  ];
  const idOf = (host: number) => `http://10.0.0.${host}:80`;

  it('keeps environments apart, and leaves out an instance that does not say where it belongs', (test) => {
    const source = new NamedSource('a');
    const production = watched(test, [{ source, where: { environment: 'production' } }]);
    source.sink.snapshot(mixed);
    assert.deepEqual(production.sink.ids, [idOf(1), idOf(4)]);
    const both = watched(test, [{ source, where: { environment: ['staging', 'production'], ring: 'canary' } }]);
    source.sink.snapshot(mixed);
    assert.deepEqual(both.sink.ids, [idOf(4)]);
    const own = watched(test, [{ source, where: ({ metadata }) => metadata.environment !== 'staging' }]);
    source.sink.snapshot(mixed);
    assert.deepEqual(own.sink.ids, [idOf(1), idOf(3), idOf(4)]);
  });

  it('takes an instance out, or in, that says of itself that it moved', (test) => {
    const source = new NamedSource('a');
    const { sink, host } = watched(test, [{ source, where: { environment: 'production' } }]);
    source.sink.snapshot(mixed);
    source.sink.patch({ upsert: [entry(1, { environment: 'staging' }), entry(2, { environment: 'production' })] });
    assert.deepEqual(sink.ids, [idOf(2), idOf(4)]);
    source.sink.snapshot(mixed.map((_, index) => entry(index + 1, { environment: 'staging' })));
    assert.deepEqual(sink.ids, [], 'also in a list that was asked for');
    assert.deepEqual(host.told, ['nobody -> a'], 'and without a doubt');
  });

  it('makes a source without a match an empty one', (test) => {
    const first = new NamedSource('first');
    const second = new NamedSource('second');
    const { sink } = watched(test, [{ source: first, where: { environment: 'production' } }, second]);
    first.sink.snapshot([entry(2, { environment: 'staging' })]);
    second.sink.snapshot(instances(1, 9));
    assert.deepEqual(sink.ids, instances(1, 9));
  });

  it('that throws leaves the instance out and the list in place', (test) => {
    const source = new NamedSource('a');
    const where = () => {
      throw new Error('the filter is broken');
    };
    const warnings: string[] = [];
    const listen = ({ message }: Error) => warnings.push(message);
    process.on('warning', listen);
    test.after(() => process.off('warning', listen));
    const { sink } = watched(test, [{ source, where }]);
    source.sink.snapshot(mixed);
    assert.deepEqual(sink.ids, []);
    assert.equal(sink.last?.kind, 'snapshot');
  });

  it('does not take what every object has for metadata', (test) => {
    const source = new NamedSource('a');
    const where = Object.fromEntries([['constructor', 'x']]);
    const { sink } = watched(test, [{ source, where }]);
    source.sink.snapshot(mixed);
    assert.deepEqual(sink.ids, []);
  });
});

/** A source that notes what is announced to it. */
class Registry extends NamedSource implements Discovery {
  readonly announced: Announcement[] = [];
  closes = 0;

  async announce(announcement: Announcement): Promise<Lease> {
    this.announced.push(announcement);
    return { id: announcement.url, close: async () => {} };
  }

  async close(): Promise<void> {
    this.closes++;
  }
}

describe('announcing to a composite', () => {
  const announcement: Announcement = { service: 'users', url: 'http://10.0.0.1:8080' };
  const host = new CompositeHost();

  it('goes to the one registry among its sources, under the name that it has for the service', async () => {
    const registry = new Registry('registry');
    const discovery = compositeDiscovery([new NamedSource('dns'), { source: registry, aliases: { users: 'users-v2' } }]);
    const lease = await discovery.announce?.(announcement, host);
    assert.equal(lease?.id, announcement.url);
    assert.equal(registry.announced[0]?.service, 'users-v2');
  });

  it('is refused where it could go to several, with their names', async () => {
    const discovery = compositeDiscovery([new Registry('consul'), new Registry('file'), new Registry('file')]);
    await assert.rejects(async () => discovery.announce?.(announcement, host), {
      name: 'ConfigError',
      path: 'announce.announceTo',
      message: /'consul', 'file', 'file#2'/,
    });
    assert.deepEqual(discovery.registries, ['consul', 'file', 'file#2']);
  });

  it('goes to the registry that is named', async () => {
    const [consul, file] = [new Registry('consul'), new Registry('file')];
    const discovery = compositeDiscovery([consul, { source: file, name: 'backup' }]);
    await discovery.announce?.({ ...announcement, announceTo: 'backup' }, host);
    assert.deepEqual([consul.announced.length, file.announced.length], [0, 1]);
    assert.equal(file.announced[0]?.announceTo, undefined);
    await assert.rejects(async () => discovery.announce?.({ ...announcement, announceTo: 'file' }, host), /'consul', 'backup'/);
  });

  it('goes by the routes: only to what is used for the service', async () => {
    const [a, b] = [new Registry('a'), new Registry('b')];
    const discovery = compositeDiscovery([
      { source: a, services: ['billing'] },
      { source: b, services: ['users'] },
    ]);
    await discovery.announce?.(announcement, host);
    assert.deepEqual([a.announced.length, b.announced.length], [0, 1]);
    await assert.rejects(async () => discovery.announce?.({ ...announcement, service: 'other' }, host), /announce\.service/);
  });

  it('reaches the registries of a composite in a composite by their names', async () => {
    const [a, b] = [new Registry('a'), new Registry('b')];
    const discovery = compositeDiscovery([compositeDiscovery([a, b], { name: 'inner' }), new NamedSource('dns')]);
    assert.deepEqual(discovery.registries, ['a', 'b']);
    await discovery.announce?.({ ...announcement, announceTo: 'b' }, host);
    assert.deepEqual([a.announced.length, b.announced.length], [0, 1]);
    await assert.rejects(async () => discovery.announce?.(announcement, host), /'a', 'b'/);
  });

  it('knows one registry that stands there twice', async () => {
    const registry = new Registry('a');
    const discovery = compositeDiscovery([
      { source: registry, where: { zone: 'here' } },
      { source: registry, name: 'elsewhere' },
    ]);
    await discovery.announce?.(announcement, host);
    assert.equal(registry.announced.length, 1);
    await discovery.close?.();
    assert.equal(registry.closes, 1);
  });

  it('is nothing that a composite without a registry can do', () => {
    assert.equal(compositeDiscovery([new NamedSource('dns')]).announce, undefined);
  });
});

describe('what a composite shows of itself', () => {
  it('is how each member is doing, and which one serves', async (test) => {
    const [first, second] = [new NamedSource('first'), new NamedSource('second')];
    const { discovery, clock } = watched(test, [first, second]);
    first.sink.failed(new Error('connection refused'));
    second.sink.snapshot(instances(2));
    await clock.advance(100);
    assert.deepEqual(discovery.inspect?.('users'), {
      serving: 'second',
      members: [
        { name: 'first', state: 'failing', endpoints: 0, staleSinceMs: 0, lastError: 'connection refused' },
        { name: 'second', state: 'ready', endpoints: 2, listAgeMs: 100 },
      ],
    });
    assert.equal(discovery.inspect?.('other'), undefined);
  });
});

describe('wrong options of a composite', () => {
  const source = new NamedSource('a');
  const cases: readonly [string, () => unknown, string][] = [
    ['no list', () => compositeDiscovery(source as never), 'compositeDiscovery'],
    ['no sources', () => compositeDiscovery([]), 'compositeDiscovery'],
    ['no source', () => compositeDiscovery([{ source: {} as never }]), 'compositeDiscovery[0].source'],
    ['a misspelt option', () => compositeDiscovery([{ source, service: ['a'] } as never]), 'compositeDiscovery[0].service'],
    ['no services', () => compositeDiscovery([{ source, services: [] }]), 'compositeDiscovery[0].services'],
    ['a service that is none', () => compositeDiscovery([{ source, services: [1 as never] }]), 'compositeDiscovery[0].services[0]'],
    ['a filter that is none', () => compositeDiscovery([{ source, where: 'production' as never }]), 'compositeDiscovery[0].where'],
    ['a filter for nothing', () => compositeDiscovery([{ source, where: { zone: [] } }]), 'compositeDiscovery[0].where.zone'],
    ['an empty alias', () => compositeDiscovery([{ source, aliases: { users: '' } }]), 'compositeDiscovery[0].aliases.users'],
    ['a name twice', () => compositeDiscovery([source, { source, name: 'a' }]), 'compositeDiscovery[1].name'],
    ['an unknown way', () => compositeDiscovery([source], { combine: 'all' as never }), 'compositeDiscovery.options.combine'],
    [
      'what a union ignores',
      () => compositeDiscovery([source], { combine: 'union', returnAfterMs: 1 } as never),
      'compositeDiscovery.options.returnAfterMs',
    ],
    ['a time of 0', () => compositeDiscovery([source], { fallbackAfterMs: 0 }), 'compositeDiscovery.options.fallbackAfterMs'],
  ];
  for (const [what, make, path] of cases) {
    it(`are found when it is made: ${what}`, () => {
      assert.throws(make, (error) => error instanceof ConfigError && error.path === path);
    });
  }
});
