// Checks the package as a user gets it: packed, installed into an empty folder, loaded, bundled.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { build } from 'esbuild';

const folder = mkdtempSync(join(tmpdir(), 'fetchmesh-package-'));
const run = (command, args, cwd = '.') => execFileSync(command, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });

/** What each entry exports, among others. */
const FUNCTIONS = {
  '.': 'createMesh',
  './testing': 'mockRegistry',
  './consul': 'consulDiscovery',
  './etcd': 'etcdDiscovery',
  './zookeeper': 'zookeeperDiscovery',
  './eureka': 'eurekaDiscovery',
  './kubernetes': 'kubernetesDiscovery',
};
/** What needs a peer: the peer, where the source is exported, and how it is made. */
const MISSING = [
  ['node-zookeeper-client', 'fetchmesh/zookeeper', "zookeeperDiscovery({ servers: '127.0.0.1:1' })"],
  ['@kubernetes/client-node', 'fetchmesh/kubernetes', "kubernetesDiscovery({ kubeconfig: 'kubeconfig' })"],
  ['yaml', 'fetchmesh', "fileDiscovery('services.yaml')"],
];

const manifest = JSON.parse(readFileSync('package.json', 'utf8'));
const peers = Object.keys(manifest.peerDependencies);

try {
  const packed = JSON.parse(run('npm', ['pack', '--json', '--pack-destination', folder]));
  const [{ filename, files }] = Array.isArray(packed) ? packed : Object.values(packed);
  const tarball = join(folder, filename);
  const strays = files
    .map(({ path }) => path)
    .filter((path) => !/^(dist\/|docs\/.*\.md$|docs\/simulations\/.*\.svg$|package\.json$|README\.md$|CHANGELOG\.md$|LICENSE$)/.test(path));
  if (strays.length > 0) throw new Error(`the package has files that do not belong into it: ${strays.join(', ')}`);

  console.log(run(resolve('node_modules/.bin/publint'), ['run', tarball, '--strict']));
  console.log(run(resolve('node_modules/.bin/attw'), [tarball, '--profile', 'esm-only']));

  writeFileSync(join(folder, 'package.json'), '{ "private": true }');
  run('npm', ['install', '--no-audit', '--no-fund', tarball], folder);
  const installed = run('npm', ['ls', '--all', '--parseable'], folder).trim().split('\n');
  for (const peer of peers) {
    if (installed.some((path) => path.endsWith(`node_modules/${peer}`))) throw new Error(`installing the package alone pulls in ${peer}`);
  }

  // Every entry is loaded both ways, also by CommonJS, and without any of the peers.
  const entries = Object.keys(manifest.exports).filter((entry) => entry !== './package.json');
  for (const entry of entries) {
    const name = entry.replace('.', manifest.name);
    const wanted = FUNCTIONS[entry];
    if (wanted === undefined) throw new Error(`say in scripts/check-package.mjs which function ${name} exports`);
    const use = `if (typeof exported.${wanted} !== 'function') throw new Error('${name} does not export ${wanted}');`;
    writeFileSync(join(folder, 'esm.mjs'), `import * as exported from '${name}'; ${use}`);
    writeFileSync(join(folder, 'cjs.cjs'), `const exported = require('${name}'); ${use}`);
    run(process.execPath, ['esm.mjs'], folder);
    run(process.execPath, ['--no-warnings', 'cjs.cjs'], folder);
  }

  // What needs a peer says which, and how to get it.
  writeFileSync(join(folder, 'kubeconfig'), 'apiVersion: v1');
  for (const [peer, entry, source] of MISSING) {
    const program = `
      import { createMesh } from 'fetchmesh';
      import * as entry from '${entry}';
      const make = async () => {
        const mesh = createMesh({ discovery: entry.${source} });
        await mesh.fetch('http://users/');
      };
      const error = await make().catch((error) => error);
      const said = error instanceof Error ? \`\${error.message} \${error.cause?.message ?? ''}\` : 'nothing';
      if (!said.includes('npm install ${peer}')) throw new Error('without ${peer}: ' + said);`;
    writeFileSync(join(folder, 'missing.mjs'), program);
    run(process.execPath, ['missing.mjs'], folder);
  }

  // Bundled, all entries together: optional peers stay out, and are loaded when they are used and not before.
  writeFileSync(
    join(folder, 'all.mjs'),
    entries.map((entry, index) => `export * as e${index} from '${entry.replace('.', manifest.name)}';\n`).join(''),
  );
  const { metafile } = await build({
    entryPoints: [join(folder, 'all.mjs')],
    bundle: true,
    platform: 'node',
    format: 'esm',
    metafile: true,
    write: false,
    logLevel: 'error',
    external: peers,
  });
  const { outputs } = metafile;
  const imported = Object.values(outputs)
    .flatMap(({ imports }) => imports)
    .filter(({ path, kind }) => peers.some((peer) => path.startsWith(peer)) && kind !== 'dynamic-import');
  if (imported.length > 0) throw new Error(`a bundle imports an optional peer at once: ${imported[0].path}`);
  console.log(`package: ${files.length} files, ${entries.length} entries loaded by import and require, bundled`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
