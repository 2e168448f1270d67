// Checks the package as a user gets it: packed, installed into an empty folder, loaded, bundled.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { build } from 'esbuild';

const folder = mkdtempSync(join(tmpdir(), 'fetchmesh-package-'));
const run = (command, args, cwd = '.') => execFileSync(command, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });

try {
  const packed = JSON.parse(run('npm', ['pack', '--json', '--pack-destination', folder]));
  const [{ filename, files }] = Array.isArray(packed) ? packed : Object.values(packed);
  const tarball = join(folder, filename);
  const strays = files
    .map(({ path }) => path)
    .filter((path) => !/^(dist\/|docs\/.*\.md$|package\.json$|README\.md$|CHANGELOG\.md$|LICENSE$)/.test(path));
  if (strays.length > 0) throw new Error(`the package has files that do not belong into it: ${strays.join(', ')}`);

  console.log(run(resolve('node_modules/.bin/publint'), ['run', tarball, '--strict']));
  console.log(run(resolve('node_modules/.bin/attw'), [tarball, '--profile', 'esm-only']));

  writeFileSync(join(folder, 'package.json'), '{ "private": true }');
  run('npm', ['install', '--no-audit', '--no-fund', tarball], folder);
  const installed = run('npm', ['ls', '--all', '--parseable'], folder).trim().split('\n');
  for (const peer of ['yaml']) {
    if (installed.some((path) => path.endsWith(`node_modules/${peer}`))) throw new Error(`installing the package alone pulls in ${peer}`);
  }

  // Loaded both ways, also by CommonJS.
  const use =
    "if (typeof mesh.createMesh !== 'function' || typeof testing.mockRegistry !== 'function') throw new Error('exports are missing');";
  writeFileSync(join(folder, 'esm.mjs'), `import * as mesh from 'fetchmesh'; import * as testing from 'fetchmesh/testing'; ${use}`);
  writeFileSync(join(folder, 'cjs.cjs'), `const mesh = require('fetchmesh'); const testing = require('fetchmesh/testing'); ${use}`);
  run(process.execPath, ['esm.mjs'], folder);
  run(process.execPath, ['--no-warnings', 'cjs.cjs'], folder);

  // Bundled: optional peers stay out.
  const { metafile } = await build({
    entryPoints: [join(folder, 'esm.mjs')],
    bundle: true,
    platform: 'node',
    format: 'esm',
    metafile: true,
    write: false,
    logLevel: 'error',
  });
  const pulled = Object.keys(metafile.inputs).filter((path) => /node_modules\/(yaml)\//.test(path));
  if (pulled.length > 0) throw new Error(`bundling pulls in an optional peer: ${pulled[0]}`);
  console.log(`package: ${files.length} files, loaded by import and require, bundled`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
