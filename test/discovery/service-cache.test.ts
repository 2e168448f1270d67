import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type Cached, ServiceCache } from '../../src/discovery/service-cache.js';

class FakeService implements Cached {
  closed = 0;
  private uses = 0;
  private readonly listeners: (() => void)[] = [];
  constructor(readonly name: string) {}
  get inUse(): boolean {
    return this.uses > 0;
  }
  get listenerCount(): number {
    return this.listeners.length;
  }
  use(): void {
    this.uses++;
  }
  done(): void {
    this.uses--;
    if (this.uses === 0) for (const listener of this.listeners) listener();
  }
  onIdle(listener: () => void): void {
    this.listeners.push(listener);
  }
  close(): void {
    this.closed++;
  }
}

function obtain(cache: ServiceCache<FakeService>, name: string): FakeService {
  return cache.get(name) ?? cache.create(name, () => new FakeService(name));
}

describe('ServiceCache', () => {
  it('gives the service that was made for a name', () => {
    const cache = new ServiceCache<FakeService>();
    assert.equal(cache.get('users'), undefined);
    const users = obtain(cache, 'users');
    assert.equal(cache.get('users'), users);
    assert.equal(cache.size, 1);
  });

  it('closes the service that was not used for longest when there are too many', () => {
    const cache = new ServiceCache<FakeService>({ maxServices: 2 });
    const [a, b] = [obtain(cache, 'a'), obtain(cache, 'b')];
    cache.get('a');
    obtain(cache, 'c');
    assert.equal(b.closed, 1);
    assert.equal(a.closed, 0);
    assert.equal(cache.get('b'), undefined);
    assert.equal(cache.size, 2);
  });

  it('keeps 1,000 services unless told otherwise', () => {
    const cache = new ServiceCache<FakeService>();
    const first = obtain(cache, 'first');
    for (let i = 0; i < 999; i++) obtain(cache, `s${i}`);
    assert.equal(first.closed, 0);
    obtain(cache, 'one more');
    assert.equal(first.closed, 1);
  });

  it('keeps a service that is in use although there is no room, and closes it when it is idle', () => {
    const cache = new ServiceCache<FakeService>({ maxServices: 1 });
    const a = obtain(cache, 'a');
    a.use();
    obtain(cache, 'b');
    assert.equal(a.closed, 0);
    assert.equal(cache.size, 2);
    assert.deepEqual(
      cache.all().map(({ name }) => name),
      ['b', 'a'],
    );
    a.done();
    assert.equal(a.closed, 1);
    assert.equal(cache.size, 1);
    assert.equal(cache.get('a'), undefined);
  });

  it('finds a service again that had to step aside, with all that it has', () => {
    const cache = new ServiceCache<FakeService>({ maxServices: 1 });
    const a = obtain(cache, 'a');
    a.use();
    const b = obtain(cache, 'b');
    assert.equal(obtain(cache, 'a'), a);
    assert.equal(b.closed, 1, 'it made room in turn');
    a.done();
    assert.equal(a.closed, 0, 'it is no longer the one that has to go');
    assert.equal(cache.get('a'), a);
  });

  it('listens to a service once, however often it has to step aside', () => {
    const cache = new ServiceCache<FakeService>({ maxServices: 1 });
    const a = obtain(cache, 'a');
    a.use();
    for (let i = 0; i < 5; i++) {
      obtain(cache, 'b');
      obtain(cache, 'a');
    }
    obtain(cache, 'b');
    assert.equal(a.listenerCount, 1);
    a.done();
    assert.equal(a.closed, 1);
  });

  it('closes every service once when it is closed, also those in use', () => {
    const cache = new ServiceCache<FakeService>({ maxServices: 1 });
    const a = obtain(cache, 'a');
    a.use();
    const b = obtain(cache, 'b');
    cache.close();
    assert.deepEqual([a.closed, b.closed], [1, 1]);
    assert.equal(cache.size, 0);
    a.done();
    assert.equal(a.closed, 1);
  });

  it('never has two services of a name, closes none in use, and closes each once', () => {
    const names = fc.constantFrom('a', 'b', 'c', 'd', 'e');
    const step = fc.record({ name: names, what: fc.constantFrom('get', 'use', 'done') });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 3 }), fc.array(step, { maxLength: 60 }), (maxServices, steps) => {
        const cache = new ServiceCache<FakeService>({ maxServices });
        const made: FakeService[] = [];
        const open = () => made.filter(({ closed }) => closed === 0);
        for (const { name, what } of steps) {
          if (what === 'done') {
            const service = open().find((each) => each.name === name && each.inUse);
            service?.done();
          } else {
            const service = cache.get(name) ?? cache.create(name, () => new FakeService(name));
            if (!made.includes(service)) made.push(service);
            if (what === 'use') service.use();
          }
          assert.equal(new Set(open().map((each) => each.name)).size, open().length);
          assert.deepEqual(new Set(cache.all()), new Set(open()));
          assert.ok(made.every(({ closed, inUse }) => closed === 0 || (closed === 1 && !inUse)));
          assert.ok(open().filter(({ inUse }) => !inUse).length <= maxServices, 'only services in use go beyond the bound');
        }
      }),
    );
  });
});
