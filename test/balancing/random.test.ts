import assert from 'node:assert/strict';
import { test } from 'node:test';
import { random } from '../../src/balancing/random.js';
import { isShare, pickerFor, sharesOf, viewOf, weightedView } from './endpoints.js';

test('random picks every endpoint as often as any other', () => {
  const { view, endpoints } = weightedView([1, 1, 1, 1, 1]);
  const shares = sharesOf(pickerFor(random(), view), view, 50_000);
  for (const { id } of endpoints) assert.ok(isShare(shares.get(id) ?? 0, 50_000, 0.2), `${id}: ${shares.get(id)}`);
});

test('random picks in proportion to the weights', () => {
  const { view } = weightedView([1, 2, 3, 4]);
  const shares = sharesOf(pickerFor(random(), view), view, 50_000);
  for (const weight of [1, 2, 3, 4])
    assert.ok(isShare(shares.get(`e${weight - 1}`) ?? 0, 50_000, weight / 10), `${weight}: ${shares.get(`e${weight - 1}`)}`);
});

test('random keeps to weights that are far apart, when drawing again and again would take too long', () => {
  const { view } = weightedView([...Array.from({ length: 99 }, () => 1), 2_000]);
  const shares = sharesOf(pickerFor(random(), view), view, 20_000);
  assert.ok(isShare(shares.get('e99') ?? 0, 20_000, 2_000 / 2_099), String(shares.get('e99')));
  assert.ok(isShare(shares.get('e0') ?? 0, 20_000, 1 / 2_099), String(shares.get('e0')));
});

test('random keeps to the weights of those that are left when the heaviest endpoint is shut', () => {
  const { view, endpoints } = weightedView([1, 3, 60_000]);
  const heaviest = endpoints[2];
  assert.ok(heaviest);
  view.shutterFor(heaviest).shut('broken');
  const shares = sharesOf(pickerFor(random(), view), view, 20_000);
  assert.ok(isShare(shares.get('e1') ?? 0, 20_000, 0.75), String(shares.get('e1')));
  assert.equal(shares.get('e2'), undefined);
});

test('random picks nothing where there is nothing to pick', () => {
  const view = viewOf();
  assert.deepEqual([...sharesOf(pickerFor(random(), view), view, 3)], [['none', 3]]);
});
