import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Run } from './scenario.js';

/**
 * Runs that are done, on disk, so that a set of simulations that was stopped goes on where it was. A run is known by
 * the code that made it, all of it: after any change everything is simulated anew.
 */
export class RunStore {
  private readonly folder: string;

  /** @param built where the compiled code is. */
  constructor(folder: string, built: readonly string[]) {
    const hash = createHash('sha256').update(process.version);
    for (const root of built) {
      const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.js'));
      for (const file of files.sort()) hash.update(file).update(readFileSync(join(root, file)));
    }
    this.folder = join(folder, hash.digest('hex').slice(0, 16));
    mkdirSync(this.folder, { recursive: true });
  }

  /** The run under `name`, from the disk if it is there, else simulated. */
  async runOrMake(name: string, make: () => Promise<Run>): Promise<Run> {
    const path = join(this.folder, `${encodeURIComponent(name)}.json`);
    const known = readIfThere(path);
    if (known !== undefined) return JSON.parse(known);
    const run = await make();
    writeFileSync(path, JSON.stringify(run));
    return run;
  }
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
