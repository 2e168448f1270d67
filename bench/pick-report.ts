import type { BalancerResult } from './pick.js';
import { table } from './table.js';

/** The pick benchmark's part of the page. */

export function pickLines(results: readonly BalancerResult[]): string[] {
  const sizes = [...new Set(results.flatMap(({ picks }) => picks.map(({ endpoints }) => endpoints)))];
  const rows = (half: boolean) =>
    results.map(({ balancer, picks }) => [
      balancer,
      ...sizes.map((size) => {
        const found = picks.find(({ endpoints, shut }) => endpoints === size && shut > 0 === half);
        return found === undefined ? '' : `${found.nsPerPick.toFixed(0)} (${found.ratioToInlined.toFixed(1)})`;
      }),
    ]);
  const header = ['', ...sizes.map((size) => size.toLocaleString('en'))];
  return [
    '### Picks',
    '',
    'Nanoseconds a pick by number of endpoints and, in brackets, as a multiple of a random pick that is written out in the loop.',
    '',
    ...table(header, rows(false)),
    'With half of the endpoints shut:',
    '',
    ...table(header, rows(true)),
    ...upkeepLines(results),
  ];
}

function upkeepLines(results: readonly BalancerResult[]): string[] {
  const rows = results.map(({ balancer, upkeep, bytesPerPick }) => [
    balancer,
    significant(upkeep.changeUs),
    significant(upkeep.shutUs),
    significant(upkeep.afterSecondUs),
    upkeep.pickAndSettleNs.toFixed(0),
    Math.abs(bytesPerPick).toFixed(1),
    significant(upkeep.buildMs),
    significant(upkeep.bytes / 1_024),
  ]);
  return [
    `With ${results[0]?.upkeep.endpoints.toLocaleString('en')} endpoints: what one that joins or leaves, and one that is shut or opened, costs with the pick after it, in microseconds; the first pick after a second; a pick and the answer to it with its report, in nanoseconds; the garbage of a pick, without the 16 bytes that each number of Math.random takes; making the picker, and what it holds besides the list.`,
    '',
    ...table(['', 'Change µs', 'Shut µs', 'After 1 s µs', 'Pick and answer ns', 'Bytes/pick', 'Build ms', 'Held KiB'], rows),
  ];
}

/** Three digits, and no more than are there. */
function significant(value: number): string {
  return value >= 100 ? value.toFixed(0) : String(Number(value.toPrecision(3)));
}
