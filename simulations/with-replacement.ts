import { CELLS, IN_FLIGHT } from '../src/core/endpoint-view.js';
import type { Balancer } from '../src/index.js';

/**
 * Least requests of two that are drawn with replacement, as Envoy and gRPC draw them: the second may be the first
 * again. Not in the library, which draws distinct ones; here to be compared with.
 */
export function leastOfTwoWithReplacement(): Balancer {
  return {
    name: 'leastOfTwoWithReplacement',
    build: ({ view, random }) => {
      const draw = (): number => view.slots[Math.floor(random.next() * view.count)] ?? -1;
      const inFlight = (slot: number): number => view.cells[slot * CELLS + IN_FLIGHT] ?? 0;
      return {
        pick() {
          const first = draw();
          const second = draw();
          return view.bySlot[inFlight(second) < inFlight(first) ? second : first];
        },
      };
    },
  };
}
