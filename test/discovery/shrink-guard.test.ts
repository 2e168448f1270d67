import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { UnknownServiceError } from '../../src/core/errors.js';
import { idsOf, instances, makeSet } from './scripted-source.js';

const TEN = instances(10);

function setOfTen(holdMs = 30_000) {
  const under = makeSet({ options: { holdMs } });
  under.set.start();
  under.source.sink.snapshot(TEN);
  under.heard.length = 0;
  return under;
}

describe('a list that lost most of its endpoints', () => {
  it('is not believed for holdMs, and then is', async () => {
    const { set, source, clock, heard } = setOfTen();
    source.sink.snapshot(TEN.slice(0, 3));
    assert.equal(set.view.size, 10);
    assert.deepEqual(heard, [{ name: 'listHeld', event: { service: 'users', from: 10, to: 3, forMs: 30_000 } }]);
    assert.deepEqual(set.inspect().held, { from: 10, to: 3, removing: TEN.slice(3), untilMs: 30_000 });
    await clock.advance(29_999);
    assert.equal(set.view.size, 10);
    await clock.advance(1);
    assert.deepEqual(idsOf(set), TEN.slice(0, 3).sort());
    assert.equal(set.inspect().held, undefined);
  });

  it('is believed at once when it was pushed as the outcome of a change', () => {
    const { set, source } = setOfTen();
    source.sink.snapshot(TEN.slice(0, 3), { live: true });
    assert.equal(set.view.size, 3);
  });

  it('is not believed, even when pushed, if it has entries that make no sense', () => {
    const { set, source } = setOfTen();
    source.sink.snapshot([...TEN.slice(0, 3), 'htt'], { live: true });
    assert.equal(set.view.size, 10);
  });

  it('adds and changes endpoints at once, although its removals wait', async () => {
    const { set, source, clock } = setOfTen();
    source.sink.snapshot([{ url: TEN[0] ?? '', weight: 7 }, 'http://10.9.9.9:80']);
    assert.equal(set.view.size, 11);
    assert.equal(set.find(TEN[0] ?? '')?.instance.weight, 7);
    await clock.advance(30_000);
    assert.deepEqual(idsOf(set), [TEN[0], 'http://10.9.9.9:80']);
  });

  it('is forgotten when a list comes that has most of them again', async () => {
    const { set, source, clock } = setOfTen();
    source.sink.snapshot([]);
    await clock.advance(20_000);
    source.sink.snapshot(TEN.slice(0, 8));
    assert.deepEqual(idsOf(set), TEN.slice(0, 8).sort(), 'two of ten may go at once');
    assert.equal(set.inspect().held, undefined);
    await clock.advance(60_000);
    assert.equal(set.view.size, 8);
    assert.equal(clock.pendingTimers, 0);
  });

  it('is held for holdMs in all, however often it is repeated', async () => {
    const { set, source, clock, heard } = setOfTen();
    for (let i = 0; i < 6; i++) {
      source.sink.snapshot([]);
      await clock.advance(5_000);
    }
    assert.equal(set.view.size, 0);
    assert.equal(heard.filter(({ name }) => name === 'listHeld').length, 1);
  });

  it('gives way to the newest list: what that one names again stays', async () => {
    const { set, source, clock } = setOfTen();
    source.sink.snapshot([]);
    await clock.advance(10_000);
    source.sink.snapshot(TEN.slice(0, 2));
    await clock.advance(20_000);
    assert.deepEqual(idsOf(set), TEN.slice(0, 2).sort());
  });

  it('does not hold back what is seen live meanwhile', async () => {
    const { set, source, clock } = setOfTen();
    source.sink.snapshot([]);
    source.sink.patch({ remove: [TEN[0] ?? ''], upsert: [TEN[1] ?? '', 'http://10.9.9.9:80'] });
    assert.equal(set.view.size, 10);
    await clock.advance(30_000);
    assert.deepEqual(idsOf(set), [TEN[1], 'http://10.9.9.9:80'].sort(), 'what was seen live stays');
  });

  it('is not carried out while the source cannot confirm it, and is when the source can', async () => {
    const { set, source, clock } = setOfTen();
    source.sink.snapshot([]);
    source.sink.failed(new Error('down'));
    await clock.advance(120_000);
    assert.equal(set.view.size, 10);
    source.sink.snapshot(TEN.slice(0, 1));
    assert.equal(set.view.size, 1, 'said again after its time was over');
  });

  it('is carried out by the timer when the source recovered meanwhile', async () => {
    const { set, source, clock } = setOfTen();
    source.sink.snapshot([]);
    source.sink.failed(new Error('down'));
    await clock.advance(10_000);
    source.sink.snapshot([]);
    await clock.advance(19_999);
    assert.equal(set.view.size, 10);
    await clock.advance(1);
    assert.equal(set.view.size, 0);
  });

  it('may come of a source that says it knows the service no more', async () => {
    const { set, source, clock, emptied, heard } = setOfTen();
    source.sink.failed(new UnknownServiceError('users', 'script'));
    assert.equal(set.view.size, 10);
    assert.equal(heard[0]?.name, 'listHeld');
    assert.equal(set.isReady, true);
    await clock.advance(30_000);
    assert.equal(set.view.size, 0);
    assert.equal(emptied.count, 1);
  });

  it('leaves no timer behind when the set is closed', async () => {
    const { set, source, clock } = setOfTen();
    source.sink.snapshot([]);
    await set.close();
    assert.equal(clock.pendingTimers, 0);
  });
});

describe('what counts as losing most', () => {
  const cases: [string, number, number, boolean][] = [
    ['half of four', 4, 2, false],
    ['more than half of four', 4, 1, true],
    ['two of three', 3, 1, false],
    ['all of three', 3, 0, true],
    ['the only one', 1, 0, true],
    ['half of ten', 10, 5, false],
    ['six of ten', 10, 4, true],
    ['nothing', 10, 10, false],
  ];
  for (const [what, from, to, held] of cases) {
    it(`${held ? 'includes' : 'leaves out'} losing ${what}`, () => {
      const { set, source } = makeSet();
      set.start();
      source.sink.snapshot(instances(from));
      source.sink.snapshot(instances(to));
      assert.equal(set.view.size, held ? from : to);
    });
  }

  it('is measured from where the doubt began, and not from what was added since', () => {
    const { set, source } = makeSet();
    set.start();
    source.sink.snapshot(instances(4, 1));
    source.sink.snapshot(instances(1, 101));
    assert.equal(set.view.size, 5);
    source.sink.snapshot(instances(2, 101));
    assert.equal(set.view.size, 2, 'half of the four: a deployment that replaces them');
  });

  it('never applies to the first list', () => {
    const { set, source, heard } = makeSet();
    set.start();
    source.sink.snapshot([]);
    assert.equal(set.isReady, true);
    assert.deepEqual(heard, []);
  });
});
