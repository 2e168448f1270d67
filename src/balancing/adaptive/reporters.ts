import type { PickableView } from '../../core/endpoint-view.js';
import { grown } from '../../core/grown.js';

/**
 * Which endpoints report their load. Picking by reports would starve those that are silent, so it needs the reports of
 * all that can be picked: one that answers without is enough to do without reports. One that has not answered yet is no
 * obstacle.
 */

const UNKNOWN = 0;
/** Then the number of answers in a row that may come without a report from one that has reported: some of a server's answers never have one. */
const PATIENCE = 8;
const SILENT = PATIENCE + 1;

export class Reporters {
  /** Whether no endpoint that can be picked is known to be silent. */
  allReport = true;
  private states: Uint8Array = new Uint8Array(4);

  /** Another endpoint is in `slot`. */
  clear(slot: number): void {
    this.states = grown(this.states, slot + 1);
    this.states[slot] = UNKNOWN;
  }

  /** The endpoint in `slot` answered, with a report or without. */
  heard(slot: number, reports: boolean): void {
    const { states } = this;
    const state = states[slot] as number;
    if (reports) states[slot] = PATIENCE;
    else if (state > 1 && state !== SILENT) states[slot] = state - 1;
    else {
      states[slot] = SILENT;
      this.allReport = false;
    }
  }

  /** Works out anew whether all report, in time proportional to the number of endpoints. */
  review({ slots, count }: PickableView): void {
    let allReport = true;
    for (let place = 0; allReport && place < count; place++) allReport = this.states[slots[place] as number] !== SILENT;
    this.allReport = allReport;
  }
}
