import type { WatchedPaths } from './frames.js';

/** What happened to a znode that is watched. */
export interface NodeChange {
  readonly kind: 'created' | 'deleted' | 'data' | 'children';
  readonly path: string;
}

export type Watcher = (change: NodeChange) => void;

/** Kinds of changes by their number in the protocol. */
const KINDS = [undefined, 'created', 'deleted', 'data', 'children'] as const;

/**
 * Who watches which znode. It stands in for the package's own table, which makes an event emitter for each znode and
 * is lost with its client: this one belongs to a session, whatever connection it is on.
 *
 * ZooKeeper's watches fire once, so whoever is told is forgotten.
 */
export class WatchTable {
  private readonly data = new Map<string, Watcher[]>();
  private readonly exists = new Map<string, Watcher[]>();
  private readonly children = new Map<string, Watcher[]>();

  get size(): number {
    return this.data.size + this.exists.size + this.children.size;
  }

  watchData(path: string, watcher: Watcher): void {
    add(this.data, path, watcher);
  }

  watchExistence(path: string, watcher: Watcher): void {
    add(this.exists, path, watcher);
  }

  watchChildren(path: string, watcher: Watcher): void {
    add(this.children, path, watcher);
  }

  /** Somebody is no longer interested in a znode. The server's watch stays, and fires into nothing. */
  forget(path: string, watcher: Watcher): void {
    for (const table of [this.data, this.exists, this.children]) {
      const left = table.get(path)?.filter((each) => each !== watcher);
      if (left?.length === 0) table.delete(path);
      else if (left !== undefined) table.set(path, left);
    }
  }

  /** The server told of a change. Kinds that are not known, of later versions, are not for anybody here. */
  fire(type: number, path: string): void {
    const kind = KINDS[type];
    if (kind === undefined) return;
    const told = new Set<Watcher>();
    for (const table of this.firedBy(kind)) {
      for (const watcher of table.get(path) ?? []) told.add(watcher);
      table.delete(path);
    }
    for (const watcher of told) watcher({ kind, path });
  }

  /** The session is over, and its watches with it. */
  clear(): void {
    for (const table of [this.data, this.exists, this.children]) table.clear();
  }

  /** Everything that is watched, in portions that are at most so long: servers refuse what is longer than a megabyte. */
  *portions(longestBytes: number): Generator<WatchedPaths, void> {
    let portion: Record<keyof WatchedPaths, string[]> = { data: [], exists: [], children: [] };
    let bytes = 0;
    for (const kind of ['data', 'exists', 'children'] as const) {
      for (const path of this[kind].keys()) {
        portion[kind].push(path);
        bytes += 4 + Buffer.byteLength(path);
        if (bytes < longestBytes) continue;
        yield portion;
        portion = { data: [], exists: [], children: [] };
        bytes = 0;
      }
    }
    if (bytes > 0) yield portion;
  }

  private firedBy(kind: NodeChange['kind']): Map<string, Watcher[]>[] {
    if (kind === 'children') return [this.children];
    if (kind === 'deleted') return [this.data, this.exists, this.children];
    return [this.data, this.exists];
  }
}

function add(table: Map<string, Watcher[]>, path: string, watcher: Watcher): void {
  const watchers = table.get(path);
  if (watchers === undefined) table.set(path, [watcher]);
  else if (!watchers.includes(watcher)) watchers.push(watcher);
}
