import type { Call } from '../src/core/call.js';
import type { EndpointView } from '../src/core/endpoint-view.js';
import type { Picker } from '../src/core/picker.js';

/**
 * The loops that time a pick. pick.ts loads this module anew for every picker: the engine specialises a call for
 * what it has seen there, and a loop that has seen six pickers would time its own indecision.
 *
 * Each pick's endpoint is read, as a real call would read it, and what was read is returned, so that nothing can
 * be left out.
 */

export interface Timed {
  readonly nsPerPick: number;
  readonly checksum: number;
}

export type PickLoop = (view: EndpointView, call: Call, picks: number) => Timed;

/** Times `picker`. */
export function loopOf(picker: Picker): PickLoop {
  return (view, call, picks) => {
    let nowMs = 1_000;
    let checksum = 0;
    const startNs = process.hrtime.bigint();
    for (let i = 0; i < picks; i++) {
      nowMs += 0.01;
      checksum += picker.pick(view, call, nowMs)?.requests ?? 0;
    }
    return { nsPerPick: Number(process.hrtime.bigint() - startNs) / picks, checksum };
  };
}

/** The yardstick: a random pick with nothing around it. */
export function inlinedRandomPick(view: EndpointView, _call: Call, picks: number): Timed {
  const { slots, bySlot, count } = view;
  let checksum = 0;
  const startNs = process.hrtime.bigint();
  for (let i = 0; i < picks; i++) {
    checksum += bySlot[slots[(Math.random() * count) | 0] as number]?.requests ?? 0;
  }
  return { nsPerPick: Number(process.hrtime.bigint() - startNs) / picks, checksum };
}
