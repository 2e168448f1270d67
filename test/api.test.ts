import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const root = fileURLToPath(new URL('../..', import.meta.url));

test('the public API is the one that docs/api.txt shows', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, ['scripts/api.mjs'], { cwd: root });
  const known = readFileSync(`${root}docs/api.txt`, 'utf8');
  assert.ok(known.includes('function createMesh('), 'the snapshot has something in it');
  assert.equal(stdout, known, 'The public API changed. Where that is meant, run `npm run api`, and say it in CHANGELOG.md.');
});
