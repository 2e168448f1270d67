import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism, cpus, release, totalmem, type } from 'node:os';
import { canPin } from './child.js';

/** The packages whose versions a reader needs to repeat the run. */
const PACKAGES = ['undici', 'got', 'axios', 'ky', 'opossum', 'cockatiel'];

/** What the benchmark ran on, as lines of text. */
export function machine(): string[] {
  const model = cpus()[0]?.model ?? 'unknown processor';
  const pinning = canPin
    ? 'processes are pinned: what is measured to one core, the server to another'
    : 'processes are not pinned to cores';
  return [
    `${model}, ${availableParallelism()} cores, ${Math.round(totalmem() / 2 ** 30)} GiB, ${type()} ${release()}; ${pinning}`,
    PACKAGES.map((name) => `${name} ${versionOf(name)}`).join(', '),
  ];
}

/** Read from the package's own folder, since not every package exports its package.json. */
function versionOf(name: string): string {
  for (const folder of createRequire(import.meta.url).resolve.paths(name) ?? []) {
    try {
      return (JSON.parse(readFileSync(`${folder}/${name}/package.json`, 'utf8')) as { version: string }).version;
    } catch {
      // Not in this folder: packages are looked for from here upwards.
    }
  }
  return 'unknown';
}
