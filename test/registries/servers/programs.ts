import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';

/** Where the programs are that scripts/registries/install.mjs installs, relative to the root of the repository. */
const PROGRAMS = JSON.parse(readFileSync('scripts/registries/programs.json', 'utf8')) as Readonly<Record<string, string>>;

/** A program's path. One that is not installed is an error that says what to run: no test is skipped for it. */
export function programPath(program: string, registry = program, programs = PROGRAMS): string {
  const path = programs[program];
  if (path === undefined) throw new Error(`scripts/registries/programs.json has no '${program}'`);
  const absolute = resolve(path);
  if (existsSync(absolute)) return absolute;
  throw new Error(`${program} is not installed (${absolute}): run 'node scripts/registries/install.mjs ${registry}'`);
}
