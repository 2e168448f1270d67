import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { FrameReader, readNotification, setWatchesFrame } from '../../../src/registries/zookeeper/frames.js';
import { idOfNode, isNodeName, joinPaths, nodeNameOf, parentOf } from '../../../src/registries/zookeeper/node-names.js';
import { WatchTable } from '../../../src/registries/zookeeper/watch-table.js';

function frame(body: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeInt32BE(body.length);
  return Buffer.concat([length, body]);
}

describe('frames', () => {
  test('come out whole, however the bytes were cut on the way', () => {
    const bodies = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 20 });
    fc.assert(
      fc.property(bodies, fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1 }), (contents, cuts) => {
        const sent = contents.map((content) => frame(Buffer.from(content)));
        const bytes = Buffer.concat(sent);
        const reader = new FrameReader();
        const got: Buffer[] = [];
        for (let at = 0, turn = 0; at < bytes.length; turn++) {
          const next = at + (cuts[turn % cuts.length] ?? 1);
          got.push(...reader.read(bytes.subarray(at, next)));
          at = next;
        }
        assert.deepEqual(got, sent);
      }),
    );
  });

  test('of another protocol are refused at once, in place of being waited for', () => {
    assert.throws(() => [...new FrameReader().read(Buffer.from('HTTP/1.1 400 Bad Request\r\n'))], /does not speak ZooKeeper/);
    assert.throws(() => [...new FrameReader().read(Buffer.from([0xff, 0xff, 0xff, 0xf0]))], /does not speak ZooKeeper/);
  });

  test('of notifications say what happened where', () => {
    const path = Buffer.from('/services/ü');
    const body = Buffer.alloc(16 + 12);
    body.writeInt32BE(3, 16);
    body.writeInt32BE(path.length, 24);
    assert.deepEqual(readNotification(frame(Buffer.concat([body, path]))), { type: 3, path: '/services/ü' });
  });
});

describe('the names of znodes', () => {
  test('give back every id, and no two ids have one name', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1, unit: 'grapheme' }), (id) => {
        fc.pre(!/\p{Surrogate}/u.test(id));
        assert.ok(isNodeName(nodeNameOf(id)), nodeNameOf(id));
        assert.equal(idOfNode(nodeNameOf(id)), id);
      }),
    );
  });

  test('that others chose stay as they are where they would be confused with another', () => {
    assert.equal(idOfNode('%41'), '%41');
    assert.equal(idOfNode('100%'), '100%');
    assert.equal(idOfNode('7c1f-ab'), '7c1f-ab');
    assert.equal(idOfNode('http%3A%2F%2Fa%3A1'), 'http://a:1');
  });

  test('are never a way to another path', () => {
    for (const name of ['', '.', '..', 'a/b', '\u0000', 'a\u0007']) assert.equal(isNodeName(name), false, name);
    assert.equal(nodeNameOf('..'), '%2E%2E');
    assert.equal(idOfNode('%2E%2E'), '..');
  });

  test('make paths', () => {
    assert.equal(joinPaths('/', '/services'), '/services');
    assert.equal(joinPaths('/chroot/', '/', 'users'), '/chroot/users');
    assert.equal(joinPaths('/', '/'), '/');
    assert.deepEqual([parentOf('/a/b'), parentOf('/a')], ['/a', '/']);
  });
});

describe('watches', () => {
  test('fire once, for all who watch, and each of them once', () => {
    const table = new WatchTable();
    const heard: string[] = [];
    const watcher = ({ kind, path }: { kind: string; path: string }) => heard.push(`${kind} ${path}`);
    table.watchData('/a', watcher);
    table.watchData('/a', watcher);
    table.watchExistence('/a', watcher);
    table.fire(3, '/a');
    table.fire(3, '/a');
    assert.deepEqual(heard, ['data /a']);
    assert.equal(table.size, 0);
  });

  test('of children are not told of data, and a deletion is told to all', () => {
    const table = new WatchTable();
    const heard: string[] = [];
    table.watchChildren('/a', ({ kind }) => heard.push(`children ${kind}`));
    table.fire(3, '/a');
    table.watchData('/a', ({ kind }) => heard.push(`data ${kind}`));
    table.fire(2, '/a');
    assert.deepEqual(heard.sort(), ['children deleted', 'data deleted']);
  });

  test('of kinds that only later versions know are passed over', () => {
    const table = new WatchTable();
    table.watchData('/a', () => assert.fail('it was told'));
    table.fire(99, '/a');
    table.fire(-1, '/a');
    assert.equal(table.size, 1);
  });

  test('that are forgotten do not fire, and others on the same znode do', () => {
    const table = new WatchTable();
    const heard: string[] = [];
    const first = () => heard.push('first');
    table.watchData('/a', first);
    table.watchData('/a', () => heard.push('second'));
    table.forget('/a', first);
    table.fire(3, '/a');
    assert.deepEqual(heard, ['second']);
  });

  test('are set again in portions below the megabyte that servers take', () => {
    const table = new WatchTable();
    for (let each = 0; each < 10_000; each++) table.watchData(`/services/users/${'x'.repeat(100)}${each}`, () => {});
    table.watchChildren('/services/users', () => {});
    const portions = [...table.portions(128 * 1_024)];
    assert.equal(
      portions.reduce((sum, { data }) => sum + data.length, 0),
      10_000,
    );
    assert.deepEqual(portions.at(-1)?.children, ['/services/users']);
    assert.ok(portions.length > 8);
    for (const portion of portions) assert.ok(setWatchesFrame(Buffer.alloc(8), portion).length < 130 * 1_024);
  });
});
