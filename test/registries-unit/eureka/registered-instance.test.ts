import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { announcedInstance } from '../../../src/discovery/announced-instance.js';
import { parseInstance } from '../../../src/discovery/instance.js';
import { entryOf, instanceIdOf } from '../../../src/registries/eureka/announced-entry.js';
import { type MappingSettings, parseRegistered } from '../../../src/registries/eureka/registered-instance.js';

const DEFAULTS: MappingSettings = { by: 'app', address: 'hostName', preferSecure: false };

const ENTRY = {
  instanceId: 'host-1:users:8080',
  hostName: 'host-1',
  app: 'USERS',
  ipAddr: '10.0.0.1',
  status: 'UP',
  overriddenStatus: 'UNKNOWN',
  port: { $: 8080, '@enabled': 'true' },
  securePort: { $: 8443, '@enabled': 'false' },
  dataCenterInfo: { '@class': 'com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo', name: 'MyOwn' },
  metadata: { '@class': 'java.util.Collections$EmptyMap' },
  vipAddress: 'users,people',
  secureVipAddress: 'users-secure',
  lastUpdatedTimestamp: '1795273232604',
  lastDirtyTimestamp: '1795273232000',
  actionType: 'ADDED',
};

function parsed(changes: object = {}, settings: Partial<MappingSettings> = {}) {
  return parseRegistered(JSON.stringify({ ...ENTRY, ...changes }), 'FALLBACK', { ...DEFAULTS, ...settings });
}

describe("an instance's entry in Eureka", () => {
  it('says where it is, who it is, and when it changed', () => {
    assert.deepEqual(parsed(), {
      app: 'USERS',
      instanceId: 'host-1:users:8080',
      id: 'host-1:users:8080',
      status: 'UP',
      changedAt: 1795273232604,
      dirtyAt: 1795273232000,
      isDeleted: false,
      services: ['USERS'],
      input: { id: 'host-1:users:8080', url: 'http://host-1:8080' },
      problem: undefined,
    });
  });

  for (const status of ['DOWN', 'STARTING', 'OUT_OF_SERVICE', 'UNKNOWN', undefined, 7]) {
    it(`gets no requests with the status ${status}, and is no problem`, () => {
      const { input, problem } = parsed({ status });
      assert.equal(input, undefined);
      assert.equal(problem, undefined);
    });
  }

  for (const key of ['overriddenStatus', 'overriddenstatus']) {
    it(`gets no requests when an operator has overridden its status (${key})`, () => {
      assert.equal(parsed({ overriddenStatus: undefined, [key]: 'OUT_OF_SERVICE' }).input, undefined);
      assert.notEqual(parsed({ overriddenStatus: undefined, [key]: 'UP' }).input, undefined);
    });
  }

  const urls: [string, object, Partial<MappingSettings>, string][] = [
    ['its address where that is asked for', {}, { address: 'ipAddr' }, 'http://10.0.0.1:8080'],
    ['its address where it has no host name', { hostName: '' }, {}, 'http://10.0.0.1:8080'],
    ['its host name where it has no address', { ipAddr: null }, { address: 'ipAddr' }, 'http://host-1:8080'],
    ['an IPv6 address', { ipAddr: '2001:db8::1' }, { address: 'ipAddr' }, 'http://[2001:db8::1]:8080'],
    ['a port that is text, or a number without more', { port: { $: '81', '@enabled': true } }, {}, 'http://host-1:81'],
    ['a port that is a number without more', { port: 82 }, {}, 'http://host-1:82'],
    [
      'its secure port, the only one',
      { port: { $: 1, '@enabled': 'false' }, securePort: { $: 443, '@enabled': 'true' } },
      {},
      'https://host-1:443',
    ],
    ['its open port of two', { securePort: { $: 443, '@enabled': 'true' } }, {}, 'http://host-1:8080'],
    [
      'its secure port of two, where that is preferred',
      { securePort: { $: 443, '@enabled': 'true' } },
      { preferSecure: true },
      'https://host-1:443',
    ],
    ['its open port, where only that is enabled', {}, { preferSecure: true }, 'http://host-1:8080'],
    ['a path', { metadata: { contextPath: '/api' } }, {}, 'http://host-1:8080/api'],
  ];
  for (const [what, changes, settings, url] of urls) {
    it(`is reached by ${what}`, () => {
      const { input } = parsed(changes, settings);
      assert.equal(typeof input === 'object' ? input.url : input, url);
    });
  }

  const problems: [string, object, RegExp][] = [
    ['no enabled port', { port: { $: 80, '@enabled': 'false' } }, /neither port nor securePort is enabled/],
    ['no port at all', { port: undefined, securePort: undefined }, /neither port/],
    ['a port that is none', { port: { $: 'http', '@enabled': 'true' } }, /port must be from 1 to 65535, got 'http'/],
    ['a port of 0', { port: { $: 0, '@enabled': 'true' } }, /port must be from 1 to 65535/],
    ['no host', { hostName: undefined, ipAddr: '' }, /neither a hostName nor an ipAddr/],
    ['a host that is a URL', { hostName: 'evil.example/#' }, /hostName must be a host/],
  ];
  for (const [what, changes, message] of problems) {
    it(`is left out, with the reason, for ${what}`, () => {
      const { input, problem } = parsed(changes);
      assert.equal(input, undefined);
      assert.match(problem ?? '', message);
    });
  }

  it('has its weight and zone in its metadata, and keeps the rest', () => {
    const { input } = parsed({ metadata: { weight: '2.5', zone: 'eu-1a', version: '7', '@class': 'java.util.TreeMap' } });
    assert.deepEqual(input, { id: ENTRY.instanceId, url: 'http://host-1:8080', weight: 2.5, zone: 'eu-1a', metadata: { version: '7' } });
  });

  it('takes its zone from the data centre where it names none', () => {
    const dataCenterInfo = { name: 'Amazon', metadata: { 'availability-zone': 'us-east-1c' } };
    assert.equal(Object(parsed({ dataCenterInfo }).input).zone, 'us-east-1c');
    assert.equal(Object(parsed({ dataCenterInfo, metadata: { zone: 'own' } }).input).zone, 'own');
  });

  it('keeps metadata whose weight or path is neither', () => {
    const metadata = { weight: 'heavy', contextPath: 'users' };
    assert.deepEqual(parsed({ metadata }).input, { id: ENTRY.instanceId, url: 'http://host-1:8080', metadata });
  });

  it('keeps a key that would be the prototype as a key', () => {
    const json = JSON.stringify(ENTRY).replace(/"metadata":\{[^}]*\}/, '"metadata":{"__proto__":"x","constructor":"y"}');
    const { input } = parseRegistered(json, '', DEFAULTS);
    assert.deepEqual(Object.entries(Object(input).metadata), [
      ['__proto__', 'x'],
      ['constructor', 'y'],
    ]);
    assert.ok(parseInstance(input as never));
  });

  it('is found by its VIP addresses where services are these', () => {
    assert.deepEqual(parsed({}, { by: 'vip' }).services, ['USERS', 'PEOPLE']);
    assert.deepEqual(parsed({}, { by: 'vip', preferSecure: true }).services, ['USERS', 'PEOPLE', 'USERS-SECURE']);
    assert.deepEqual(parsed({ vipAddress: undefined }, { by: 'vip' }).services, []);
  });

  it('is known by what old clients give instead of an id', () => {
    assert.equal(parsed({ instanceId: undefined, dataCenterInfo: { metadata: { 'instance-id': 'i-1' } } }).instanceId, 'i-1');
    assert.equal(parsed({ instanceId: undefined }).instanceId, 'host-1');
    assert.equal(parsed({ app: undefined }).app, 'FALLBACK');
  });

  it('is refused when nobody can tell which it is', () => {
    for (const json of ['{}', '[]', '7', 'null', '{"app":"A","instanceId":7}', '{"app":']) {
      assert.throws(() => parseRegistered(json, '', DEFAULTS), Error, json);
    }
  });

  it('survives any types at all', () => {
    for (const key of Object.keys(ENTRY)) {
      for (const value of [null, 7, 'x', true, [], {}, { $: {} }, { metadata: 7 }]) {
        if (['instanceId', 'app', 'hostName'].includes(key)) continue;
        assert.equal(parsed({ [key]: value }).app, 'USERS', `${key}: ${JSON.stringify(value)}`);
      }
    }
  });
});

describe('an announced instance', () => {
  const announcements = [
    { service: 'users', url: 'http://10.0.0.1:8080' },
    { service: 'users', url: 'https://host-1/api/v1/', weight: 0.25, zone: 'z', metadata: { version: '7', 'a b': 'c', weird: '</x>' } },
    { service: 'Users.v2', url: 'http://[2001:db8::1]:8080', id: 'i-1' },
    { service: 'users', url: 'http://10.0.0.1:8080', id: 'a/b;c%d ü' },
    { service: 'users', url: 'http://10.0.0.1:8080', id: '..', weight: 1_000_000 },
  ];
  for (const announcement of announcements) {
    it(`comes back as what it was: ${announcement.id ?? announcement.url}`, () => {
      const instance = announcedInstance(announcement);
      const instanceId = instanceIdOf(instance, announcement.id !== undefined);
      assert.match(instanceId, /^[\w.:-]+$/);
      const { instance: entry } = entryOf(instance, instanceId, { leaseMs: 90_000, zone: undefined }, 5) as { instance: { app: string } };
      const { input, services } = parseRegistered(JSON.stringify(entry), '', DEFAULTS);
      assert.ok(input !== undefined);
      const { service, url: _, ...expected } = instance;
      assert.deepEqual(parseInstance(input), expected);
      assert.deepEqual(services, [service.toUpperCase()]);
    });
  }

  it('has ids in Eureka that differ where theirs do', () => {
    const idOf = (url: string, id?: string) => instanceIdOf(announcedInstance({ service: 'users', url, id }), id !== undefined);
    assert.equal(idOf('http://10.0.0.1:8080'), '10.0.0.1:users:8080');
    const ids = [
      idOf('http://h/a/b'),
      idOf('http://h/a_b'),
      idOf('http://h', 'a/b'),
      idOf('http://h', 'a_b'),
      idOf('http://h', 'a;b'),
      idOf('http://h', '.'),
    ];
    assert.equal(new Set(ids).size, ids.length);
    assert.ok(idOf('http://h', 'x'.repeat(1_000)).length < 250);
    assert.notEqual(idOf('http://h', 'x'.repeat(1_000)), idOf('http://h', 'x'.repeat(999)));
  });

  it('is in the zone of the source unless it names one', () => {
    const entry = (zone?: string) => {
      const instance = announcedInstance({ service: 'users', url: 'http://h', zone });
      return JSON.stringify(entryOf(instance, 'i', { leaseMs: 90_000, zone: 'ours' }, 1));
    };
    assert.match(entry(), /"zone":"ours"/);
    assert.match(entry('own'), /"zone":"own"/);
  });
});
