import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
/** The library as it was compiled beside this test: what a build puts into dist. */
const COMPILED = fileURLToPath(new URL('../../src/', import.meta.url));

const RUNTIME_DEPENDENCIES = ['undici', 'cockatiel', 'eventemitter3', 'lru-cache'];

/** What each consumer's own `npm test` starts, and what it needs beside the library. */
const CONSUMERS: Record<string, { readonly packages: readonly string[]; readonly command: readonly string[]; readonly passed: RegExp }> = {
  'node-test': { packages: [], command: ['--test'], passed: /pass 5\b/ },
  vitest: { packages: ['vitest'], command: ['node_modules/vitest/vitest.mjs', 'run'], passed: /Tests\s+5 passed/ },
  jest: {
    packages: ['jest', '@jest/globals'],
    command: ['--experimental-vm-modules', 'node_modules/jest/bin/jest.js'],
    passed: /Tests:\s+5 passed, 5 total/,
  },
};

/** A copy of the consumer, with the library in it as npm would install it: by copy, and its dependencies beside it. */
async function install(consumer: string, packages: readonly string[]): Promise<string> {
  const project = await mkdtemp(join(tmpdir(), `fetchmesh-${consumer}-`));
  const modules = join(project, 'node_modules');
  await cp(join(ROOT, 'test/consumers', consumer), project, { recursive: true });
  await mkdir(join(modules, '@jest'), { recursive: true });
  await mkdir(join(modules, 'fetchmesh'));
  await cp(join(ROOT, 'package.json'), join(modules, 'fetchmesh/package.json'));
  await cp(COMPILED, join(modules, 'fetchmesh/dist'), { recursive: true });
  for (const name of [...RUNTIME_DEPENDENCIES, ...packages]) await symlink(join(ROOT, 'node_modules', name), join(modules, name), 'dir');
  return project;
}

/** The environment without what this test runner leaves in it for its own children. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  const { NODE_TEST_CONTEXT: _context, NODE_OPTIONS: _options, ...rest } = process.env;
  return { ...rest, NO_COLOR: '1', CI: '1' };
}

describe('fetchmesh/testing', () => {
  for (const [consumer, { packages, command, passed }] of Object.entries(CONSUMERS)) {
    it(`serves the unit tests of a service that are run with ${consumer}`, async () => {
      const project = await install(consumer, packages);
      try {
        const child = spawn(process.execPath, command, { cwd: project, env: cleanEnvironment() });
        let output = '';
        child.stdout.on('data', (text: Buffer) => {
          output += text.toString();
        });
        child.stderr.on('data', (text: Buffer) => {
          output += text.toString();
        });
        const [code] = (await once(child, 'close')) as [number | null];
        assert.equal(code, 0, output);
        assert.match(output, passed);
        assert.doesNotMatch(output, /did not exit|MaxListeners|open handle/i);
      } finally {
        await rm(project, { recursive: true });
      }
    });
  }
});
