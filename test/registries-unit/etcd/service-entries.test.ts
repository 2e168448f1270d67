import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { base64, type KeyValue } from '../../../src/registries/etcd/messages.js';
import { ServiceEntries } from '../../../src/registries/etcd/service-entries.js';

const HEADER = { cluster: 'c', revision: 10 };

function entry(id: string, revision: number, { value = '{"Addr":"10.0.0.1:80"}', lease = '0' } = {}): KeyValue {
  return { key: `s/users/${id}`, base64: base64(value), revision, lease };
}

function entries(known: readonly KeyValue[] = []) {
  const skipped: string[] = [];
  const subject = new ServiceEntries('s/users/', (key) => skipped.push(key));
  list(subject, known, 0);
  return { subject, skipped };
}

function list(subject: ServiceEntries, found: readonly KeyValue[], seen: number, header = HEADER) {
  const listing = subject.list(seen);
  for (const each of found) listing.add(each);
  const { isLater, instances, patch } = listing.end(header);
  const idOf = (instance: unknown) => Object(instance).id as string;
  return { isLater, listed: instances.map(idOf), upsert: patch.upsert.map(idOf), remove: patch.remove };
}

describe('the keys of a service', () => {
  it('are handed on once for all that happened to them since the last time', () => {
    const { subject } = entries([entry('a', 1), entry('b', 2)]);
    subject.put(entry('a', 11));
    subject.put(entry('c', 12));
    subject.put(entry('c', 13, { value: '{"Addr":"10.0.0.2:80"}' }));
    subject.delete('s/users/b', 14);
    subject.put(entry('d', 15));
    subject.delete('s/users/d', 16);
    const patch = subject.takePatch();
    assert.deepEqual(
      patch?.upsert.map((each) => [Object(each).id, Object(each).url]),
      [
        ['a', 'http://10.0.0.1:80'],
        ['c', 'http://10.0.0.2:80'],
      ],
    );
    assert.deepEqual(patch?.remove, ['b', 'd']);
    assert.equal(subject.takePatch(), undefined);
  });

  it('are not set back by what a watch repeats', () => {
    const { subject } = entries([entry('a', 9)]);
    subject.put(entry('a', 8, { value: '{"Addr":"10.9.9.9:80"}' }));
    subject.put(entry('a', 9));
    subject.delete('s/users/a', 7);
    subject.delete('s/users/never', 7);
    subject.put({ ...entry('a', 20), key: 's/other/a' });
    assert.equal(subject.takePatch(), undefined);
  });

  it('are reported when their value is of no use, once until it is mended', () => {
    const { subject, skipped } = entries([entry('a', 1, { value: '{' })]);
    list(subject, [entry('a', 1, { value: '{' })], 10);
    subject.put(entry('a', 11, { value: '{' }));
    assert.deepEqual(skipped, ['s/users/a']);
    subject.put(entry('a', 12));
    subject.put(entry('a', 13, { value: '{' }));
    assert.deepEqual(skipped, ['s/users/a', 's/users/a']);
    assert.deepEqual(subject.takePatch(), { upsert: [], remove: ['a'] });
    subject.delete('s/users/a', 14);
    subject.put(entry('a', 15, { value: '{' }));
    assert.equal(skipped.length, 3);
  });

  it('name as a witness the one that was written last, up to what is known for certain', () => {
    const { subject } = entries([entry('a', 3), entry('b', 5, { lease: '77' }), entry('c', 4)]);
    subject.put(entry('d', 11));
    assert.deepEqual(subject.witness(10), { key: 's/users/b', revision: 5, lease: '77' });
    assert.equal(subject.witness(2), undefined);
  });
});

describe('a second list of keys', () => {
  const before = [entry('a', 3), entry('b', 5, { lease: '77' }), entry('c', 4)];

  it('is a later state when all that is old in it was known', () => {
    const { subject } = entries(before);
    const { isLater, upsert, remove } = list(subject, [entry('b', 5, { lease: '77' }), entry('c', 12), entry('d', 13)], 10, {
      cluster: 'c',
      revision: 13,
    });
    assert.deepEqual({ isLater, upsert, remove }, { isLater: true, upsert: ['c', 'd'], remove: ['a'] });
  });

  it('is none when nothing of what was known is in it', () => {
    const { subject } = entries(before);
    assert.equal(list(subject, [], 10).isLater, false);
    assert.equal(list(subject, [entry('d', 13)], 10, { cluster: 'c', revision: 13 }).isLater, false);
  });

  it('is none when something old in it was not known, or for another lease', () => {
    const { subject } = entries(before);
    assert.equal(list(subject, [...before, entry('x', 6)], 10).isLater, false);
    const other = entries(before).subject;
    assert.equal(list(other, [entry('a', 3), entry('b', 5, { lease: '78' }), entry('c', 4)], 10).isLater, false);
  });

  it('is none of an older revision, or of another cluster', () => {
    assert.equal(list(entries(before).subject, before, 10, { cluster: 'c', revision: 9 }).isLater, false);
    assert.equal(list(entries(before).subject, before, 10, { cluster: 'd', revision: 10 }).isLater, false);
    assert.equal(list(entries(before).subject, before, 10).isLater, true);
  });

  it('counts for nothing while it is not complete', () => {
    const { subject } = entries(before);
    subject.list(10).add(entry('z', 20));
    assert.deepEqual(subject.witness(10), { key: 's/users/b', revision: 5, lease: '77' });
  });
});
