import type { Discovery } from '../../../src/index.js';

/** How a process makes a source: what another one can send it. */
export interface SourceRecipe {
  /** The URL of the module. */
  readonly module: string;
  /** The name of the function that it exports. */
  readonly make: string;
  /** What the function is called with, as JSON can have it. */
  readonly options: unknown;
}

/** Follows a recipe. */
export async function sourceOf({ module, make, options }: SourceRecipe): Promise<Discovery> {
  const exported = (await import(module)) as Record<string, (options: unknown) => Discovery>;
  const found = exported[make];
  if (found === undefined) throw new Error(`${module} exports no ${make}`);
  return found(options);
}
