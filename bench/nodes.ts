import { spawnSync } from 'node:child_process';

/** A Node to measure with. */
export interface NodeBinary {
  readonly path: string;
  /** Such as `v20.20.2`. */
  readonly version: string;
}

export const thisNode: NodeBinary = { path: process.execPath, version: process.version };

/**
 * The newest Node 24 that npm can get, or undefined where it cannot be had (no network, no npm). It is asked for
 * its path, and run from there: npx would stand between this process and the one that is measured.
 */
export function node24(): NodeBinary | undefined {
  const script = 'process.stdout.write(JSON.stringify([process.execPath, process.version]))';
  const { status, stdout } = spawnSync('npx', ['-y', 'node@24', '-e', script], { encoding: 'utf8', timeout: 120_000 });
  if (status !== 0) return undefined;
  const [path, version] = JSON.parse(stdout) as [string, string];
  return { path, version };
}
