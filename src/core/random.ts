/**
 * Chance comes in through this door alone, so that a seeded source makes a whole run repeatable. The
 * linter forbids `Math.random` everywhere else.
 */

/** A source of chance. */
export interface Random {
  /** The next number, at least 0 and less than 1, evenly spread. */
  next(): number;
}

/** The engine's own generator. */
export const systemRandom: Random = { next: Math.random };
