import type { Endpoint } from '../core/endpoint.js';
import type { PickableView } from '../core/endpoint-view.js';
import type { Balancer, Picker } from '../core/picker.js';
import type { Random } from '../core/random.js';
import { WeightedDraw } from './weighted-draw.js';

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
  private readonly weighted: WeightedDraw;

  constructor(random: Random) {
    this.weighted = new WeightedDraw(random);
  }

  pick(view: PickableView): Endpoint | undefined {
    return view.count === 0 ? undefined : view.bySlot[this.weighted.draw(view)];
  }
}
