import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { parseSlice } from '../../../src/registries/kubernetes/endpoint-slice.js';
import { DRAINING, endpoint, NOT_READY, READING, slice } from './slices.js';

function instancesOf(given: unknown, reading = READING) {
  return [...parseSlice(given, reading).endpoints.values()].map(({ instance }) => instance);
}

describe('parseSlice', () => {
  it('makes an instance of an endpoint: its pod is its identity, pod and node are its metadata', () => {
    assert.deepEqual(instancesOf(slice('a', [endpoint('10.0.0.1', 'u1')])), [
      { url: 'http://10.0.0.1:8080', id: 'u1', zone: 'zone-a', metadata: { pod: 'pod-u1', node: 'node-1' } },
    ]);
  });

  it('goes by the address where there is no pod, and puts IPv6 into brackets', () => {
    const given = slice('a', [{ addresses: ['fd00::1', 'fd00::2'] }], { addressType: 'IPv6' });
    assert.deepEqual(instancesOf(given), [{ url: 'http://[fd00::1]:8080', id: 'http://[fd00::1]:8080', zone: undefined, metadata: {} }]);
    assert.equal(
      instancesOf(slice('a', [{ addresses: ['users.example.com'] }], { addressType: 'FQDN' }))[0]?.url,
      'http://users.example.com:8080',
    );
  });

  it('takes absent conditions for ready, keeps those that shut down but serve, and leaves out the rest', () => {
    const given = slice('a', [
      { addresses: ['10.0.0.1'] },
      endpoint('10.0.0.2', 'u2', NOT_READY),
      endpoint('10.0.0.3', 'u3', DRAINING),
      endpoint('10.0.0.4', 'u4', { conditions: { ready: false, serving: true, terminating: false } }),
    ]);
    const states = [...parseSlice(given, READING).endpoints.values()].map(({ key, state }) => [key, state]);
    assert.deepEqual(states, [
      ['http://10.0.0.1:8080', 'ready'],
      ['u3', 'draining'],
    ]);
  });

  it('leaves out address families that are not wanted, without a word', () => {
    const parsed = parseSlice(slice('a', [endpoint('fd00::1', 'u1')], { addressType: 'IPv6' }), { ...READING, addressTypes: ['IPv4'] });
    assert.deepEqual([parsed.endpoints.size, parsed.problems], [0, []]);
  });

  it('reports the entries that cannot be used, names them, and keeps the others', () => {
    const given = slice('a', [
      endpoint('10.0.0.1', 'u1'),
      endpoint('not an address', 'u2'),
      { addresses: [] },
      endpoint('10.0.0.4', 'u4', { zone: 'x'.repeat(1_000_000) }),
      endpoint('evil.example/path', 'u5'),
      null,
    ]);
    const { endpoints, problems } = parseSlice(given, READING);
    assert.deepEqual([...endpoints.keys()], ['u1']);
    assert.deepEqual(
      problems.map(({ entry }) => entry),
      [1, 2, 3, 4, 5].map((index) => `endpointslice default/a, endpoint ${index}`),
    );
    assert.match(problems[0]?.reason ?? '', /type 'IPv4', got 'not an address'/);
    assert.ok(problems.every(({ reason }) => reason.length < 300));
  });

  it('reports a slice as a whole when its port or its type is the problem', () => {
    for (const more of [{ ports: [] }, { ports: [{ port: 70_000 }] }, { addressType: 'carrier pigeon' }, { endpoints: 'many' }]) {
      const { endpoints, problems } = parseSlice(slice('a', [endpoint('10.0.0.1', 'u1')], more), READING);
      assert.equal(endpoints.size, 0);
      assert.deepEqual(
        problems.map(({ entry }) => entry),
        ['endpointslice default/a'],
      );
    }
  });

  it('has nothing to say about the ports of a slice without endpoints', () => {
    assert.deepEqual(parseSlice(slice('a', [], { ports: null }), READING).problems, []);
    assert.deepEqual(parseSlice(slice('a', [], { endpoints: null }), READING).problems, []);
  });

  it('takes whatever JSON there is without throwing, and lets no key of it become more than data', () => {
    const wild = fc.jsonValue();
    const fieldNames = [
      'metadata',
      'addressType',
      'endpoints',
      'ports',
      'conditions',
      'addresses',
      'targetRef',
      'zone',
      'hints',
      '__proto__',
    ];
    const wildSlice = fc.oneof(
      wild,
      fc.dictionary(fc.constantFrom(...fieldNames), wild),
      fc.array(wild).map((endpoints) => slice('a', endpoints)),
    );
    const wildEndpoints = fc.array(fc.dictionary(fc.constantFrom(...fieldNames), wild)).map((endpoints) => slice('a', endpoints));
    fc.assert(
      fc.property(fc.oneof(wildSlice, wildEndpoints), (given) => {
        parseSlice(JSON.parse(JSON.stringify(given)), { ...READING, hintsForZone: 'z' });
      }),
    );
    const { endpoints } = parseSlice(JSON.parse('{"__proto__":{"polluted":1},"endpoints":[]}'), READING);
    assert.equal(endpoints.size, 0);
    assert.equal(({} as { polluted?: number }).polluted, undefined);
  });
});
