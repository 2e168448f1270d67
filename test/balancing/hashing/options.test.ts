import assert from 'node:assert/strict';
import { test } from 'node:test';
import { maglev } from '../../../src/balancing/hashing/maglev.js';
import { ringHash } from '../../../src/balancing/hashing/ring-hash.js';
import { ConfigError } from '../../../src/core/errors.js';

const by = { header: 'x-user' };

function refuses(make: () => unknown, path: string): void {
  assert.throws(make, (error) => error instanceof ConfigError && error.path === path, path);
}

test('a table has a prime number of places, up to 5,000,011', () => {
  for (const tableSize of [2, 3, 251, 65_537, 655_373, 5_000_011]) assert.equal(maglev({ by, tableSize }).name, 'maglev');
  for (const tableSize of [0, 1, 4, 65_536, 65_539 * 2, 63_001, 5_000_010, 5_000_077, 2.5, -7, Number.NaN, Number.POSITIVE_INFINITY, '7'])
    refuses(() => maglev({ by, tableSize: tableSize as number }), 'maglev.tableSize');
});

test('a ring has from 1 to 16,384 points for a unit of weight', () => {
  for (const virtualNodes of [1, 160, 16_384]) assert.equal(ringHash({ by, virtualNodes }).name, 'ringHash');
  for (const virtualNodes of [0, 16_385, 1.5, Number.POSITIVE_INFINITY, '160'])
    refuses(() => ringHash({ by, virtualNodes: virtualNodes as number }), 'ringHash.virtualNodes');
});

for (const [name, make] of Object.entries({ maglev, ringHash })) {
  test(`${name} refuses what it does not know, and what is out of its range`, () => {
    for (const loadBound of [1, 1.01, 100, Number.POSITIVE_INFINITY]) assert.equal(make({ by, loadBound }).name, name);
    for (const loadBound of [0.99, 0, -1, Number.NaN, '2'])
      refuses(() => make({ by, loadBound: loadBound as number }), `${name}.loadBound`);
    refuses(() => make({ by, fallback: 'random' as never }), `${name}.fallback`);
    refuses(() => make({ by, fallbacks: 1 } as never), `${name}.fallbacks`);
    refuses(() => make({} as never), `${name}.by`);
    refuses(() => make(undefined as never), name);
  });
}
