import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import type { InstanceInput } from '../../src/core/discovery.js';
import { NamedSource, watched } from './composite-fixture.js';
import { instances } from './scripted-source.js';

const DOWN = new Error('connection refused');

function pair(test: TestContext) {
  const first = new NamedSource('first');
  const second = new NamedSource('second');
  return { first, second, ...watched(test, [first, second], { combine: 'union' }) };
}

function named(id: string, host: number, weight = 1): InstanceInput {
  return { id, url: `http://10.0.0.${host}:80`, weight };
}

describe('a union of sources', () => {
  it('has the instances of all of them, from the first list on', async (test) => {
    const { first, second, sink, clock } = pair(test);
    first.sink.snapshot(instances(2, 1));
    await clock.advance(1_999);
    assert.deepEqual(sink.said, [], 'half of the instances would get all of the requests');
    second.sink.snapshot(instances(2, 11));
    assert.deepEqual(sink.ids, [...instances(2, 1), ...instances(2, 11)].sort());
    assert.equal(sink.said.length, 1);
  });

  it('begins without a source that fails or is silent, and takes it in later', async (test) => {
    const { first, second, sink, clock, host } = pair(test);
    first.sink.failed(DOWN);
    second.sink.snapshot(instances(1, 11));
    assert.deepEqual(sink.ids, instances(1, 11));
    await clock.advance(7_000);
    first.sink.snapshot(instances(1, 1));
    assert.deepEqual(sink.ids, [...instances(1, 1), ...instances(1, 11)].sort());
    assert.deepEqual(host.told, ['first failed', 'first recovered after 7000']);
    const silent = pair(test);
    silent.second.sink.snapshot(instances(1, 11));
    await silent.clock.advance(2_000);
    assert.deepEqual(silent.sink.ids, instances(1, 11));
  });

  it('changes by what changed, and by nothing else', (test) => {
    const { first, second, sink } = pair(test);
    first.sink.snapshot(instances(100, 1));
    second.sink.snapshot(instances(100, 101));
    first.sink.patch({ upsert: [named('http://10.0.0.1:80', 1, 5)], remove: [instances(1, 2)[0] ?? ''] });
    assert.deepEqual(sink.last, { kind: 'patch', upsert: 1, remove: instances(1, 2) });
    second.sink.snapshot([...instances(99, 101), 'http://10.0.1.1:80']);
    assert.deepEqual(sink.last, { kind: 'patch', upsert: 1, remove: instances(1, 200) });
  });

  it('has an address once, and the earlier source speaks for it', (test) => {
    const { first, second, sink } = pair(test);
    first.sink.snapshot([named('a', 1, 5)]);
    second.sink.snapshot([named('b', 1, 7), named('c', 2)]);
    assert.deepEqual(sink.ids, ['a', 'c']);
    first.sink.patch({ remove: ['a'] });
    assert.deepEqual(sink.ids, ['b', 'c'], 'the later one does when it is gone');
    first.sink.patch({ upsert: [named('a', 1, 5)] });
    assert.deepEqual(sink.ids, ['a', 'c']);
  });

  it('does not take an instance out that another source has under the same id, too', (test) => {
    const { first, second, sink } = pair(test);
    first.sink.snapshot([named('a', 1, 5)]);
    second.sink.snapshot([named('a', 1, 7)]);
    first.sink.patch({ remove: ['a'] });
    assert.deepEqual(sink.last, { kind: 'patch', upsert: 1, remove: [] }, 'it keeps its endpoint, with its history');
  });

  it('tells different instances of one id apart by the name of the later source', (test) => {
    const { first, second, sink } = pair(test);
    first.sink.snapshot([named('users-1', 1)]);
    second.sink.snapshot([named('users-1', 2)]);
    assert.deepEqual(sink.ids, ['users-1', 'users-1@second']);
    first.sink.patch({ remove: ['users-1'] });
    assert.deepEqual(sink.ids, ['users-1']);
    assert.equal((sink.list.get('users-1') as { url: string }).url, 'http://10.0.0.2:80');
  });

  it('keeps the instances of a source that fails, and of one that came back empty for a while', async (test) => {
    const { first, second, sink, clock, host } = pair(test);
    first.sink.snapshot(instances(3, 1));
    second.sink.snapshot(instances(100, 101));
    first.sink.failed(DOWN);
    await clock.advance(3_600_000);
    assert.equal(sink.list.size, 103);
    assert.equal(sink.said.length, 1, 'the union has not failed: it has 100 instances that are sure');
    first.sink.snapshot([]);
    await clock.advance(29_999);
    assert.equal(sink.list.size, 103, 'three of 103 would not have been missed by the mesh');
    await clock.advance(1);
    assert.equal(sink.list.size, 100);
    assert.deepEqual(host.told, ['first failed', 'held at 3, not 0', 'first recovered after 3600000']);
  });

  it('fails when all of its sources do', (test) => {
    const { first, second, sink } = pair(test);
    first.sink.snapshot(instances(1, 1));
    second.sink.snapshot(instances(1, 2));
    first.sink.failed(DOWN);
    assert.equal(sink.last?.kind, 'snapshot');
    second.sink.failed(DOWN);
    assert.equal(sink.last?.kind, 'failed');
    second.sink.patch({});
    assert.deepEqual(sink.last, { kind: 'patch', upsert: 0, remove: [] });
  });
});
