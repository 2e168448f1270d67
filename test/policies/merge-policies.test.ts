import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { definePolicy, type Policy } from '../../src/core/policy.js';
import { bulkhead } from '../../src/policies/bulkhead.js';
import { mergePolicies, without } from '../../src/policies/merge-policies.js';
import { retry } from '../../src/policies/retry.js';
import { standard } from '../../src/policies/standard.js';
import { timeout } from '../../src/policies/timeout.js';
import { Surroundings } from '../support/policy-scope.js';

const named = (name: string): Policy => definePolicy({ name, build: (next) => (call) => next(call) });
const namesOf = (policies: readonly Policy<'call'>[] | undefined) => policies?.map(({ name }) => name).join(' ');
const list = (names: string) =>
  names === '' ? [] : names.split(' ').map((name) => (name.startsWith('-') ? without(name.slice(1)) : named(name)));

describe("a service's policies over the defaults", () => {
  const cases: readonly (readonly [defaults: string, service: string, merged: string, why: string])[] = [
    ['a b c', '', 'a b c', 'are the defaults where the service has none'],
    ['', 'a b', 'a b', "are the service's where there are no defaults"],
    ['a b c', 'x', 'a b c x', 'keep defaults that the service does not name in their order, at the start'],
    ['a b c', 'b', 'a b c', 'keep the places of the defaults around one that is replaced'],
    ['a b c', 'c a', 'c a b', "have the service's order, and defaults follow the default that stood before them"],
    ['a b c', 'x b y', 'a x b c y', 'have defaults right behind the one that stood before them'],
    ['a b c', '-b', 'a c', 'lack what the service leaves out'],
    ['a b c', '-a x', 'b c x', 'begin with the defaults whose predecessors are left out'],
    ['a b c d', 'd x -c b', 'a d x b', 'may be all of this'],
  ];
  for (const [defaults, service, merged, why] of cases) {
    it(why, () => {
      assert.equal(namesOf(mergePolicies({ perCall: list(defaults) }, { perCall: list(service) }).perCall), merged);
    });
  }

  it("have the service's own policy under a name that both use", () => {
    const [theirs, ours] = [named('a'), named('a')];
    assert.deepEqual(mergePolicies({ perCall: [theirs] }, { perCall: [ours] }).perCall, [ours]);
  });

  it('are merged list by list', () => {
    const merged = mergePolicies(standard(), { perCall: [without('retry')], perEndpoint: [bulkhead({ concurrency: 2 })] });
    assert.equal(namesOf(merged.perCall), 'timeout bulkhead');
    assert.deepEqual(
      merged.perAttempt?.map(({ name }) => name),
      ['timeout'],
    );
    assert.deepEqual(
      merged.perEndpoint?.map(({ name }) => name),
      ['circuitBreaker', 'bulkhead'],
    );
  });

  it('contain everything that either side named once, and keep the order of the service', () => {
    const letters = fc.uniqueArray(fc.constantFrom<string[]>('a', 'b', 'c', 'd', 'e', 'f'));
    fc.assert(
      fc.property(letters, letters, (defaults, service) => {
        const merged =
          mergePolicies({ perCall: defaults.map(named) }, { perCall: service.map(named) }).perCall?.map(({ name }) => name) ?? [];
        assert.deepEqual([...merged].sort(), [...new Set([...defaults, ...service])].sort());
        assert.deepEqual(
          merged.filter((name) => service.includes(name)),
          service,
        );
      }),
    );
  });

  it('may not have one name twice in one list', () => {
    const twice = { perAttempt: [timeout({ timeoutMs: 5 }), timeout({ timeoutMs: 6 })] };
    assert.throws(() => mergePolicies(twice, {}), /perAttempt must be a list with each policy name once.*two of 'timeout'/);
    assert.throws(() => mergePolicies({}, twice), /perAttempt/);
  });
});

describe('two standard stacks', () => {
  it('are merged setting by setting', () => {
    const merged = mergePolicies(
      standard({ timeoutMs: 5_000, retry: { attempts: 5 }, bulkhead: false }),
      standard({ retry: false, timeoutMs: undefined }),
    );
    assert.deepEqual({ ...(merged as { settings?: object }).settings }, { timeoutMs: 5_000, retry: false, bulkhead: false });
    assert.equal(namesOf(merged.perCall), 'timeout');
  });

  it('must not contradict each other', () => {
    assert.throws(
      () => mergePolicies(standard({ attemptTimeoutMs: 5_000 }), standard({ timeoutMs: 1_000 })),
      /attemptTimeoutMs must be at most timeoutMs \(1000\), got 5000/,
    );
  });

  it('are lists like any other once they were spread into some', () => {
    const own = [retry({ attempts: 1 })];
    const merged = mergePolicies(standard(), { ...standard(), perCall: own });
    assert.equal(merged.perCall?.includes(own[0] ?? assert.fail()), true);
  });
});

describe('without', () => {
  it('is nothing where it stands in a list that is not merged', () => {
    const around = new Surroundings();
    assert.equal(around.perCall(without('retry')), around.far.send);
  });

  it('takes a name', () => {
    assert.throws(() => without(''), /without must be the name of a policy/);
  });
});
