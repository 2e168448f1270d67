import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { InstanceInput } from '../../../src/core/discovery.js';
import { parseSlice, type SliceReading } from '../../../src/registries/kubernetes/endpoint-slice.js';
import { type InstanceChange, SliceSet } from '../../../src/registries/kubernetes/slice-set.js';
import { DRAINING, endpoint, NOT_READY, READING, slice } from './slices.js';

/** A set, and the list that its changes amount to. */
class SetUnderTest {
  readonly set = new SliceSet();
  readonly list = new Map<string, string>();
  lastChange: InstanceChange = { upsert: [], remove: [] };

  constructor(private readonly reading: SliceReading = READING) {}

  put(name: string, endpoints: readonly unknown[], more: Record<string, unknown> = {}): this {
    return this.took(this.set.put(parseSlice(slice(name, endpoints, more), this.reading)));
  }

  delete(name: string): this {
    return this.took(this.set.delete(name));
  }

  get urls(): string[] {
    return [...this.list.values()].sort();
  }

  private took(change: InstanceChange): this {
    this.lastChange = change;
    for (const id of change.remove) assert.ok(this.list.delete(id), `${id} was removed and not there`);
    for (const instance of change.upsert) this.list.set(idOf(instance), urlOf(instance));
    return this;
  }
}

const idOf = (input: InstanceInput) => (typeof input === 'string' ? input : `${input.id}`);
const urlOf = (input: InstanceInput) => (typeof input === 'string' ? input : input.url);
const IPV6 = { addressType: 'IPv6' };

describe('SliceSet', () => {
  it('joins slices, and passes on no more than what changed', () => {
    const under = new SetUnderTest()
      .put('a', [endpoint('10.0.0.1', 'u1'), endpoint('10.0.0.2', 'u2')])
      .put('b', [endpoint('10.0.0.3', 'u3')]);
    assert.deepEqual(under.urls, ['http://10.0.0.1:8080', 'http://10.0.0.2:8080', 'http://10.0.0.3:8080']);
    under.put('a', [endpoint('10.0.0.1', 'u1'), endpoint('10.0.0.9', 'u9')]);
    assert.deepEqual([under.lastChange.upsert.map(idOf), under.lastChange.remove], [['u9'], ['u2']]);
    under.put('a', [endpoint('10.0.0.1', 'u1'), endpoint('10.0.0.9', 'u9')]);
    assert.deepEqual(under.lastChange, { upsert: [], remove: [] });
  });

  it('keeps the objects of what a slice repeats, so that a change of one endpoint leaves no garbage of the others', () => {
    const under = new SetUnderTest().put('a', [endpoint('10.0.0.1', 'u1'), endpoint('10.0.0.2', 'u2')]);
    const before = new Map(under.set.get('a')?.endpoints);
    under.put('a', [endpoint('10.0.0.1', 'u1'), endpoint('10.0.0.9', 'u2')]);
    const after = under.set.get('a')?.endpoints;
    assert.ok(before.get('u1') !== undefined && after?.get('u1') === before.get('u1'));
    assert.equal(after?.get('u2')?.instance.url, 'http://10.0.0.9:8080');
  });

  it('counts an endpoint once that is in two slices while it moves, and keeps it when one of them lets go', () => {
    const under = new SetUnderTest().put('a', [endpoint('10.0.0.1', 'u1')]).put('b', [endpoint('10.0.0.1', 'u1')]);
    assert.deepEqual(under.urls, ['http://10.0.0.1:8080']);
    under.put('a', []);
    assert.deepEqual(under.lastChange, { upsert: [], remove: [] });
    under.delete('b');
    assert.deepEqual(under.urls, []);
  });

  it('makes one instance of a pod with two addresses, in the preferred family, and falls back to the other', () => {
    const v4 = new SetUnderTest().put('six', [endpoint('fd00::1', 'u1')], IPV6).put('four', [endpoint('10.0.0.1', 'u1')]);
    assert.deepEqual(v4.urls, ['http://10.0.0.1:8080']);
    v4.delete('four');
    assert.deepEqual(v4.urls, ['http://[fd00::1]:8080']);
    const v6 = new SetUnderTest({ ...READING, addressTypes: ['IPv6', 'IPv4'] });
    v6.put('six', [endpoint('fd00::1', 'u1')], IPV6).put('four', [endpoint('10.0.0.1', 'u1'), endpoint('10.0.0.2', 'u2')]);
    assert.deepEqual(v6.urls, ['http://10.0.0.2:8080', 'http://[fd00::1]:8080']);
  });

  it('does not depend on which of two slices came last when they say different things', () => {
    const put = (under: SetUnderTest, name: string) => under.put(name, [endpoint(name === 'a' ? '10.0.0.1' : '10.0.0.2', 'u1')]);
    for (const order of [
      ['a', 'b'],
      ['b', 'a'],
      ['a', 'b', 'a'],
    ]) {
      const under = order.reduce(put, new SetUnderTest());
      assert.deepEqual(under.urls, ['http://10.0.0.1:8080'], order.join());
    }
  });

  it('prefers the slice in which an endpoint is ready', () => {
    const under = new SetUnderTest().put('four', [endpoint('10.0.0.1', 'u1', DRAINING)]).put('six', [endpoint('fd00::1', 'u1')], IPV6);
    assert.deepEqual(under.urls, ['http://[fd00::1]:8080']);
  });

  it('calls those that shut down only while none is ready', () => {
    const under = new SetUnderTest().put('a', [endpoint('10.0.0.1', 'u1'), endpoint('10.0.0.2', 'u2', DRAINING)]);
    assert.deepEqual(under.urls, ['http://10.0.0.1:8080']);
    under.put('a', [endpoint('10.0.0.1', 'u1', NOT_READY), endpoint('10.0.0.2', 'u2', DRAINING)]);
    assert.deepEqual(under.urls, ['http://10.0.0.2:8080']);
    under.put('b', [endpoint('10.0.0.3', 'u3')]);
    assert.deepEqual(under.urls, ['http://10.0.0.3:8080']);
    under.delete('b');
    assert.deepEqual(under.urls, ['http://10.0.0.2:8080']);
  });

  it('follows the hints for its zone where every endpoint has some, and no others', () => {
    const hinted = (zone: string) => ({ hints: { forZones: [{ name: zone }] } });
    const under = new SetUnderTest({ ...READING, hintsForZone: 'zone-a' });
    under.put('a', [endpoint('10.0.0.1', 'u1', hinted('zone-a')), endpoint('10.0.0.2', 'u2', hinted('zone-b'))]);
    assert.deepEqual(under.urls, ['http://10.0.0.1:8080']);
    under.put('b', [endpoint('10.0.0.3', 'u3')]);
    assert.equal(under.list.size, 3);
    under.put('b', [endpoint('10.0.0.3', 'u3', hinted('zone-a'))]);
    assert.deepEqual(under.urls, ['http://10.0.0.1:8080', 'http://10.0.0.3:8080']);
    under.delete('b').put('a', [endpoint('10.0.0.2', 'u2', hinted('zone-b'))]);
    assert.deepEqual(under.urls, ['http://10.0.0.2:8080']);
  });

  it('passes on an endpoint whose zone or node changed', () => {
    const under = new SetUnderTest().put('a', [endpoint('10.0.0.1', 'u1')]).put('a', [endpoint('10.0.0.1', 'u1', { zone: 'zone-b' })]);
    assert.deepEqual(under.lastChange.upsert.map(idOf), ['u1']);
    under.put('a', [endpoint('10.0.0.1', 'u1', { zone: 'zone-b', nodeName: 'node-2' })]);
    assert.deepEqual(under.lastChange.upsert.map(idOf), ['u1']);
  });

  it('comes by any changes to the list that its slices amount to by themselves', () => {
    const state = fc.constantFrom<Record<string, unknown>>({}, {}, NOT_READY, DRAINING);
    const hint = fc.constantFrom<Record<string, unknown>>(
      {},
      { hints: { forZones: [{ name: 'ours' }] } },
      { hints: { forZones: [{ name: 'b' }] } },
    );
    const content = fc.array(fc.tuple(fc.integer({ min: 1, max: 6 }), state, hint), { maxLength: 5 });
    const step = fc.record({ name: fc.constantFrom('a', 'b', 'c6'), content: fc.option(content) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 25 }), (steps) => {
        const reading = { ...READING, hintsForZone: 'ours' };
        const under = new SetUnderTest(reading);
        const now = new Map<string, readonly unknown[]>();
        for (const { name, content } of steps) {
          if (content === null) {
            now.delete(name);
            under.delete(name);
            continue;
          }
          const isSix = name === 'c6';
          const endpoints = content.map(([number, ...more]) =>
            endpoint(isSix ? `fd00::${number}` : `10.0.0.${number}`, `u${number}`, Object.assign({}, ...more)),
          );
          now.set(name, endpoints);
          under.put(name, endpoints, isSix ? IPV6 : {});
        }
        const fresh = new SetUnderTest(reading);
        for (const [name, endpoints] of now) fresh.put(name, endpoints, name === 'c6' ? IPV6 : {});
        assert.deepEqual([...under.list].sort(), [...fresh.list].sort());
        assert.deepEqual(under.set.instances().map(idOf).sort(), [...under.list.keys()].sort());
      }),
    );
  });
});
