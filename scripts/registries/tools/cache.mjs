// The ignored folder with what was built, and how it is told whether a program there is still the one that is wanted.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../..', import.meta.url));

/** Where each program is, relative to the root of the repository or absolute. */
const programs = JSON.parse(readFileSync(new URL('../programs.json', import.meta.url), 'utf8'));

export function programPath(name) {
  return join(programs[name].startsWith('/') ? '' : root, programs[name]);
}

/**
 * Builds a program, a file or a folder, unless it is there and of the same recipe, the files that decide what comes
 * out. `build` is given a path to write to; the program gets its name only when it is complete, so an interrupted
 * build leaves none. Returns whether it was built.
 */
export async function buildOnce(program, recipe, build) {
  const stamp = `${program}.recipe`;
  const hash = createHash('sha256');
  for (const file of recipe) hash.update(readFileSync(file));
  const wanted = hash.digest('hex');
  if (existsSync(program) && existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return false;

  mkdirSync(dirname(program), { recursive: true });
  const partial = `${program}.${process.pid}`;
  try {
    await build(partial);
    rmSync(program, { recursive: true, force: true });
    renameSync(partial, program);
  } finally {
    rmSync(partial, { recursive: true, force: true });
  }
  writeFileSync(stamp, wanted);
  return true;
}
