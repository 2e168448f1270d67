import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { InstanceInput } from '../../../src/core/discovery.js';
import { HealthList, type ListChange } from '../../../src/registries/consul/health-list.js';
import { healthEntry } from './entries.js';

type ObjectInput = Exclude<InstanceInput, string>;

function healthList(init: { priority?: number; idSuffix?: string } = {}) {
  const skipped: string[] = [];
  const list = new HealthList({
    settings: { health: 'passing', scheme: 'http', zoneKey: 'zone' },
    priority: 0,
    idSuffix: '',
    skipped: (entry, reason) => skipped.push(`${entry}: ${reason}`),
    ...init,
  });
  /** What a mesh knows that hears of the changes alone. */
  const known = new Map<string, ObjectInput>();
  return {
    list,
    skipped,
    known,
    take(entries: readonly unknown[]): ListChange {
      const incoming = list.begin();
      incoming.push(Buffer.from(JSON.stringify(entries)));
      const change = incoming.end();
      for (const id of change.remove) assert.ok(known.delete(id), `${id} was not there`);
      for (const each of change.upsert) if (typeof each !== 'string' && each.id !== undefined) known.set(each.id, each);
      return change;
    },
  };
}

function idsOf({ upsert, remove }: ListChange): { upsert: (string | undefined)[]; remove: readonly string[] } {
  return { upsert: upsert.map((each) => (typeof each === 'string' ? each : each.id)), remove };
}

const entry = (id: string, service: object = {}, node = `node-of-${id}`): object => healthEntry({ id, node, service });

describe("a service's list as Consul repeats it", () => {
  it('comes down to what has changed', () => {
    const { list, take } = healthList();
    const entries = Array.from({ length: 100 }, (_, i) => entry(`users-${i}`));
    assert.equal(take(entries).upsert.length, 100);
    assert.deepEqual(take(entries), { upsert: [], remove: [] });
    assert.deepEqual(idsOf(take(entries.with(50, entry('users-50', { Port: 9 })))), { upsert: ['users-50'], remove: [] });
    assert.deepEqual(idsOf(take([...entries.slice(0, 30), ...entries.slice(31), entry('new')])), {
      upsert: ['new', 'users-50'].toSorted((a, b) => (a === 'users-50' ? -1 : b === 'new' ? 1 : 0)),
      remove: ['users-30'],
    });
    assert.deepEqual(take(entries.toReversed()).remove, ['new']);
    assert.equal(list.size, 100);
  });

  it('says nothing where only what nobody reads has changed', () => {
    const { take } = healthList();
    take([entry('a'), entry('b')]);
    assert.deepEqual(take([{ ...entry('a'), Checks: [{ Status: 'passing', Output: 'another text' }] }, entry('b')]), {
      upsert: [],
      remove: [],
    });
  });

  it('stays as it was when the next one breaks off', () => {
    const { list, take } = healthList();
    take([entry('a'), entry('b')]);
    const incoming = list.begin();
    incoming.push(Buffer.from(`[${JSON.stringify(entry('a', { Port: 1 }))},`));
    assert.throws(() => incoming.end(), SyntaxError);
    assert.deepEqual(take([entry('a'), entry('b')]), { upsert: [], remove: [] });
  });

  it('names an entry that cannot be used once, as long as it says the same', () => {
    const { take, skipped, list } = healthList();
    take([entry('a'), entry('bad', { Port: 0 }), { Node: null, Service: 7 }]);
    take([entry('a', { Port: 1 }), entry('bad', { Port: 0 }), { Node: null, Service: 7 }]);
    take([entry('a', { Port: 1 }), { ...entry('bad', { Port: 0 }), Checks: [{ Output: 'another text' }] }, { Node: null, Service: 7 }]);
    assert.equal(skipped.length, 2);
    assert.match(skipped.join('\n'), /bad on node-of-bad: it has no port/);
    assert.deepEqual(idsOf(take([entry('a'), entry('bad', { Port: 80 })])).upsert, ['a', 'bad']);
    take([entry('a'), entry('bad', { Port: 0 })]);
    assert.equal(skipped.length, 3);
    assert.equal(list.size, 1);
  });

  it('loses an instance that cannot be used any more', () => {
    const { take } = healthList();
    take([entry('a'), entry('b')]);
    assert.deepEqual(idsOf(take([entry('a'), entry('b', { Port: 0 })])), { upsert: [], remove: ['b'] });
  });

  it('passes over an entry of more than a megabyte, and names its node', () => {
    const { take, skipped, list } = healthList();
    take([entry('a'), entry('huge', { Meta: { blob: 'x'.repeat(1_100_000) } }, 'node-9'), entry('b')]);
    assert.equal(list.size, 2);
    assert.match(skipped[0] ?? '', /node-9.*more than 1048576/);
  });

  it('tells apart instances of two nodes that have one id', () => {
    const { take, known } = healthList();
    take([entry('web', { Address: '10.0.0.1' }, 'n1'), entry('web', { Address: '10.0.0.2' }, 'n2')]);
    assert.deepEqual([...known.keys()].sort(), ['web', 'web@n2']);
    assert.deepEqual(idsOf(take([entry('web', { Address: '10.0.0.2' }, 'n2')])), { upsert: [], remove: ['web'] });
  });

  it('takes entries of two nodes for one instance where they have one id and one address, until the last of them is gone', () => {
    const { take, known } = healthList();
    const first = entry('i-1', {}, 'n1');
    const second = entry('i-1', {}, 'n2');
    take([first, second]);
    assert.deepEqual([...known.keys()], ['i-1']);
    assert.deepEqual(idsOf(take([second])), { upsert: ['i-1'], remove: [] });
    assert.deepEqual(idsOf(take([])), { upsert: [], remove: ['i-1'] });
    take([first, second]);
    take([entry('i-1', { Port: 9 }, 'n1'), second]);
    assert.deepEqual([...known.keys()].sort(), ['i-1', 'i-1@n2']);
  });

  it('has the priority and the ids of its datacenter', () => {
    const { take, known } = healthList({ priority: 2, idSuffix: '@dc3' });
    take([entry('a')]);
    assert.equal(known.get('a@dc3')?.priority, 2);
    assert.deepEqual(take([]).remove, ['a@dc3']);
  });

  it('is, by its changes alone, always what its last entries say', () => {
    const one = fc.record({
      id: fc.constantFrom('a', 'b', 'c'),
      node: fc.constantFrom('n1', 'n2', 'n3'),
      port: fc.integer({ min: 0, max: 2 }),
    });
    const entries = fc.uniqueArray(one, { selector: ({ id, node }) => `${id} ${node}`, maxLength: 9 });
    fc.assert(
      fc.property(fc.array(entries, { maxLength: 8 }), (lists) => {
        const { take, known, list } = healthList();
        for (const each of lists) {
          take(each.map(({ id, node, port }) => entry(id, { Port: port }, node)));
          const wanted = new Set(each.filter(({ port }) => port > 0).map(({ id, port }) => `${id} http://10.0.0.1:${port}`));
          const said = new Set([...known].map(([id, { url }]) => `${id.replace(/@.*/, '')} ${url}`));
          assert.deepEqual([...said].sort(), [...wanted].sort());
          assert.deepEqual(
            new Set(list.instances().map((instance) => JSON.stringify(instance))),
            new Set([...known.values()].map((instance) => JSON.stringify(instance))),
          );
        }
      }),
      { numRuns: 500 },
    );
  });
});
