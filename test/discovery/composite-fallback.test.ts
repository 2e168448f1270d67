import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { UnknownServiceError } from '../../src/core/errors.js';
import { compositeDiscovery } from '../../src/discovery/composite.js';
import type { CompositeFallbackOptions } from '../../src/discovery/composite-options.js';
import { NamedSource, watched } from './composite-fixture.js';
import { idsOf, instances, makeSet, newCall, track } from './scripted-source.js';

const A = instances(3, 1);
const B = instances(2, 11);
const DOWN = new Error('connection refused');

/** Two sources in order, both watched. */
function pair(test: TestContext, options: CompositeFallbackOptions = {}) {
  const first = new NamedSource('first');
  const second = new NamedSource('second');
  return { first, second, ...watched(test, [first, second], options) };
}

describe('the first list of an ordered fallback', () => {
  it('is that of the first source, also where the second is faster', async (test) => {
    const { first, second, sink, clock, host } = pair(test);
    second.sink.snapshot(B);
    await clock.advance(1_999);
    assert.deepEqual(sink.said, []);
    first.sink.snapshot(A);
    assert.deepEqual(sink.ids, A);
    assert.deepEqual(host.told, ['nobody -> first']);
  });

  it('is that of the second at once where the first fails, does not know the service or is empty', (test) => {
    for (const answer of [
      ({ sink }: NamedSource) => sink.failed(DOWN),
      ({ sink }: NamedSource) => sink.failed(new UnknownServiceError('users', 'first')),
      ({ sink }: NamedSource) => sink.snapshot([]),
      ({ sink }: NamedSource) => sink.snapshot(['http://169.254.169.254/']),
    ]) {
      const { first, second, sink } = pair(test);
      second.sink.snapshot(B);
      answer(first);
      assert.deepEqual(sink.ids, B);
    }
  });

  it('is that of the second when the first has said nothing for a while', async (test) => {
    const { second, sink, clock } = pair(test, { firstListTimeoutMs: 500 });
    second.sink.snapshot(B);
    await clock.advance(499);
    assert.deepEqual(sink.said, []);
    await clock.advance(1);
    assert.deepEqual(sink.ids, B);
  });

  it('leaves room for doubt, since a list from a snapshot may serve already', (test) => {
    const { first, sink } = pair(test);
    first.sink.snapshot(A, { live: true });
    assert.deepEqual(sink.last, { kind: 'snapshot', live: false });
  });

  it('fails when no source can give one, with every reason', async (test) => {
    const { first, second, sink } = pair(test);
    first.sink.failed(DOWN);
    assert.deepEqual(sink.said, []);
    second.sink.failed(new UnknownServiceError('users', 'second'));
    assert.equal(sink.last?.kind, 'failed');
    assert.match(String(sink.last.error), /first: connection refused; second: .*knows no service/);
    assert.ok(!(sink.last.error instanceof UnknownServiceError), 'the first might know it');
  });

  it('fails when all sources are silent', async (test) => {
    const { sink, clock } = pair(test);
    await clock.advance(2_000);
    assert.match(String(sink.last?.error), /first: no answer within 2000 ms; second: no answer within 2000 ms/);
  });

  it('is empty where the sources answer and one of them knows the service', (test) => {
    const { first, second, sink } = pair(test);
    first.sink.snapshot([]);
    second.sink.failed(new UnknownServiceError('users', 'second'));
    assert.deepEqual(sink.last, { kind: 'snapshot', live: false });
    assert.deepEqual(sink.ids, []);
  });

  it('is an unknown service where all sources answer and none knows it', (test) => {
    const { first, second, sink } = pair(test);
    first.sink.failed(new UnknownServiceError('users', 'first'));
    second.sink.failed(new UnknownServiceError('users', 'second'));
    assert.ok(sink.last?.error instanceof UnknownServiceError);
    assert.match(String(sink.last.error), /compositeDiscovery knows no service/);
  });
});

describe('the source in use', () => {
  it('has its changes passed on as changes, and those of the other have no effect', (test) => {
    const { first, second, sink } = pair(test);
    first.sink.snapshot(A);
    second.sink.snapshot(B);
    first.sink.patch({ upsert: instances(1, 4), remove: instances(1, 1) });
    assert.deepEqual(sink.last, { kind: 'patch', upsert: 1, remove: instances(1, 1) });
    second.sink.patch({ remove: B });
    first.sink.snapshot(instances(3, 2));
    assert.deepEqual(sink.last, { kind: 'patch', upsert: 0, remove: [] }, 'the same list again says that it stands');
    assert.deepEqual(sink.ids, instances(3, 2));
  });

  it('keeps serving its last list for a while when it fails, then the next takes over at once', async (test) => {
    const { first, second, sink, clock, host } = pair(test);
    first.sink.snapshot(A);
    second.sink.snapshot(B);
    first.sink.failed(DOWN);
    await clock.advance(15_000);
    first.sink.failed(DOWN);
    await clock.advance(14_999);
    assert.deepEqual(sink.ids, A);
    await clock.advance(1);
    assert.deepEqual(sink.ids, B);
    assert.deepEqual(sink.last, { kind: 'snapshot', live: true }, 'nobody is to doubt it');
    assert.deepEqual(host.told, ['nobody -> first', 'first failed', 'first -> second']);
  });

  it('serves on for ever where that is wanted', async (test) => {
    const { first, second, sink, clock } = pair(test, { fallbackAfterMs: Number.POSITIVE_INFINITY });
    first.sink.snapshot(A);
    second.sink.snapshot(B);
    first.sink.failed(DOWN);
    await clock.advance(86_400_000);
    assert.deepEqual(sink.ids, A);
  });

  it('that came back empty is doubted before the next takes over', async (test) => {
    const { first, second, sink, clock, host } = pair(test);
    first.sink.snapshot(A);
    second.sink.snapshot(B);
    first.sink.snapshot([]);
    await clock.advance(29_999);
    assert.deepEqual(sink.ids, A);
    await clock.advance(1);
    assert.deepEqual(sink.ids, B);
    assert.deepEqual(host.told, ['nobody -> first', 'held at 3, not 0', 'first -> second']);
  });

  it('that said live that nothing is left is replaced at once', (test) => {
    const { first, second, sink } = pair(test);
    first.sink.snapshot(A);
    second.sink.snapshot(B);
    first.sink.patch({ remove: A });
    assert.deepEqual(sink.ids, B);
  });

  it('keeps its last list while no other source has anything better', async (test) => {
    const { first, second, sink, clock } = pair(test);
    first.sink.snapshot(A);
    second.sink.failed(DOWN);
    first.sink.failed(DOWN);
    assert.equal(sink.last?.kind, 'failed', 'now none of them can be asked');
    await clock.advance(3_600_000);
    assert.deepEqual(sink.ids, A);
    first.sink.patch({});
    assert.deepEqual(sink.last, { kind: 'patch', upsert: 0, remove: [] });
  });

  it('is left for an old list where it has nothing itself', (test) => {
    const { first, second, sink } = pair(test);
    first.sink.snapshot(A);
    second.sink.snapshot(B);
    second.sink.failed(DOWN);
    first.sink.patch({ remove: A });
    assert.deepEqual(sink.ids, B);
  });

  it('is not followed by one that has just failed, where there is another', (test) => {
    const [first, second, third] = [new NamedSource('first'), new NamedSource('second'), new NamedSource('third')];
    const { sink } = watched(test, [first, second, third]);
    first.sink.snapshot(A);
    second.sink.snapshot(B);
    third.sink.snapshot(instances(1, 21));
    second.sink.failed(DOWN);
    first.sink.patch({ remove: A });
    assert.deepEqual(sink.ids, instances(1, 21));
  });

  it('keeps an instance that it names again while its empty list is doubted', async (test) => {
    const { first, sink, clock } = pair(test);
    first.sink.snapshot(A);
    first.sink.snapshot([]);
    first.sink.patch({ upsert: A.slice(0, 1) });
    await clock.advance(30_000);
    assert.deepEqual(sink.ids, A.slice(0, 1));
  });

  it('says so when the last instance of all sources goes', (test) => {
    const { first, second, sink } = pair(test);
    first.sink.snapshot(A);
    second.sink.snapshot([]);
    first.sink.patch({ remove: A });
    assert.deepEqual(sink.ids, []);
    assert.equal(sink.last?.kind, 'patch');
  });
});

describe('an earlier source that recovers', () => {
  it('takes over again when it has been well for a while', async (test) => {
    const { first, second, sink, clock, host } = pair(test);
    first.sink.failed(DOWN);
    second.sink.snapshot(B);
    assert.deepEqual(sink.ids, B);
    first.sink.snapshot(A);
    await clock.advance(9_999);
    assert.deepEqual(sink.ids, B);
    await clock.advance(1);
    assert.deepEqual(sink.ids, A);
    assert.deepEqual(host.told, ['nobody -> second', 'first failed', 'first recovered after 0', 'second -> first']);
  });

  it('does not take the requests to and fro when it comes and goes', async (test) => {
    const { first, second, sink, clock, host } = pair(test);
    first.sink.snapshot(A);
    second.sink.snapshot(B);
    first.sink.patch({ remove: A });
    for (let i = 0; i < 100; i++) {
      first.sink.patch({ upsert: A });
      await clock.advance(5_000);
      first.sink.patch({ remove: A });
      await clock.advance(1_000);
    }
    assert.deepEqual(host.told, ['nobody -> first', 'first -> second']);
    assert.deepEqual(sink.ids, B);
  });

  it('takes over at once when the later one has nothing left', (test) => {
    const { first, second, sink } = pair(test);
    first.sink.failed(DOWN);
    second.sink.snapshot(B);
    first.sink.snapshot(A);
    second.sink.patch({ remove: B });
    assert.deepEqual(sink.ids, A);
  });
});

describe('a composite in the cache of a mesh', () => {
  it('never shows fewer endpoints than one source has, whichever takes over', async () => {
    const first = new NamedSource('first');
    const second = new NamedSource('second');
    const { set, clock } = makeSet({ discovery: compositeDiscovery([first, second]) });
    set.start();
    first.sink.snapshot(instances(20));
    second.sink.snapshot(B);
    await set.ready(newCall());
    const sizes = new Set([set.view.size]);
    first.sink.snapshot([]);
    for (let i = 0; i < 60; i++) {
      await clock.advance(1_000);
      sizes.add(set.view.size);
    }
    assert.deepEqual([...sizes], [20, 2], 'not one moment of both, or of none');
    assert.deepEqual(idsOf(set), B);
    await set.close();
  });

  it('lets a cold call go on as soon as one source serves', async () => {
    const first = new NamedSource('first');
    const second = new NamedSource('second');
    const { set, clock } = makeSet({ discovery: compositeDiscovery([first, second]) });
    set.start();
    const call = track(set.ready(newCall()));
    second.sink.snapshot(B);
    await clock.settle();
    assert.equal(call.state, 'pending');
    first.sink.failed(DOWN);
    await clock.settle();
    assert.equal(call.state, 'done');
    await set.close();
  });
});

describe('the end of a watch', () => {
  it('ends those on all members and leaves no timer', (test) => {
    const { first, second, clock, stop, sink } = pair(test);
    first.sink.snapshot(A);
    first.sink.snapshot([]);
    stop();
    assert.deepEqual([first.stops, second.stops, clock.pendingTimers], [1, 1, 0]);
    const { length } = sink.said;
    second.sink.snapshot(B);
    assert.equal(sink.said.length, length);
  });
});
