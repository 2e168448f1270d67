import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Lease } from '../../../src/index.js';
import { RecordingSink } from '../../discovery/recording-sink.js';
import { eventually } from '../servers/eventually.js';
import { nativeEntry } from './entries.js';
import { type EurekaUnderTest, startEurekaUnderTest } from './under-test.js';
import { RealHost } from './watching.js';

describe('two real Eureka servers', () => {
  let registry: EurekaUnderTest;
  before(async () => {
    registry = await startEurekaUnderTest({ servers: 2 });
    // The first requests of a Java server take seconds on a busy machine.
    for (const member of registry.eureka.members) {
      const instance = nativeEntry('warm', { id: `warm-${member.pid}`, url: 'http://127.0.0.1:1' });
      await registry.eureka.call('/apps/WARM', { body: { instance }, timeoutMs: 60_000 }, member);
      await registry.eureka.call('/apps', { timeoutMs: 60_000 }, member);
    }
  });
  after(() => registry?.stop());

  it('stand in for one another, for those who read and those who announce, when one is frozen, and when the other is gone', async (test) => {
    const [first, second] = registry.eureka.members;
    assert.ok(first !== undefined && second !== undefined);
    const host = new RealHost();
    const discovery = registry.source({ serverOrder: 'listed', requestTimeoutMs: 2_000, leaseMs: 3_000 });
    const lease = (await discovery.announce?.({ service: 'users', url: 'http://10.0.0.1:80', id: 'announced' }, host)) as Lease;
    const sink = new RecordingSink();
    test.after(discovery.watch('users', sink, host));
    await eventually('the list', () => sink.list.size === 1);
    await eventually('the peer has it', async () => {
      const answer = await registry.eureka.call('/apps/USERS/announced', {}, second);
      return answer !== undefined;
    });

    first.freeze();
    const entry = (member: typeof first) => registry.eureka.call('/apps/USERS/announced', { timeoutMs: 1_000 }, member);
    const renewedAt = async (member: typeof first) =>
      ((await entry(member)) as { instance: { leaseInfo: { lastRenewalTimestamp: number } } }).instance.leaseInfo.lastRenewalTimestamp;
    const before = await renewedAt(second);
    await eventually('a heartbeat at the peer', async () => (await renewedAt(second)) > before);
    const rounds = sink.said.length;
    await eventually('rounds at the peer', () => sink.said.length > rounds + 3);
    assert.deepEqual(
      sink.said.filter(({ kind }) => kind === 'failed'),
      [],
      'nobody hears of it',
    );
    first.thaw();

    await second.kill();
    await eventually('rounds at the first again', () => sink.said.length > rounds + 8);
    assert.equal(sink.list.size, 1);
    assert.deepEqual(
      sink.said.filter(({ kind }) => kind === 'failed'),
      [],
    );

    first.freeze();
    const frozenAtMs = performance.now();
    await eventually('it is noticed', () => sink.last?.kind === 'failed');
    assert.ok(performance.now() - frozenAtMs < 10_000);
    assert.match(String(sink.last?.error), /eureka at http:\/\/127\.0\.0\.1:\d+\/eureka/);
    assert.equal(sink.list.size, 1, 'the last list stays');
    first.thaw();
    await eventually('it answers again', () => sink.last?.kind !== 'failed');
    await lease.close();
    await eventually('the instance has left', () => sink.list.size === 0);
  });
});
