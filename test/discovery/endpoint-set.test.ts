import assert from 'node:assert/strict';
import { AsyncLocalStorage } from 'node:async_hooks';
import { describe, it } from 'node:test';
import type { InstanceInput } from '../../src/core/discovery.js';
import { MeshError, TimeoutError, UnknownServiceError } from '../../src/core/errors.js';
import { idsOf, instances, makeSet, newCall, ScriptedSource, track } from './scripted-source.js';

const A = 'http://10.0.0.1:80';
const B = 'http://10.0.0.2:80';

function code(error: unknown): string | undefined {
  return error instanceof MeshError ? error.code : undefined;
}

describe('a list that comes in', () => {
  it('becomes the endpoints of the view', () => {
    const { set, source } = makeSet();
    set.start();
    assert.equal(set.isReady, false);
    source.sink.snapshot([A, { url: B, weight: 2 }]);
    assert.equal(set.isReady, true);
    assert.deepEqual(idsOf(set), [A, B]);
    assert.equal(set.view.count, 2);
    assert.equal(set.view.maxWeight, 2);
  });

  it('keeps the endpoints that stay, with all they have counted', () => {
    const { set, source } = makeSet();
    set.start();
    source.sink.snapshot([A, B]);
    const before = set.find(A);
    assert.ok(before);
    before.requests = 7;
    source.sink.snapshot([B, A, 'http://10.0.0.3:80']);
    assert.equal(set.find(A), before);
    assert.equal(set.find(A)?.requests, 7);
  });

  it('builds nothing for endpoints about which it says nothing new', () => {
    const { set, source } = makeSet();
    set.start();
    const list: InstanceInput[] = [A, { url: B, id: 'b', weight: 2, priority: 1, zone: 'z', metadata: { v: '1' } }];
    source.sink.snapshot(list);
    const known = [...set.view].map(({ instance }) => instance);
    source.sink.snapshot(structuredClone(list));
    assert.deepEqual(
      [...set.view].map(({ instance }, index) => instance === known[index]),
      [true, true],
    );
  });

  it('changes weight, priority, zone and metadata in place', () => {
    const { set, source } = makeSet();
    set.start();
    source.sink.snapshot([
      { url: A, id: 'a' },
      { url: B, id: 'b' },
    ]);
    const endpoint = set.find('a');
    source.sink.snapshot([
      { url: A, id: 'a', weight: 5, priority: 2, zone: 'z', metadata: { v: '2' } },
      { url: B, id: 'b' },
    ]);
    assert.equal(set.find('a'), endpoint);
    assert.equal(endpoint?.instance.zone, 'z');
    assert.deepEqual(endpoint?.instance.metadata, { v: '2' });
    assert.equal(set.view.maxWeight, 5);
    assert.equal(set.view.count, 1, 'the better priority alone is picked from');
    assert.equal(set.view.bySlot[set.view.slots[0] ?? -1]?.id, 'b');
  });

  it('notices a change although the source says it with the same object', () => {
    const { set, source } = makeSet();
    set.start();
    const input = { url: A, id: 'a', weight: 1, metadata: { v: '1' } };
    source.sink.snapshot([input]);
    input.weight = 3;
    input.metadata.v = '2';
    source.sink.snapshot([input]);
    assert.equal(set.find('a')?.instance.weight, 3);
    assert.equal(set.find('a')?.instance.metadata.v, '2');
  });

  it('takes the same id at another address for another endpoint', () => {
    const { set, source, retired } = makeSet();
    set.start();
    source.sink.snapshot([{ url: A, id: 'i' }]);
    const old = set.find('i');
    source.sink.snapshot([{ url: B, id: 'i' }]);
    assert.notEqual(set.find('i'), old);
    assert.equal(set.find('i')?.origin, B);
    assert.deepEqual(retired, [old]);
    assert.equal(set.view.size, 1);
  });

  it('takes the same address written differently for the same endpoint', () => {
    const { set, source } = makeSet();
    set.start();
    source.sink.snapshot(['http://users-1']);
    const endpoint = set.find('http://users-1:80');
    source.sink.snapshot(['HTTP://USERS-1:80/']);
    assert.ok(endpoint);
    assert.equal(set.find('http://users-1:80'), endpoint);
    assert.equal(set.view.size, 1);
  });

  it('counts an endpoint once that stands in it twice', () => {
    const { set, source } = makeSet();
    set.start();
    source.sink.snapshot([A, A, `${A}/`]);
    assert.equal(set.view.size, 1);
  });

  it('leaves out and reports a second instance with an id that is taken', () => {
    const { set, source, host } = makeSet();
    set.start();
    source.sink.snapshot([
      { url: A, id: 'i' },
      { url: B, id: 'i' },
    ]);
    assert.equal(set.find('i')?.origin, A);
    assert.match(host.skippedEntries[0]?.reason ?? '', /another instance with the id 'i'/);
  });

  it('leaves out what cannot be used, and reports each such entry once for as long as it is there', () => {
    const { set, source, host } = makeSet();
    set.start();
    source.sink.snapshot([A, 'http://user:secret@b']);
    source.sink.snapshot([A, 'http://user:secret@b']);
    assert.deepEqual(idsOf(set), [A]);
    assert.equal(host.skippedEntries.length, 1);
    assert.deepEqual(
      { ...host.skippedEntries[0], reason: '' },
      { service: 'users', entry: 'http://***@b', reason: '' },
      'without the password',
    );
    source.sink.snapshot([A]);
    source.sink.snapshot([A, 'http://user:secret@b']);
    assert.equal(host.skippedEntries.length, 2);
  });

  it('is a failure of the source when it is no list', () => {
    const { set, source, heard } = makeSet();
    set.start();
    source.sink.snapshot([A]);
    source.sink.snapshot('http://10.0.0.1' as unknown as string[]);
    source.sink.snapshot(undefined as unknown as string[]);
    assert.deepEqual(idsOf(set), [A]);
    assert.equal(heard.filter(({ name }) => name === 'registryFailed').length, 1);
  });

  it('may be empty: the service is known then, and has no endpoint', () => {
    const { set, source, emptied } = makeSet();
    set.start();
    source.sink.snapshot([]);
    assert.equal(set.isReady, true);
    assert.equal(set.view.size, 0);
    assert.equal(emptied.count, 0, 'it did not become empty, it always was');
  });
});

describe('a change that comes in', () => {
  it('touches only the endpoints that it names', () => {
    const { set, source } = makeSet();
    set.start();
    source.sink.snapshot(instances(5));
    const third = set.find('http://10.0.0.3:80');
    source.sink.patch({ upsert: ['http://10.0.0.9:80'], remove: [A] });
    assert.equal(set.find(A), undefined);
    assert.equal(set.view.size, 5);
    assert.equal(set.find('http://10.0.0.3:80'), third);
  });

  it('applies at once, even when it takes the last endpoint', () => {
    const { set, source, emptied } = makeSet();
    set.start();
    source.sink.snapshot([A]);
    source.sink.patch({ remove: [A] });
    assert.equal(set.view.size, 0);
    assert.equal(emptied.count, 1);
  });

  it('makes the first list where there was none', () => {
    const { set, source } = makeSet();
    set.start();
    source.sink.patch({ remove: [A] });
    assert.equal(set.isReady, false, 'nobody said yet which endpoints there are');
    source.sink.patch({ upsert: [A] });
    assert.equal(set.isReady, true);
  });

  it('takes an endpoint out whose entry became unusable, such as one of weight 0', () => {
    const { set, source, host } = makeSet();
    set.start();
    source.sink.snapshot([A, B]);
    source.sink.patch({ upsert: [{ url: A, weight: 0 }] });
    assert.deepEqual(idsOf(set), [B]);
    assert.equal(host.skippedEntries.length, 1);
  });

  it('is a failure of the source when it is nonsense, and throws nothing into it', () => {
    const { set, source } = makeSet();
    set.start();
    source.sink.snapshot([A]);
    source.sink.patch({ upsert: 'x' as unknown as string[] });
    source.sink.patch(undefined as unknown as { remove: string[] });
    assert.deepEqual(idsOf(set), [A]);
  });
});

describe('a removed endpoint', () => {
  it('retires at once when it has nothing in flight', () => {
    const { set, source, retired } = makeSet();
    set.start();
    source.sink.snapshot([A, B]);
    const endpoint = set.find(A);
    source.sink.patch({ remove: [A] });
    assert.deepEqual(retired, [endpoint]);
    assert.equal(endpoint?.slot, -1);
  });

  it('gets no new request and retires when what it had in flight is over', () => {
    const { set, source, retired } = makeSet();
    set.start();
    source.sink.snapshot([A, B]);
    const endpoint = set.find(A);
    assert.ok(endpoint);
    set.view.track(endpoint, 1);
    source.sink.patch({ remove: [A] });
    assert.deepEqual(idsOf(set), [B]);
    assert.deepEqual(retired, []);
    assert.equal(set.inspect().draining, 1);
    set.view.track(endpoint, -1);
    endpoint.onIdle?.();
    assert.deepEqual(retired, [endpoint]);
    assert.equal(endpoint.onIdle, undefined);
    assert.equal(set.inspect().draining, 0);
  });

  it('is itself again when it comes back before it was idle', () => {
    const { set, source, retired } = makeSet();
    set.start();
    source.sink.snapshot([A, B]);
    const endpoint = set.find(A);
    assert.ok(endpoint);
    set.view.track(endpoint, 1);
    source.sink.patch({ remove: [A] });
    source.sink.patch({ upsert: [{ url: A, weight: 4 }] });
    assert.equal(set.find(A), endpoint);
    assert.equal(endpoint.instance.weight, 4);
    assert.equal(set.view.maxWeight, 4);
    set.view.track(endpoint, -1);
    assert.equal(endpoint.onIdle, undefined);
    assert.deepEqual(retired, []);
  });

  it('is a new endpoint when it comes back later', () => {
    const { set, source } = makeSet();
    set.start();
    source.sink.snapshot([A, B]);
    const endpoint = set.find(A);
    source.sink.patch({ remove: [A] });
    source.sink.patch({ upsert: [A] });
    assert.notEqual(set.find(A), endpoint);
  });
});

describe('finding an endpoint', () => {
  it('goes by id, or by address in any way of writing it', () => {
    const { set, source } = makeSet();
    set.start();
    source.sink.snapshot([{ url: 'http://10.0.0.1:80/api', id: 'i-1' }]);
    const endpoint = set.find('i-1');
    assert.ok(endpoint);
    assert.equal(set.find('http://10.0.0.1/api/'), endpoint);
    assert.equal(set.find('http://10.0.0.1'), undefined);
    assert.equal(set.find('nonsense'), undefined);
  });
});

describe('cold callers', () => {
  it('wait for one watch, however many they are', async () => {
    const { set, source, clock } = makeSet();
    set.start();
    set.start();
    const calls = Array.from({ length: 50 }, () => track(set.ready(newCall())));
    await clock.advance(100);
    assert.equal(source.watches, 1);
    assert.equal(set.waiting, 50);
    source.sink.snapshot([A]);
    await clock.settle();
    assert.ok(calls.every(({ state }) => state === 'done'));
    assert.equal(set.waiting, 0);
    assert.equal(clock.pendingTimers, 0, 'no timer is left behind');
  });

  it('fail with the cause when the source fails before any list', async () => {
    const { set, source, clock } = makeSet();
    set.start();
    const calls = [track(set.ready(newCall())), track(set.ready(newCall()))];
    const cause = new Error('connection refused');
    source.sink.failed(cause);
    await clock.settle();
    for (const { state, error } of calls) {
      assert.equal(state, 'failed');
      assert.ok(error instanceof MeshError);
      assert.equal(error.code, 'ERR_MESH_DISCOVERY');
      assert.equal(error.cause, cause);
      assert.match(error.message, /users: script could not say where the service is: connection refused/);
    }
    assert.notEqual(calls[0]?.error, calls[1]?.error, 'each has an error of its own');
    assert.equal(clock.pendingTimers, 0);
  });

  it('are told when the source does not know the service', async () => {
    const { set, source } = makeSet();
    set.start();
    const call = set.ready(newCall());
    source.sink.failed(new UnknownServiceError('users', 'script'));
    await assert.rejects(call, { code: 'ERR_MESH_UNKNOWN_SERVICE', service: 'users' });
  });

  it('fail at once for as long as the failure is remembered, and then ask anew', async () => {
    const { set, source, clock } = makeSet({ options: { negativeTtlMs: 1_000 } });
    set.start();
    source.sink.failed(new Error('down'));
    await clock.advance(999);
    assert.equal(code(await set.ready(newCall()).catch((error) => error)), 'ERR_MESH_DISCOVERY');
    assert.equal(source.watches, 1);
    await clock.advance(1);
    const calls = [track(set.ready(newCall())), track(set.ready(newCall()))];
    assert.equal(source.watches, 2, 'one watch for both');
    assert.equal(source.stops, 1);
    await clock.settle();
    assert.equal(calls[0]?.state, 'pending');
    source.sink.snapshot([A]);
    await clock.settle();
    assert.deepEqual(
      calls.map(({ state }) => state),
      ['done', 'done'],
    );
  });

  it('hear at once from a source that answers at once', async () => {
    const source = new ScriptedSource();
    source.onWatch = (sink) => sink.failed(new UnknownServiceError('users', 'script'));
    const { set, clock } = makeSet({ source });
    set.start();
    await clock.advance(60_000);
    const call = track(set.ready(newCall()));
    await clock.settle();
    assert.equal(code(call.error), 'ERR_MESH_UNKNOWN_SERVICE');
    source.onWatch = (sink) => sink.snapshot([A]);
    await clock.advance(1_000);
    await set.ready(newCall());
    assert.equal(set.isReady, true);
  });

  it('give up after coldTimeoutMs, with the code of discovery', async () => {
    const { set, clock } = makeSet({ options: { coldTimeoutMs: 3_000 } });
    set.start();
    const call = track(set.ready(newCall()));
    await clock.advance(2_999);
    assert.equal(call.state, 'pending');
    await clock.advance(1);
    assert.ok(call.error instanceof TimeoutError);
    assert.equal(call.error.code, 'ERR_MESH_DISCOVERY_TIMEOUT');
    assert.match(call.error.message, /3000 ms \(cache\.coldTimeoutMs\)/);
  });

  it('give up a moment before their own time is over, to say for what it was', async () => {
    const { set, clock } = makeSet();
    set.start();
    await clock.advance(5_000);
    const call = newCall();
    call.deadlineMs = 5_700;
    const waiting = track(set.ready(call));
    await clock.advance(698);
    assert.equal(waiting.state, 'pending');
    await clock.advance(1);
    assert.equal(code(waiting.error), 'ERR_MESH_DISCOVERY_TIMEOUT');
    assert.match(String(waiting.error), /699 ms \(what the call had left/);
  });

  it('stop waiting when they are cancelled, and leave the others waiting', async () => {
    const { set, source, clock } = makeSet();
    set.start();
    const call = newCall();
    const waiting = track(set.ready(call));
    const other = track(set.ready(newCall()));
    call.cancel('enough');
    await clock.settle();
    assert.equal(waiting.error, 'enough');
    assert.equal(set.waiting, 1);
    source.sink.snapshot([A]);
    await clock.settle();
    assert.equal(other.state, 'done');
    assert.equal(clock.pendingTimers, 0);
  });

  it('fail when the set is closed', async () => {
    const { set } = makeSet();
    set.start();
    const waiting = set.ready(newCall());
    const readiness = set.waitFor(1, 1_000);
    set.close();
    await assert.rejects(waiting, { code: 'ERR_MESH_CLOSED' });
    await assert.rejects(readiness, { code: 'ERR_MESH_CLOSED' });
    await assert.rejects(set.ready(newCall()), { code: 'ERR_MESH_CLOSED' });
    await assert.rejects(set.waitFor(1, 1_000), { code: 'ERR_MESH_CLOSED' });
  });
});

describe('waiting for readiness', () => {
  it('lasts until there are enough endpoints', async () => {
    const { set, source, clock } = makeSet();
    set.start();
    const ready = track(set.waitFor(2, 5_000));
    source.sink.snapshot([A]);
    await clock.settle();
    assert.equal(ready.state, 'pending');
    source.sink.patch({ upsert: [B] });
    await clock.settle();
    assert.equal(ready.state, 'done');
    await set.waitFor(2, 5_000);
    assert.equal(clock.pendingTimers, 0);
  });

  it('goes on while the source fails, and names the failure when time is over', async () => {
    const { set, source, clock } = makeSet();
    set.start();
    const ready = track(set.waitFor(1, 5_000));
    const cause = new Error('down');
    source.sink.failed(cause);
    await clock.advance(4_999);
    assert.equal(ready.state, 'pending');
    await clock.advance(1);
    assert.ok(ready.error instanceof TimeoutError);
    assert.equal(ready.error.code, 'ERR_MESH_DISCOVERY_TIMEOUT');
    assert.equal(ready.error.cause, cause);
    assert.match(ready.error.message, /0 of 1 endpoints are known after 5000 ms/);
  });

  it('is satisfied by an empty list where no endpoint is asked for', async () => {
    const { set, source, clock } = makeSet();
    set.start();
    const ready = track(set.waitFor(0, 5_000));
    await clock.settle();
    assert.equal(ready.state, 'pending');
    source.sink.snapshot([]);
    await clock.settle();
    assert.equal(ready.state, 'done');
  });

  it('has no end where the time is Infinity', async () => {
    const { set, clock } = makeSet();
    set.start();
    const ready = track(set.waitFor(1, Number.POSITIVE_INFINITY));
    await clock.advance(1e9);
    assert.equal(ready.state, 'pending');
  });
});

describe('a source that fails', () => {
  it('leaves the last good list in force, with its age visible', async () => {
    const { set, source, clock } = makeSet();
    set.start();
    source.sink.snapshot([A, B]);
    await clock.advance(1_000);
    source.sink.failed(new Error('down'));
    await clock.advance(60_000);
    source.sink.failed(new Error('still down'));
    assert.deepEqual(idsOf(set), [A, B]);
    await set.ready(newCall());
    assert.deepEqual(set.inspect(), {
      source: 'script',
      state: 'ready',
      endpoints: 2,
      draining: 0,
      listAgeMs: 61_000,
      staleSinceMs: 1_000,
      lastError: 'still down',
    });
  });

  it('is reported once when the outage begins and once when it ends', async () => {
    const { set, source, clock, heard } = makeSet();
    set.start();
    source.sink.snapshot([A]);
    heard.length = 0;
    await clock.advance(1_000);
    const error = new Error('down');
    source.sink.failed(error);
    await clock.advance(5_000);
    source.sink.failed(new Error('down again'));
    source.sink.snapshot([A]);
    source.sink.snapshot([A]);
    assert.deepEqual(heard, [
      { name: 'registryFailed', event: { service: 'users', source: 'script', error, staleForMs: 1_000 } },
      { name: 'registryRecovered', event: { service: 'users', source: 'script', afterMs: 5_000 } },
    ]);
    assert.equal(set.inspect().lastError, undefined);
  });

  it('is told from one that does not know the service, which is an answer', () => {
    const { set, source, heard } = makeSet();
    set.start();
    source.sink.failed(new UnknownServiceError('users', 'script'));
    assert.deepEqual(heard, []);
    assert.equal(set.staleSinceMs, undefined);
    assert.match(set.inspect().lastError ?? '', /knows no service/);
  });

  it('may say nothing about why', async () => {
    const { set, source } = makeSet();
    set.start();
    const call = set.ready(newCall());
    source.sink.failed(undefined);
    await assert.rejects(call, { code: 'ERR_MESH_DISCOVERY' });
  });

  it('is watched again later when its watch threw', async () => {
    const source = new ScriptedSource();
    source.onWatch = () => {
      throw new Error('not yet');
    };
    const { set, clock } = makeSet({ source });
    set.start();
    const call = set.ready(newCall());
    await assert.rejects(call, { code: 'ERR_MESH_DISCOVERY', message: /not yet/ });
    const ready = track(set.waitFor(1, 60_000));
    await clock.advance(3_000);
    assert.equal(source.watches, 4);
    source.onWatch = (sink) => sink.snapshot([A]);
    await clock.advance(1_000);
    assert.equal(ready.state, 'done');
    await clock.advance(60_000);
    assert.equal(source.watches, 5);
  });
});

describe('what happens while something else is applied', () => {
  it('waits its turn: news that a listener causes does not disturb the news it is told of', () => {
    const { set, source, events } = makeSet();
    set.start();
    events.on('endpointAdded', ({ endpoint }) => {
      if (endpoint === A) source.sink.patch({ upsert: ['http://10.0.0.7:80'], remove: [B] });
    });
    source.sink.snapshot([A, B]);
    assert.deepEqual(idsOf(set), [A, 'http://10.0.0.7:80']);
  });

  it('may be the end: a listener can close the set', async () => {
    const { set, source, events, retired } = makeSet();
    set.start();
    let closed: Promise<void> | undefined;
    events.on('endpointAdded', () => {
      closed ??= set.close();
    });
    source.sink.snapshot(instances(5));
    await closed;
    assert.equal(set.view.size, 0);
    assert.equal(retired.length, 1);
    assert.equal(source.stops, 1);
  });

  it('stops a watch that was closed from within, as soon as there is a way to', () => {
    const source = new ScriptedSource();
    const { set, events } = makeSet({ source });
    events.on('endpointAdded', () => set.close());
    source.onWatch = (sink) => sink.snapshot([A]);
    set.start();
    assert.equal(source.stops, 1);
    assert.equal(set.view.size, 0);
  });
});

describe('closing', () => {
  it('stops the watch, and hears nothing of the source any more', async () => {
    const { set, source, clock } = makeSet();
    set.start();
    source.sink.snapshot([A]);
    await set.close();
    assert.equal(source.stops, 1);
    source.sink.snapshot([A, B]);
    source.sink.failed(new Error('late'));
    assert.equal(set.view.size, 0);
    assert.equal(clock.pendingTimers, 0);
    set.start();
    assert.equal(source.watches, 1);
  });

  it('resolves once every endpoint is idle, and tells nobody that they were removed', async () => {
    const { set, source, clock, retired, heard } = makeSet();
    set.start();
    source.sink.snapshot([A, B]);
    const endpoint = set.find(A);
    assert.ok(endpoint);
    set.view.track(endpoint, 1);
    heard.length = 0;
    const closing = [track(set.close()), track(set.close())];
    await clock.settle();
    assert.equal(closing[0]?.state, 'pending');
    assert.equal(retired.length, 1);
    set.view.track(endpoint, -1);
    endpoint.onIdle?.();
    await clock.settle();
    assert.deepEqual(
      closing.map(({ state }) => state),
      ['done', 'done'],
    );
    assert.equal(retired.length, 2);
    assert.deepEqual(heard, []);
  });

  it('survives a source whose stop throws', async () => {
    const source = new ScriptedSource();
    const { set } = makeSet({ source });
    const { watch } = source;
    source.watch = (...args) => {
      watch.apply(source, args);
      return () => {
        throw new Error('cannot stop');
      };
    };
    const warning = new Promise<Error>((resolve) => process.once('warning', resolve));
    set.start();
    await set.close();
    assert.match((await warning).message, /the end of a watch on script threw: .*cannot stop/);
  });
});

describe('the async context of the source', () => {
  it('is that of start, also when a later call makes the source begin anew', async () => {
    const store = new AsyncLocalStorage<string>();
    const source = new ScriptedSource();
    const seen: unknown[] = [];
    source.onWatch = (sink) => {
      seen.push(store.getStore());
      sink.failed(new Error('down'));
    };
    const { set, clock } = makeSet({ source });
    store.run('mesh', () => set.start());
    await clock.advance(1_000);
    await store.run('tenant', () => assert.rejects(set.ready(newCall())));
    assert.deepEqual(seen, ['mesh', 'mesh']);
  });
});

describe('endpoints that become unfit', () => {
  it('are announced as events, with the time that is left', async () => {
    const { set, source, clock, heard } = makeSet();
    set.start();
    source.sink.snapshot([A]);
    heard.length = 0;
    const endpoint = set.find(A);
    assert.ok(endpoint);
    await clock.advance(1_000);
    const shutter = set.view.shutterFor(endpoint);
    shutter.shut('broken', 6_000);
    shutter.open();
    assert.deepEqual(heard, [
      { name: 'endpointEjected', event: { service: 'users', endpoint: A, forMs: 5_000 } },
      { name: 'endpointRecovered', event: { service: 'users', endpoint: A } },
    ]);
  });
});
