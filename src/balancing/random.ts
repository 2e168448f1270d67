import type { Endpoint } from '../core/endpoint.js';
import type { PickableView } from '../core/endpoint-view.js';
import type { Balancer, Picker } from '../core/picker.js';
import type { Random } from '../core/random.js';
import { drawByWeight } from './draw-by-weight.js';

/**
 * Any endpoint, in proportion to the weights. It knows nothing of load: its use is as a baseline, and where
 * each request must be independent of all others (sampling, experiments).
 *
 * @example
 * createMesh({ discovery, services: { samples: { balancer: random() } } });
 */
export function random(): Balancer {
  return { name: 'random', build: (scope) => new RandomPicker(scope.random) };
}

class RandomPicker implements Picker {
  constructor(private readonly random: Random) {}

  pick(view: PickableView): Endpoint | undefined {
    if (view.count === 0) return undefined;
    const place = view.uniform ? (this.random.next() * view.count) | 0 : drawByWeight(view, this.random);
    return view.bySlot[view.slots[place] as number];
  }
}
