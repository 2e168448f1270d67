// Builds a Go server from a module of our own that requires it: `go install` refuses one whose go.mod replaces others.
import { fileURLToPath } from 'node:url';
import { buildOnce, programPath } from './cache.mjs';
import { requireCommand, run } from './command.mjs';

/** Builds `mainPackage` of the module in `folder` (a URL) into the cache. Returns whether there was something to do. */
export function buildGo(name, folder, mainPackage) {
  const module = fileURLToPath(folder);
  const recipe = ['go.mod', 'go.sum', 'tools.go'].map((file) => module + file);
  return buildOnce(programPath(name), recipe, async (output) => {
    requireCommand('go', `${name} is built with Go 1.22 or later, which is not on this machine: install it from https://go.dev/dl/.`);
    // go.sum is complete, and read-only keeps the build from changing it. Without symbols the program links faster, and a
    // compiler that collects its garbage seldom is faster by a tenth.
    await run('go', ['build', '-mod=readonly', '-trimpath', '-ldflags=-s -w', '-o', output, mainPackage], {
      cwd: module,
      env: { CGO_ENABLED: '0', GOFLAGS: '', GOWORK: 'off', GOGC: '400' },
    });
  });
}
