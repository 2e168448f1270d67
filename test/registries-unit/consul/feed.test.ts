import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { temporaryFolder, until } from '../../discovery/recording-sink.js';
import { healthEntry } from './entries.js';
import { FakeAgent } from './fake-agent.js';
import { follow } from './following.js';

const A = healthEntry({ id: 'a', node: 'n1' });
const B = healthEntry({ id: 'b', node: 'n2' });
const C = healthEntry({ id: 'c', node: 'n3' });

describe('the loop of blocking queries', () => {
  it('asks at once for the list, then for what comes after its index', async (test) => {
    const agent = await FakeAgent.start(test);
    const { sink, said, saidTimes } = follow(test, { address: agent.address, waitMs: 60_000 });
    const first = await agent.answer(7, [A]);
    assert.equal(first.path, '/v1/health/service/users');
    assert.deepEqual([first.query.get('index'), first.query.get('wait'), first.query.get('passing')], [null, null, 'true']);
    const second = await agent.answer(8, [A, B]);
    assert.deepEqual([second.query.get('index'), second.query.get('wait')], ['7', '60000ms']);
    await saidTimes(2);
    assert.deepEqual(said(), ['snapshot', 'patch +1 -0']);
    assert.deepEqual(sink.ids, ['a', 'b']);
  });

  it('takes an index that has not changed for no change, and does not look at the list', async (test) => {
    const agent = await FakeAgent.start(test);
    const { sink, said, saidTimes } = follow(test, { address: agent.address });
    await agent.answer(7, [A]);
    await agent.answer(7, []);
    await saidTimes(2);
    assert.deepEqual(said(), ['snapshot', 'patch +0 -0']);
    assert.deepEqual(sink.ids, ['a']);
  });

  it('asks anew without an index when the index goes backwards, and leaves it to the mesh whether to believe the list', async (test) => {
    const agent = await FakeAgent.start(test);
    const { said, saidTimes } = follow(test, { address: agent.address });
    await agent.answer(700, [A, B]);
    await agent.answer(3, []);
    const third = await agent.answer(4, [A]);
    assert.equal(third.query.get('index'), null);
    const fourth = await agent.answer(5, []);
    assert.equal(fourth.query.get('index'), '4');
    await saidTimes(4);
    assert.deepEqual(said(), ['snapshot', 'snapshot', 'snapshot', 'patch +0 -1']);
  });

  it('never asks with an index below 1, which would be answered at once for ever', async (test) => {
    const agent = await FakeAgent.start(test);
    follow(test, { address: agent.address });
    await agent.answer(0, [A]);
    const second = await agent.question();
    assert.equal(second.query.get('index'), '1');
  });

  it('reads twice at once, and then once in coalesceMs while changes go on', async (test) => {
    const agent = await FakeAgent.start(test);
    follow(test, { address: agent.address, coalesceMs: 200 });
    const times: number[] = [];
    for (let index = 1; index <= 5; index++) {
      await agent.answer(index, [A]);
      times.push(performance.now());
    }
    const [first = 0, second = 0, third = 0, , fifth = 0] = times;
    assert.ok(second - first < 150, `the second read came after ${second - first} ms`);
    assert.ok(third - second > 100, `the third read came after ${third - second} ms`);
    assert.ok(fifth - first > 500, `five reads took ${fifth - first} ms`);
  });

  it('asks without an index after a failure, and has removals of that list doubted', async (test) => {
    const agent = await FakeAgent.start(test);
    const { said, saidTimes } = follow(test, { address: agent.address });
    await agent.answer(7, [A, B]);
    (await agent.question()).response.destroy();
    const third = await agent.answer(9, [B]);
    assert.equal(third.query.get('index'), null);
    await saidTimes(3);
    assert.match(said()[1] ?? '', /consul at http:\/\/127\.0\.0\.1:\d+ could not be asked/);
    assert.equal(said()[2], 'snapshot');
  });

  it('says what a list after a failure adds, where it takes nothing away', async (test) => {
    const agent = await FakeAgent.start(test);
    const { said, saidTimes } = follow(test, { address: agent.address });
    await agent.answer(7, [A, B]);
    await agent.refuse(500, 'No cluster leader');
    await agent.answer(9, [A, B, C]);
    await saidTimes(3);
    assert.match(said()[1] ?? '', /answered 500 to GET \/v1\/health\/service\/users \(No cluster leader\)/);
    assert.equal(said()[2], 'patch +1 -0');
  });

  it('keeps the list when an answer breaks off in the middle', async (test) => {
    const agent = await FakeAgent.start(test);
    const { sink, said, saidTimes } = follow(test, { address: agent.address });
    await agent.answer(7, [A, B]);
    const { response } = await agent.question();
    response.writeHead(200, { 'x-consul-index': '8', 'content-length': '100000' });
    response.write(`[${JSON.stringify(C)},`);
    // The client has to have the beginning before the end of the connection.
    await until(() => response.socket?.writableLength === 0, 'the bytes are sent');
    response.destroy();
    await saidTimes(2);
    assert.match(said()[1] ?? '', /broke off its answer/);
    await agent.answer(9, [A, B]);
    await saidTimes(3);
    assert.deepEqual(sink.ids, ['a', 'b']);
  });

  for (const [what, body, headers] of [
    ['a page', '<html>Welcome</html>', { 'x-consul-index': '4' }],
    ['a list without an index', '[]', {}],
  ] as const) {
    it(`takes ${what} for a wrong address`, async (test) => {
      const agent = await FakeAgent.start(test);
      const { said, saidTimes } = follow(test, { address: agent.address });
      await agent.refuse(200, body, headers);
      await saidTimes(1);
      assert.match(said()[0] ?? '', /no list of a service's instances .*: set address to that of a Consul agent/);
    });
  }

  it('goes to another agent at once, and says nothing of the one that failed', async (test) => {
    const first = await FakeAgent.start(test);
    const second = await FakeAgent.start(test);
    const { said, saidTimes, sink } = follow(test, { address: [first.address, second.address] });
    await first.answer(70, [A]);
    (await first.question()).response.destroy();
    const asked = await second.answer(50, [A, B]);
    assert.equal(asked.query.get('index'), null);
    await saidTimes(2);
    assert.deepEqual(said(), ['snapshot', 'patch +1 -0']);
    assert.deepEqual(sink.ids, ['a', 'b']);
  });

  it('fails once all agents have, and stays with one that refuses the token', async (test) => {
    const first = await FakeAgent.start(test);
    const second = await FakeAgent.start(test);
    const { said, saidTimes } = follow(test, { address: [first.address, second.address], token: 'secret-token' });
    await first.refuse(503, 'down');
    await second.refuse(503, 'down');
    await saidTimes(1);
    await first.refuse(403, 'Permission denied');
    await first.refuse(403, 'Permission denied');
    await saidTimes(3);
    assert.match(said()[2] ?? '', /answered 403 .*: give the token service:read on "users" and node:read/);
    assert.doesNotMatch(said().join(), /secret-token/);
  });

  it('asks the leader when a stale answer is too old, or its server knows no leader', async (test) => {
    const agent = await FakeAgent.start(test);
    const { said, saidTimes, sink } = follow(test, { address: agent.address, consistency: 'stale', maxStaleMs: 1_000 });
    const first = await agent.answer(5, [], { 'x-consul-lastcontact': '1001', 'x-consul-knownleader': 'true' });
    assert.equal(first.query.has('stale'), true);
    const second = await agent.answer(6, [A], { 'x-consul-lastcontact': '0' });
    assert.equal(second.query.has('stale'), false);
    const third = await agent.answer(7, [A, B], { 'x-consul-lastcontact': '1000', 'x-consul-knownleader': 'true' });
    assert.equal(third.query.has('stale'), true);
    await agent.answer(8, [], { 'x-consul-lastcontact': '0', 'x-consul-knownleader': 'false' });
    await agent.answer(8, [B], {});
    await saidTimes(3);
    assert.deepEqual(said(), ['snapshot', 'patch +1 -0', 'patch +0 -1']);
    assert.deepEqual(sink.ids, ['b']);
  });

  it('asks again with the new token when the file has one by the time that the old one is refused', async (test) => {
    const agent = await FakeAgent.start(test);
    const tokenFile = join(temporaryFolder(test), 'token');
    writeFileSync(tokenFile, 'old-token\n');
    const { said, saidTimes } = follow(test, { address: agent.address, tokenFile });
    const first = await agent.question();
    assert.equal(first.token, 'old-token');
    writeFileSync(tokenFile, 'new-token\n');
    first.response.writeHead(403).end('ACL not found');
    const second = await agent.answer(3, [A]);
    assert.equal(second.token, 'new-token');
    await saidTimes(1);
    assert.deepEqual(said(), ['snapshot']);
  });

  it('says nothing more once it was stopped, and ends its request', async (test) => {
    const agent = await FakeAgent.start(test);
    const { said, saidTimes, stop } = follow(test, { address: agent.address });
    await agent.answer(7, [A]);
    await saidTimes(1);
    const { response } = await agent.question();
    stop();
    await until(() => response.destroyed || response.closed, 'the request is over');
    assert.deepEqual([said(), agent.asked], [['snapshot'], 2]);
  });

  it('notices an agent that has gone silent by asking for a sign of life', async (test) => {
    const agent = await FakeAgent.start(test);
    const { said, saidTimes } = follow(test, { address: agent.address, livenessMs: 50, requestTimeoutMs: 100 });
    await agent.answer(7, [A]);
    const blocked = await agent.question();
    await agent.refuse(200, '"127.0.0.1:8300"');
    const probe = await agent.question();
    assert.equal(probe.path, '/v1/status/leader');
    await saidTimes(2);
    assert.match(said()[1] ?? '', /did not answer GET \/v1\/status\/leader within 100 ms/);
    await until(() => blocked.response.closed, 'the request that waited is over');
  });
});

describe('datacenters that stand in', () => {
  const dc = (entries: readonly object[]) => entries;

  it('are asked when there is no instance, before anybody hears of an empty list', async (test) => {
    const agent = await FakeAgent.start(test);
    const { said, saidTimes, sink } = follow(test, { address: agent.address, failoverDatacenters: ['dc2', 'dc3'] });
    await agent.answer(5, dc([]));
    const asked = [await agent.question(), await agent.question()];
    const remote = asked.find(({ query }) => query.get('dc') === 'dc2');
    remote?.response.writeHead(200, { 'x-consul-index': '9' }).end(JSON.stringify([A]));
    await saidTimes(1);
    assert.deepEqual(said(), ['snapshot']);
    const [found] = [...sink.list.values()];
    assert.deepEqual([sink.ids, typeof found === 'object' && found.priority], [['a@dc2'], 1]);
    // The instance is near again: the other datacenter goes.
    const local = asked.find(({ query }) => query.get('dc') === null);
    local?.response.writeHead(200, { 'x-consul-index': '6' }).end(JSON.stringify([B]));
    await saidTimes(3);
    assert.deepEqual(said().slice(1), ['patch +1 -0', 'patch +0 -1']);
    assert.deepEqual(sink.ids, ['b']);
  });

  it('leave an empty list where none of them has an instance, or one of them cannot be asked', async (test) => {
    const agent = await FakeAgent.start(test);
    const { said, saidTimes } = follow(test, { address: agent.address, failoverDatacenters: ['dc2'] });
    await agent.answer(5, []);
    const questions = [await agent.question(), await agent.question()];
    questions
      .find(({ query }) => query.get('dc') === 'dc2')
      ?.response.writeHead(500)
      .end('No path to datacenter');
    await saidTimes(2);
    assert.equal(said()[0], 'snapshot');
    assert.match(said()[1] ?? '', /No path to datacenter\): correct datacenter or failoverDatacenters/);
  });
});
