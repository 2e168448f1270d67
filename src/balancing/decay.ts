/**
 * Exponential forgetting, cheap enough for a pick: a value of some age is divided by about e^age.
 *
 * e^x is (e^(x/8))^8, and for the inner power four terms of the series are enough. A few multiplications thus
 * stand in for Math.exp, which would cost more than the rest of a pick; they are grouped so that most of them do
 * not wait for one another. The quotient is too large by x^4/12288 of itself: 0.01 % after one lifetime, 2 % after
 * four, when 1.8 % is left of the value. From there on it falls more slowly than e^-x but keeps falling, and
 * reaches 0 within no uptime, so that what was long forgotten still differs from what was never known.
 *
 * Only values that are read and dropped decay this way. A value that is stored again goes through Math.exp, so
 * that errors do not add up.
 */

/** About e^age, for an eighth of the age in mean lifetimes. */
export function growthOf(eighth: number): number {
  const root = 1 + eighth + eighth * eighth * (0.5 + eighth * (1 / 6));
  const square = root * root;
  const fourth = square * square;
  return fourth * fourth;
}
