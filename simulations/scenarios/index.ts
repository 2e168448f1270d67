import type { Scenario } from '../scenario.js';
import { dialogue } from './dialogue.js';
import { dilution } from './dilution.js';
import { doubtfulReports } from './doubtful-reports.js';
import { halfSlow } from './half-slow.js';
import { oneSlowOfEleven, twoSlowOfEleven } from './one-slow-of-eleven.js';
import { reportPools } from './report-pools.js';
import { scale } from './scale.js';
import { smallSets } from './small-sets.js';
import { subsets } from './subsets.js';
import { theory } from './theory.js';

/** In the order in which they are simulated. */
export const SCENARIOS: readonly Scenario[] = [
  theory,
  smallSets,
  dilution,
  reportPools,
  halfSlow,
  subsets,
  doubtfulReports,
  dialogue,
  oneSlowOfEleven,
  twoSlowOfEleven,
  scale,
];
