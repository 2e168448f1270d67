/**
 * Which combinations of values the endpoints have, for a call to find its own by the values that it wants, with no text
 * put together and nothing allocated.
 *
 * It is a tree with a level for each key, in the order of the keys; at each level one goes on by the wanted value, or
 * by `any` where none is wanted. An endpoint that has all of k keys is counted at 2^k - 1 leaves, so a change of one
 * endpoint costs that many steps times k, and the tree is as large as the endpoints make it. What calls ask for, and
 * nobody has, is found missing and leaves nothing behind.
 */

/** A leaf: what those who have these values have in common. */
export interface Combination<Part> {
  /** How many endpoints have these values. */
  size: number;
  /** What is kept for it, if somebody asked. */
  part: Part | undefined;
}

/** What an endpoint has, or a call wants, by the keys in their order. */
export type Values = readonly (string | undefined)[];

class Branch<Part> {
  any: Branch<Part> | undefined = undefined;
  readonly byValue = new Map<string, Branch<Part>>();
  leaf: Combination<Part> | undefined = undefined;

  get isEmpty(): boolean {
    return this.any === undefined && this.byValue.size === 0 && this.leaf === undefined;
  }
}

export class Combinations<Part> {
  private readonly root = new Branch<Part>();

  /** @param depth how many keys there are. */
  constructor(private readonly depth: number) {}

  /** The combination that has these values, where `undefined` stands for any; undefined if no endpoint has it. */
  find(values: Values): Combination<Part> | undefined {
    let branch: Branch<Part> | undefined = this.root;
    for (let level = 0; level < this.depth && branch !== undefined; level++) {
      const value: string | undefined = values[level];
      branch = value === undefined ? branch.any : branch.byValue.get(value);
    }
    return branch?.leaf;
  }

  /** An endpoint with these values is there. `visit` is called for each of its combinations, once it is counted. */
  add(values: Values, visit: (combination: Combination<Part>) => void): void {
    this.grow(this.root, values, 0, false, visit);
  }

  /** An endpoint with these values is gone. `visit` is called for each of its combinations, once it is not counted any more. */
  remove(values: Values, visit: (combination: Combination<Part>) => void): void {
    this.prune(this.root, values, 0, visit);
  }

  private grow(branch: Branch<Part>, values: Values, level: number, wanted: boolean, visit: (leaf: Combination<Part>) => void): void {
    if (level === this.depth) {
      // The one where nothing is wanted would be everybody.
      if (!wanted) return;
      branch.leaf ??= { size: 0, part: undefined };
      branch.leaf.size++;
      visit(branch.leaf);
      return;
    }
    branch.any ??= new Branch();
    this.grow(branch.any, values, level + 1, wanted, visit);
    const value = values[level];
    if (value === undefined) return;
    const child = branch.byValue.get(value) ?? new Branch();
    branch.byValue.set(value, child);
    this.grow(child, values, level + 1, true, visit);
  }

  private prune(branch: Branch<Part>, values: Values, level: number, visit: (leaf: Combination<Part>) => void): void {
    const { leaf, any } = branch;
    if (leaf !== undefined) {
      leaf.size--;
      visit(leaf);
      if (leaf.size === 0) branch.leaf = undefined;
    }
    if (any !== undefined) {
      this.prune(any, values, level + 1, visit);
      if (any.isEmpty) branch.any = undefined;
    }
    const value = values[level];
    const child = value === undefined ? undefined : branch.byValue.get(value);
    if (value === undefined || child === undefined) return;
    this.prune(child, values, level + 1, visit);
    if (child.isEmpty) branch.byValue.delete(value);
  }
}
