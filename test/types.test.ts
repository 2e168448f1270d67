import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { node } from './integration/support/child.js';

/**
 * The types as a user's compiler sees them: the package's own declarations, by its name, under the types of every
 * supported Node. The programs in `test/types` say what must compile and what must not.
 */

/** The folder of package.json: tests run compiled, in a folder below it. */
const root = dirname(fileURLToPath(import.meta.resolve('fetchmesh/package.json')));
const folders: string[] = [];
after(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

interface Surroundings {
  /** The package that has Node's types. */
  readonly nodeTypes: string;
  readonly compilerOptions?: object;
  readonly files?: readonly string[];
}

/** What the compiler says of the programs; empty if it has nothing to say. */
async function compile({ nodeTypes, compilerOptions = {}, files = ['usage', 'usage-dispatcher'] }: Surroundings): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'fetchmesh-types-'));
  folders.push(folder);
  // Every `types="node"`, also in the declarations of others, leads to the ones under test.
  mkdirSync(join(folder, 'roots'));
  symlinkSync(join(root, 'node_modules', nodeTypes), join(folder, 'roots/node'));
  const config = {
    compilerOptions: {
      target: 'es2023',
      lib: ['es2023', 'esnext.disposable'],
      module: 'nodenext',
      strict: true,
      exactOptionalPropertyTypes: true,
      noEmit: true,
      skipLibCheck: false,
      typeRoots: ['./roots'],
      types: ['node'],
      ...compilerOptions,
    },
    files: files.map((file) => join(root, 'test/types', `${file}.ts`)),
  };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config));
  const { stdout, stderr } = await node([join(root, 'node_modules/typescript/bin/tsc'), '-p', folder, '--pretty', 'false'], 120_000);
  return stdout + stderr;
}

describe('the types', { timeout: 300_000, concurrency: 2 }, () => {
  for (const nodeTypes of ['@types/node', 'types-node-22', 'types-node-24', 'types-node-26']) {
    it(`serve a program with the types of ${nodeTypes}`, async () => {
      assert.equal(await compile({ nodeTypes }), '');
    });
  }

  it('serve a program that also has the types of a browser', async () => {
    const compilerOptions = { lib: ['es2023', 'esnext.disposable', 'dom', 'dom.iterable'] };
    assert.equal(await compile({ nodeTypes: '@types/node', compilerOptions, files: ['usage'] }), '');
  });

  it('serve a program that is bundled, and one that is less strict', async () => {
    const bundled = { module: 'esnext', moduleResolution: 'bundler', exactOptionalPropertyTypes: false };
    assert.equal(await compile({ nodeTypes: 'types-node-24', compilerOptions: bundled }), '');
  });
});
