import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { ApplicationTable, type Journal } from '../../../src/registries/eureka/application-table.js';
import type { RegisteredInstance } from '../../../src/registries/eureka/registered-instance.js';

function instance(instanceId: string, changes: Partial<RegisteredInstance> = {}): RegisteredInstance {
  const status = changes.status ?? 'UP';
  return {
    app: 'A',
    instanceId,
    id: instanceId,
    status,
    changedAt: 1,
    dirtyAt: 1,
    isDeleted: false,
    services: ['A'],
    input: status === 'UP' ? { id: instanceId, url: 'http://h' } : undefined,
    problem: undefined,
    ...changes,
  };
}

function tableWith(...instances: RegisteredInstance[]) {
  const journal: Journal = { changes: new Map(), isWatched: (service) => service === 'A' };
  const table = new ApplicationTable();
  for (const each of instances) table.put(each);
  table.keepJournal(journal, new ApplicationTable());
  journal.changes.clear();
  const changed = () => [...(journal.changes.get('A') ?? [])].map(([id, now]) => `${now?.input === undefined ? '-' : '+'}${id}`);
  return { table, journal, changed };
}

const ids = (table: ApplicationTable, service = 'A') => table.instancesOf(service)?.map(({ instanceId }) => instanceId);

describe('the table of all applications', () => {
  it('has the hash that Eureka has: how many instances have each status, in the order of their names', () => {
    assert.equal(tableWith().table.hash, '');
    const { table } = tableWith(
      instance('a'),
      instance('b'),
      instance('c', { status: 'OUT_OF_SERVICE' }),
      instance('d', { app: 'B', status: 'DOWN' }),
    );
    assert.equal(table.hash, 'DOWN_1_OUT_OF_SERVICE_1_UP_2_');
    table.apply(instance('c', { changedAt: 2 }));
    assert.equal(table.hash, 'DOWN_1_UP_3_');
  });

  it('takes a change in once, however often the window shows it', () => {
    const { table, journal, changed } = tableWith(instance('a'));
    const window = [instance('b', { changedAt: 2 }), instance('a', { changedAt: 3, isDeleted: true })];
    for (const change of window) table.apply(change);
    assert.deepEqual(changed(), ['+b', '-a']);
    journal.changes.clear();
    for (let round = 0; round < 3; round++) for (const change of window) table.apply(change);
    assert.deepEqual(changed(), []);
    assert.deepEqual(ids(table), ['b']);
  });

  it('does not go back to what a change says that was overtaken', () => {
    const { table, changed } = tableWith(instance('a', { changedAt: 5 }));
    table.apply(instance('a', { changedAt: 4, status: 'DOWN' }));
    table.apply(instance('a', { changedAt: 4, isDeleted: true }));
    assert.deepEqual(changed(), []);
    assert.equal(table.hash, 'UP_1_');
  });

  it('tells a status that came back without a new time from one that stayed', () => {
    const { table, changed } = tableWith(instance('a', { status: 'DOWN' }));
    table.apply(instance('a'));
    assert.deepEqual(changed(), ['+a']);
  });

  it('says in what a new list differs, and nothing of what stayed', () => {
    const { table: before, journal, changed } = tableWith(instance('same'), instance('gone'), instance('moved'));
    // A change that nobody was told of yet, when the hash turned out to be wrong.
    before.apply(instance('untold', { changedAt: 2 }));
    const next = new ApplicationTable();
    for (const each of [instance('same'), instance('moved', { changedAt: 2 }), instance('new'), instance('untold', { changedAt: 2 })]) {
      next.put(before.known(each) ?? each);
    }
    next.put(instance('other', { app: 'B', services: ['B'] }));
    next.keepJournal(journal, before);
    assert.deepEqual(changed().sort(), ['+moved', '+new', '+untold', '-gone']);
    assert.equal(journal.changes.has('B'), false, 'nobody watches it');
  });

  it('moves an instance whose VIP address changes from one service to another', () => {
    const { table, changed } = tableWith(instance('a', { services: ['A'] }));
    table.apply(instance('a', { services: ['B'], changedAt: 2 }));
    assert.equal(ids(table), undefined);
    assert.deepEqual(ids(table, 'B'), ['a']);
    assert.deepEqual(changed(), ['-a']);
  });

  it('is the same however changes come: one by one with repetitions, or as a list', () => {
    const change = fc.record({
      instanceId: fc.constantFrom('a', 'b', 'c', 'd'),
      status: fc.constantFrom('UP', 'DOWN', 'STARTING'),
      isDeleted: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(change, { maxLength: 30 }), fc.nat({ max: 5 }), (changes, window) => {
        const { table, journal } = tableWith();
        const told = new Map<string, boolean>();
        const truth = new Map<string, RegisteredInstance>();
        const all = changes.map(({ instanceId, ...rest }, index) => instance(instanceId, { ...rest, changedAt: index + 1 }));
        all.forEach((each, index) => {
          if (each.isDeleted) truth.delete(each.instanceId);
          else truth.set(each.instanceId, each);
          // The server shows the latest change of each instance, of the last few; a deletion that was overtaken is not shown.
          const latest = new Map(all.slice(Math.max(0, index - window), index + 1).map((one) => [one.instanceId, one]));
          for (const one of latest.values()) table.apply(one);
          for (const [id, now] of journal.changes.get('A') ?? []) told.set(id, now?.input !== undefined);
          journal.changes.clear();
        });
        const up = [...truth.values()].filter(({ status }) => status === 'UP').map(({ id }) => id);
        assert.deepEqual(
          [...told]
            .filter(([, isUp]) => isUp)
            .map(([id]) => id)
            .sort(),
          up.sort(),
        );
        const { table: list } = tableWith(...truth.values());
        assert.equal(table.hash, list.hash);
      }),
    );
  });
});
