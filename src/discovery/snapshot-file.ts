import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { SnapshotFormatError } from './snapshot-format.js';

/** What tells whether a file is still the one that was written. */
export interface FileMark {
  readonly inode: number;
  readonly size: number;
  readonly modifiedMs: number;
}

const OWNER_ONLY = 0o600;
const WRITABLE_BY_OTHERS = 0o022;
/** What a writer that was killed left behind is litter after this. */
const LITTER_AFTER_MS = 3_600_000;

/** The text of a file; undefined where there is none. @throws Error for one that is too large, that others may write, or that cannot be read. */
export async function readBounded(path: string, maxBytes: number): Promise<string | undefined> {
  let file: FileHandle;
  try {
    // A pipe in its place must not keep anybody waiting.
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
  try {
    const stats = await file.stat();
    if (!stats.isFile()) throw new SnapshotFormatError('it is not a file');
    if (stats.size > maxBytes) throw new SnapshotFormatError(`it has ${stats.size} bytes, more than maxBytes (${maxBytes})`);
    // Whoever may write it may send every service's requests wherever they like. Windows has no such bits.
    if (process.platform !== 'win32' && (stats.mode & WRITABLE_BY_OTHERS) !== 0)
      throw new SnapshotFormatError(`others than its owner may write it (mode ${(stats.mode & 0o777).toString(8)}): make it 600`);
    return await file.readFile('utf8');
  } finally {
    await file.close();
  }
}

/**
 * Writes a file so that every reader sees all of it or all of the one before, also one that reads after the power
 * failed: it is written under another name, brought to the disk, and then renamed.
 */
export async function writeWhole(path: string, pieces: readonly string[]): Promise<FileMark> {
  const folder = dirname(path);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  // A name of its own for each writing: several processes may share the path.
  const temporary = join(folder, `${temporaryPrefix(path)}${randomUUID()}.tmp`);
  try {
    const file = await open(temporary, 'wx', OWNER_ONLY);
    try {
      for (const piece of pieces) await file.write(piece);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  const mark = await markOf(path);
  if (mark === undefined) throw new Error('it was removed as soon as it was written');
  return mark;
}

/** What the file is now; undefined where there is none. */
export async function markOf(path: string): Promise<FileMark | undefined> {
  try {
    const { ino, size, mtimeMs } = await stat(path);
    return { inode: ino, size, modifiedMs: mtimeMs };
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

export function sameMark(one: FileMark | undefined, other: FileMark | undefined): boolean {
  return one?.inode === other?.inode && one?.size === other?.size && one?.modifiedMs === other?.modifiedMs;
}

/** Removes what writers that were killed in the middle left behind. Never rejects: litter costs nothing but its space. */
export async function removeLitter(path: string, wallTimeMs: number): Promise<void> {
  const prefix = temporaryPrefix(path);
  try {
    for (const name of await readdir(dirname(path))) {
      if (!name.startsWith(prefix) || !name.endsWith('.tmp')) continue;
      const other = join(dirname(path), name);
      if (wallTimeMs - (await stat(other)).mtimeMs > LITTER_AFTER_MS) await rm(other, { force: true });
    }
  } catch {
    // The folder is not there yet, or another process was faster.
  }
}

function temporaryPrefix(path: string): string {
  return `.${basename(path)}.`;
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
