import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type EntrySettings, readEntry } from '../../../src/registries/consul/health-entry.js';
import { healthEntry } from './entries.js';

const PASSING: EntrySettings = { health: 'passing', scheme: 'http', zoneKey: 'zone' };
const WARNING: EntrySettings = { ...PASSING, health: 'warning' };

function urlOf(entry: object, settings = PASSING): string | undefined {
  return readEntry(entry, settings).instance?.url;
}

describe('an entry of the health endpoint', () => {
  it('is an instance with the address, weight, zone and metadata of its service', () => {
    const Meta = { zone: 'eu-1a', version: '2', path: '/api', scheme: 'https' };
    const { instance, id, problem } = readEntry(healthEntry({ service: { Meta, Weights: { Passing: 7 } } }), PASSING);
    assert.deepEqual(instance, { url: 'https://10.0.0.1:8080/api', weight: 7, zone: 'eu-1a', metadata: { version: '2' } });
    assert.deepEqual([id, problem], ['users-1', undefined]);
  });

  it("has its node's address where it has none, and may have an IPv6 address", () => {
    assert.equal(urlOf(healthEntry({ service: { Address: '' } })), 'http://10.1.0.1:8080');
    assert.equal(urlOf(healthEntry({ service: { Address: 'fd00::1' } })), 'http://[fd00::1]:8080');
  });

  it('speaks what it says, by scheme, tag or the word of Spring, or else what the options say', () => {
    assert.equal(urlOf(healthEntry({ service: { Tags: ['v1', 'https'] } })), 'https://10.0.0.1:8080');
    assert.equal(urlOf(healthEntry({ service: { Meta: { secure: 'true' } } })), 'https://10.0.0.1:8080');
    assert.equal(urlOf(healthEntry({ service: { Meta: { scheme: 'http' }, Tags: ['https'] } })), 'http://10.0.0.1:8080');
    assert.equal(urlOf(healthEntry(), { ...PASSING, scheme: 'https' }), 'https://10.0.0.1:8080');
  });

  it("has a zone of its own, or Consul's locality, or its node's", () => {
    const zone = (entry: object): string | undefined => readEntry(entry, PASSING).instance?.zone;
    const nodeFields = { Meta: { zone: 'of the node' }, Locality: { Zone: "of the node's locality" } };
    assert.equal(zone(healthEntry({ service: { Meta: { zone: 'own' }, Locality: { Zone: 'locality' } }, nodeFields })), 'own');
    assert.equal(zone(healthEntry({ service: { Locality: { Region: 'r', Zone: 'locality' } }, nodeFields })), 'locality');
    assert.equal(zone(healthEntry({ nodeFields })), 'of the node');
    assert.equal(zone(healthEntry({ nodeFields: { Locality: nodeFields.Locality } })), "of the node's locality");
  });

  it('has its tags among its metadata', () => {
    assert.deepEqual(readEntry(healthEntry({ service: { Tags: ['a', 'b'] } }), PASSING).instance?.metadata, { tags: 'a,b' });
  });

  it("is told apart by its node where its id is only its service's name, and is known by the id that it was announced with", () => {
    assert.equal(readEntry(healthEntry({ id: 'users', node: 'n7' }), PASSING).id, 'users@n7');
    assert.equal(readEntry(healthEntry({ service: { Meta: { 'fetchmesh-id': 'mine' } } }), PASSING).id, 'mine');
  });

  it('gets requests by the lower weight while it is in a warning, and none while it is critical', () => {
    const service = { Weights: { Passing: 10, Warning: 2 } };
    assert.equal(readEntry(healthEntry({ service, checks: ['passing', 'passing'] }), WARNING).instance?.weight, 10);
    assert.equal(readEntry(healthEntry({ service, checks: ['passing', 'warning'] }), WARNING).instance?.weight, 2);
    for (const checks of [['warning', 'critical'], ['critical', 'warning'], ['maintenance'], [undefined]]) {
      assert.deepEqual(
        [readEntry(healthEntry({ service, checks }), WARNING).instance, readEntry(healthEntry({ checks }), WARNING).problem],
        [undefined, undefined],
      );
    }
  });

  it('gets no requests where its weight is 0, which is no mistake', () => {
    const { instance, problem } = readEntry(
      healthEntry({ service: { Weights: { Passing: 1, Warning: 0 } }, checks: ['warning'] }),
      WARNING,
    );
    assert.deepEqual([instance, problem], [undefined, undefined]);
  });

  for (const [what, service, reason] of [
    ['no port', { Port: 0 }, /no port/],
    ['a port that is a text', { Port: '80' }, /port must be/],
    ['a port that cannot be', { Port: 65_536 }, /port must be/],
    ['a host that would change the URL', { Address: 'a.example/x?' }, /address/],
    ['credentials in its host', { Address: 'user:secret@a.example' }, /address/],
    ['an address that is no text', { Address: { a: 1 } }, /address/],
    ['a scheme of its own', { Meta: { scheme: 'javascript:alert(1)' } }, /scheme/],
    ['metadata of ours that somebody broke', { Meta: { 'fetchmesh-more-1': '{"id":' } }, /JSON/],
  ] as const) {
    it(`is left out with a reason where it has ${what}`, () => {
      const { instance, problem, id } = readEntry(healthEntry({ service }), PASSING);
      assert.equal(instance, undefined);
      assert.match(problem ?? '', reason);
      assert.equal(id, 'users-1');
    });
  }

  it('may be anything at all, and never throws anything but an Error', () => {
    const anything = fc.anything({ withBigInt: true, withNullPrototype: true });
    fc.assert(
      fc.property(anything, anything, anything, anything, (service, nodeFields, checks, whole) => {
        const parts = { service: Object.assign({}, service), nodeFields: Object.assign({}, nodeFields) };
        for (const each of [{ ...healthEntry(parts), Checks: checks }, whole]) {
          try {
            readEntry(each, WARNING);
          } catch (error) {
            assert.match((error as Error).message, /no node or no id/);
          }
        }
      }),
    );
  });
});
