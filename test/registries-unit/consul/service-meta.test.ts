import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { parseInstance } from '../../../src/discovery/instance.js';
import { detailsOfInstance, detailsOfService } from '../../../src/registries/consul/service-meta.js';

const PLAIN = { url: 'http://10.0.0.1:8080' };

describe('an instance in the metadata of a Consul service', () => {
  it('stands in the fields where other clients look for it', () => {
    const instance = parseInstance({ url: 'https://10.0.0.1/api', id: 'i-1', weight: 3, zone: 'eu-1a', metadata: { version: '2' } });
    assert.deepEqual(detailsOfInstance(instance, 'zone'), {
      Meta: { scheme: 'https', path: '/api', 'fetchmesh-id': 'i-1', zone: 'eu-1a', version: '2' },
      Weights: { Passing: 3, Warning: 1 },
    });
  });

  it('is the same when it is read back, and within what Consul takes', () => {
    const text = fc.oneof(
      fc.string({ unit: 'grapheme', maxLength: 700 }),
      fc.constantFrom('zone', 'path', 'scheme', 'fetchmesh-id', 'consul-x', '__proto__', 'a.b'),
    );
    const metadata = fc.dictionary(text, text, { maxKeys: 12 });
    const weight = fc.oneof(fc.double({ min: 0.001, max: 1e6, noNaN: true }), fc.integer({ min: 1, max: 1_000_000 }));
    const id = fc.string({ minLength: 1, maxLength: 1_024 });
    fc.assert(
      fc.property(
        metadata,
        weight,
        id,
        fc.option(text),
        fc.constantFrom('zone', 'az', 'not.a.key'),
        (metadata, weight, id, zone, zoneKey) => {
          const instance = parseInstance({ ...PLAIN, id, weight, zone: zone ?? undefined, metadata });
          const { Meta, Weights } = detailsOfInstance(instance, zoneKey);
          assert.ok(Object.keys(Meta).length <= 64);
          for (const [key, value] of Object.entries(Meta)) {
            assert.match(key, /^[\w-]{1,128}$/);
            assert.ok(Buffer.byteLength(value) <= 512);
          }
          assert.ok(Number.isInteger(Weights.Passing) && Weights.Passing >= 1 && Weights.Passing <= 65_535);
          const read = detailsOfService(Meta, Weights.Passing, zoneKey);
          assert.deepEqual({ ...read }, { id, weight, zone: instance.zone, scheme: 'http', path: '', metadata: { ...instance.metadata } });
        },
      ),
    );
  });

  it('keeps 64 metadata along with everything else', () => {
    const metadata = Object.fromEntries(Array.from({ length: 64 }, (_, i) => [`key-${i}`, `value ${i}`]));
    const instance = parseInstance({ ...PLAIN, zone: 'z', metadata });
    const { Meta } = detailsOfInstance(instance, 'zone');
    assert.ok(Object.keys(Meta).length <= 64);
    assert.equal(Meta['key-0'], 'value 0');
    assert.deepEqual(detailsOfService(Meta, 1, 'zone').metadata, metadata);
  });

  it('is refused where Consul has no room for it', () => {
    const metadata = Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`key.${i}`, '\u{1f600}'.repeat(60)]));
    assert.throws(() => detailsOfInstance(parseInstance({ ...PLAIN, metadata }), 'zone'), /64 entries of 512 bytes/);
    assert.throws(() => detailsOfInstance(parseInstance(`http://10.0.0.1/${'x'.repeat(512)}`), 'zone'), /path of its URL/);
  });

  it('has the weight that somebody gave it in Consul since', () => {
    const { Meta } = detailsOfInstance(parseInstance({ ...PLAIN, weight: 2.5 }), 'zone');
    assert.equal(detailsOfService(Meta, 3, 'zone').weight, 2.5);
    assert.equal(detailsOfService(Meta, 10, 'zone').weight, 10);
  });
});
