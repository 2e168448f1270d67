// Builds the package (dist/) and everything that runs beside it: tests, examples, benchmarks (build/).
// `node scripts/build.mjs dist` builds the package alone.
import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';

const typescript = new URL('../node_modules/typescript/bin/tsc', import.meta.url).pathname;

function compile(project) {
  const { status } = spawnSync(process.execPath, [typescript, '-p', project], { stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}

rmSync('dist', { recursive: true, force: true });
compile('tsconfig.build.json');
if (process.argv[2] !== 'dist') {
  rmSync('build', { recursive: true, force: true });
  compile('tsconfig.json');
}
