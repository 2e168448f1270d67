import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { childScript, node } from './support/child.js';

/** The mesh beside whatever else replaces a process's fetch or dispatcher: nobody is bypassed, nothing goes round for ever. */

const script = childScript('globals');
const { stdout, stderr } = await node([script, '--list']);
const scenarios = JSON.parse(stdout || JSON.stringify([stderr])) as readonly string[];

describe('a process with', { concurrency: 2, timeout: 120_000 }, () => {
  for (const scenario of scenarios) {
    it(`${scenario} finds services, and every other host as before`, async () => {
      const ended = await node([script, scenario]);
      assert.equal(ended.stderr, '');
      assert.equal(ended.code, 0);
    });
  }
});
