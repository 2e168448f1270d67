import { announceCases } from './conformance/announce-cases.js';
import { listCases } from './conformance/list-cases.js';
import type { ConformanceCase, ConformanceSubject } from './conformance/subject.js';
import { Trial } from './conformance/trial.js';
import { watchCases } from './conformance/watch-cases.js';

/**
 * What every source of endpoints must do, as cases that any test runner can run: fetchmesh holds its own sources against
 * them, and yours can be. Cases that the source cannot be asked by its traits are left out. Each makes sources and
 * services of its own, and cleans up after itself; they may run one after the other or side by side, but for the two
 * that look for what is left open, which only see their own source as well.
 *
 * @example
 * for (const { name, run } of discoveryConformance(subject)) test(name, run);
 */
export function discoveryConformance(subject: ConformanceSubject): readonly ConformanceCase[] {
  const has = { broken: subject.putBroken !== undefined };
  return [...listCases, ...watchCases, ...announceCases]
    .filter(({ fits }) => fits === undefined || fits(subject.traits, has))
    .map(({ name, run }) => ({
      name,
      async run() {
        const trial = new Trial(subject);
        try {
          await run(trial);
          trial.noFaults();
        } finally {
          await trial.end();
        }
      },
    }));
}
