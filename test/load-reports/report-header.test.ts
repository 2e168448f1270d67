import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HEADER, withReport } from '../../src/load-reports/report-header.js';

test('the report joins headers in each form that Node takes, and takes the place of another report', () => {
  assert.deepEqual(withReport({ a: '1', 'Endpoint-Load-Metrics': 'old', b: ['2', '3'] }, 'new'), {
    a: '1',
    b: ['2', '3'],
    [HEADER]: 'new',
  });
  assert.deepEqual(withReport(['a', '1', 'Endpoint-Load-Metrics', 'old', 'a', '2'], 'new'), ['a', '1', 'a', '2', HEADER, 'new']);
  assert.deepEqual(
    withReport(
      [
        ['a', '1'],
        ['Endpoint-Load-Metrics', 'old'],
      ],
      'new',
    ),
    [
      ['a', '1'],
      [HEADER, 'new'],
    ],
  );
  assert.deepEqual(withReport([], 'new'), [HEADER, 'new']);
  assert.deepEqual(withReport({}, 'new'), { [HEADER]: 'new' });
});

test('the headers that were given are left as they are', () => {
  const given = { a: '1', [HEADER]: 'old' };
  const list = ['a', '1'];
  withReport(given, 'new');
  withReport(list, 'new');
  assert.deepEqual(given, { a: '1', [HEADER]: 'old' });
  assert.deepEqual(list, ['a', '1']);
});

test('a value that is the name of the header is no header', () => {
  assert.deepEqual(withReport(['x-name', HEADER], 'new'), ['x-name', HEADER, HEADER, 'new']);
});
