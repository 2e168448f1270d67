import { systemClock } from '../../core/clock.js';
import type { DiscoveryHost } from '../../core/discovery.js';
import { systemRandom } from '../../core/random.js';

/** What a mesh gives its source, with real time and chance, where nobody listens to what is reported. */
export const realHost: DiscoveryHost = {
  clock: systemClock,
  random: systemRandom,
  skipped() {},
  announcementFailed() {},
  announced() {},
};

/** How often a condition is looked at. */
const LOOK_MS = 5;

/** Resolves once something holds. Rejects, with what it was and how things stand, when it does not within `withinMs`. */
export async function eventually(holds: () => boolean, what: string, withinMs: number, standing: () => unknown = () => ''): Promise<void> {
  const untilMs = systemClock.now() + withinMs;
  while (!holds()) {
    if (systemClock.now() > untilMs) throw new Error(`${what} within ${withinMs} ms: not so. ${JSON.stringify(standing())}`);
    await pause(LOOK_MS);
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => systemClock.setTimer(resolve, ms));
}
