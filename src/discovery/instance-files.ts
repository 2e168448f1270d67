import type { BigIntStats } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../core/clock.js';
import { type InstanceRecord, isInstanceFile, parseRecord } from './instance-record.js';

/** Files read side by side: enough to hide the waiting, few enough to leave file handles to others. */
const SIDE_BY_SIDE = 16;

interface KnownFile {
  /** Tells versions of the file apart. */
  readonly mark: string;
  /** What it says; what it last said, while it cannot be read. */
  readonly record: InstanceRecord | undefined;
}

/**
 * The instance files of a folder, as they were when last looked at. Only files that changed are read.
 *
 * Files are replaced by renaming and never changed in place by us, so the inode and the times of a file tell its
 * versions apart. A file that does not parse, because an editor is writing it, goes on saying what it said before.
 */
export class InstanceFiles {
  private readonly files = new Map<string, KnownFile>();

  /** `onBroken` is told once of each version of a file that cannot be used. */
  constructor(
    private readonly folder: string,
    private readonly onBroken: (file: string, last: InstanceRecord | undefined, reason: string) => void,
  ) {}

  /** What the files say, leases that are over included. */
  *records(): Generator<InstanceRecord> {
    for (const { record } of this.files.values()) if (record !== undefined) yield record;
  }

  /**
   * Looks at the files of these names, or at all. Rejects when the folder cannot be read: then nothing has changed.
   */
  async refresh(names: ReadonlySet<string> | undefined, clock: Clock): Promise<void> {
    if (names !== undefined && (await this.lookAt([...names].filter(isInstanceFile), clock))) return;
    // Files that are gone look the same whether they or the whole folder went, and the latter is a fault.
    const present = (await readdir(this.folder)).filter(isInstanceFile);
    await this.lookAt(present, clock);
    const kept = new Set(present);
    for (const name of this.files.keys()) if (!kept.has(name)) this.files.delete(name);
  }

  /** False if one of the files is gone. */
  private async lookAt(names: readonly string[], clock: Clock): Promise<boolean> {
    let allThere = true;
    const queue = names.values();
    const worker = async (): Promise<void> => {
      for (const name of queue) if (!(await this.look(name, clock))) allThere = false;
    };
    await Promise.all(Array.from({ length: SIDE_BY_SIDE }, worker));
    return allThere;
  }

  private async look(name: string, clock: Clock): Promise<boolean> {
    const path = join(this.folder, name);
    const known = this.files.get(name);
    let mark = '';
    try {
      mark = markOf(await stat(path, { bigint: true }));
      if (mark === known?.mark) return true;
      this.files.set(name, { mark, record: parseRecord(await readFile(path, 'utf8'), clock) });
    } catch (error) {
      if (isMissing(error)) return false;
      this.files.set(name, { mark, record: known?.record });
      if (mark !== known?.mark) this.onBroken(name, known?.record, error instanceof Error ? error.message : String(error));
    }
    return true;
  }
}

function markOf({ ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return `${ino}:${size}:${mtimeNs}:${ctimeNs}`;
}

/** Whether a file operation failed because there is no such file. */
export function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
