import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { announcedInstance } from '../../../src/discovery/announced-instance.js';
import { parseInstance } from '../../../src/discovery/instance.js';
import { readInstance, writeInstance } from '../../../src/registries/zookeeper/curator-instance.js';

const SPRING = {
  name: 'users',
  id: '7c1f',
  address: 'app-1.internal',
  port: 8080,
  sslPort: null,
  payload: {
    '@class': 'org.springframework.cloud.zookeeper.discovery.ZookeeperInstance',
    id: 'users-1',
    name: 'users',
    metadata: { instance_status: 'UP', zone: 'eu-1a', weight: '3' },
  },
  registrationTimeUTC: 1_700_000_000_000,
  serviceType: 'DYNAMIC',
  uriSpec: {
    parts: [
      { value: 'scheme', variable: true },
      { value: '://', variable: false },
      { value: 'address', variable: true },
      { value: ':', variable: false },
      { value: 'port', variable: true },
    ],
  },
};

const read = (content: unknown) => readInstance('7c1f', Buffer.from(JSON.stringify(content)));
const part = (value: string, variable = false) => ({ value, variable });

describe("Curator's instances", () => {
  test('what Spring Cloud ZooKeeper writes is read with zone, weight and metadata', () => {
    assert.deepEqual(read(SPRING), {
      id: '7c1f',
      url: 'http://app-1.internal:8080',
      weight: 3,
      zone: 'eu-1a',
      metadata: SPRING.payload.metadata,
    });
  });

  test('an instance with an sslPort is reached with TLS, at that port', () => {
    assert.equal(read({ ...SPRING, sslPort: 8443 })?.url, 'https://app-1.internal:8443');
    assert.equal(read({ ...SPRING, port: null, sslPort: 8443, uriSpec: null })?.url, 'https://app-1.internal:8443');
  });

  test('without a uriSpec the address and the port will do', () => {
    assert.equal(read({ address: '10.0.0.1', port: 80 })?.url, 'http://10.0.0.1:80');
    assert.equal(read({ address: '2001:db8::1', port: 80 })?.url, 'http://[2001:db8::1]:80');
  });

  test('a uriSpec may add a base path, fix the scheme and name itself', () => {
    const parts = [part('http://'), part('address', true), part(':'), part('port', true), part('/api/'), part('name', true)];
    assert.equal(read({ ...SPRING, sslPort: 8443, uriSpec: { parts } })?.url, 'http://app-1.internal:8080/api/users');
  });

  test('an instance that asks for no requests is not listed, and not reported either', () => {
    assert.equal(read({ ...SPRING, enabled: false }), undefined);
    assert.equal(read({ ...SPRING, payload: { metadata: { instance_status: 'OUT_OF_SERVICE' } } }), undefined);
    assert.notEqual(read({ ...SPRING, enabled: true }), undefined);
  });

  test('metadata that is no text is made text or left out', () => {
    const metadata = { text: 'a', number: 3, truth: true, list: [1], none: null };
    assert.deepEqual(read({ ...SPRING, payload: { metadata } })?.metadata, { text: 'a', number: '3', truth: 'true' });
  });

  test('a weight in the metadata that is none is just metadata', () => {
    const instance = read({ ...SPRING, payload: { metadata: { weight: 'heavy' } } });
    assert.equal(instance?.weight, undefined);
    assert.deepEqual(instance?.metadata, { weight: 'heavy' });
  });

  test('a key named __proto__ changes nothing but the metadata', () => {
    const text = JSON.stringify(SPRING).replace('"instance_status"', '"__proto__"');
    const metadata = readInstance('7c1f', Buffer.from(text))?.metadata;
    assert.equal(Object.getPrototypeOf(metadata), Object.prototype);
    assert.ok(metadata !== undefined && Object.hasOwn(metadata, '__proto__'));
  });

  for (const [what, content, reason] of [
    ['broken JSON', '{"name":', /not JSON/],
    ['no data', '', /empty/],
    ['a list', '[]', /object/],
    ['no address', { ...SPRING, address: null }, /address/],
    ['a path in the address', { ...SPRING, address: 'host/../x' }, /address/],
    ['credentials in the address', { ...SPRING, address: 'user@host' }, /address/],
    ['no port at all', { ...SPRING, port: null, uriSpec: null }, /neither a port/],
    ['a port that is text', { ...SPRING, port: '8080' }, /port/],
    ['a port out of range', { ...SPRING, sslPort: 65_536 }, /sslPort/],
    ['a variable that nobody knows', { ...SPRING, uriSpec: { parts: [part('secret', true)] } }, /secret/],
    ['a uriSpec without parts', { ...SPRING, uriSpec: {} }, /uriSpec/],
    ['a million bytes', { ...SPRING, payload: 'x'.repeat(1_000_000) }, /bytes/],
  ] as const) {
    test(`an entry with ${what} is refused with a reason`, () => {
      const text = typeof content === 'string' ? content : JSON.stringify(content);
      assert.throws(() => readInstance('7c1f', Buffer.from(text)), reason);
    });
  }
});

describe('instances that we write', () => {
  const back = (announcement: Parameters<typeof announcedInstance>[0], payloadClass?: string) => {
    const { service, url: _, ...instance } = announcedInstance(announcement);
    const data = writeInstance(service, instance, 1_700_000_000_000, payloadClass);
    const again = readInstance(instance.id, data);
    assert.ok(again !== undefined);
    return { instance, read: parseInstance(again), json: JSON.parse(data.toString()) as Record<string, unknown> };
  };

  for (const announcement of [
    { service: 'users', url: 'http://10.0.0.1:8080' },
    { service: 'users', url: 'https://app.internal/base/path', id: 'a', weight: 0.5, zone: 'eu-1a', metadata: { team: 'blue' } },
    { service: 'users', url: 'http://[2001:db8::1]:9000', weight: 7 },
    { service: 'users', url: 'http://10.0.0.1:80', metadata: { weight: '9', zone: 'nowhere', instance_status: 'UP' } },
    { service: 'users', url: 'https://10.0.0.1', zone: 'b' },
  ]) {
    test(`${announcement.url} comes back as it was announced`, () => {
      const { instance, read: again } = back(announcement);
      assert.deepEqual(again, instance);
    });
  }

  test('are in the form of Curator, and have no payload where there is nothing to say', () => {
    const { json } = back({ service: 'users', url: 'http://10.0.0.1:8080', id: 'one' });
    assert.deepEqual(json, {
      name: 'users',
      id: 'one',
      address: '10.0.0.1',
      port: 8080,
      sslPort: null,
      payload: null,
      registrationTimeUTC: 1_700_000_000_000,
      serviceType: 'DYNAMIC',
      uriSpec: { parts: [part('scheme', true), part('://'), part('address', true), part(':'), part('port', true)] },
    });
  });

  test('name the Java class of their payload where it is asked for, with weight and zone as metadata', () => {
    const { json, read: again } = back(
      { service: 'users', url: 'http://10.0.0.1:8080', id: 'one', weight: 2, zone: 'z' },
      'com.example.Payload',
    );
    assert.deepEqual(json.payload, { '@class': 'com.example.Payload', id: 'one', name: 'users', metadata: { weight: '2', zone: 'z' } });
    assert.equal(again.weight, 2);
    assert.equal(again.zone, 'z');
  });
});
