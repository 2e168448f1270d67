/** What JSON and the text form have in common: digits, a point, an exponent. No sign, since no load is below 0. */
const DECIMAL = /^(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i;

const ZERO = 48;
const POINT = 46;
/** So many digits make a whole number that a double holds exactly, and so many places a power of ten that it does. */
const MOST_DIGITS = 15;
const POWERS = Array.from({ length: MOST_DIGITS + 1 }, (_, exponent) => 10 ** exponent);

/**
 * The number that `text` spells out, or NaN. Stricter than `Number`, which reads '' as 0 and '0x10' as 16.
 *
 * A report with every answer has half a dozen numbers, nearly all of a few digits. Those are read digit by digit, which
 * takes a third of the time: the quotient of two exact numbers is the closest double, which is what `Number` finds.
 */
export function decimalOf(text: string): number {
  const { length } = text;
  if (length === 0 || length > MOST_DIGITS) return slowly(text);
  let digits = 0;
  let point = -1;
  for (let at = 0; at < length; at++) {
    const code = text.charCodeAt(at);
    if (code >= ZERO && code < ZERO + 10) digits = digits * 10 + code - ZERO;
    else if (code === POINT && point < 0 && length > 1) point = at;
    else return slowly(text);
  }
  return point < 0 ? digits : digits / (POWERS[length - 1 - point] as number);
}

function slowly(text: string): number {
  return DECIMAL.test(text) ? Number(text) : Number.NaN;
}
