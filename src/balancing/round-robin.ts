import type { Call } from '../core/call.js';
import type { Endpoint } from '../core/endpoint.js';
import type { PickableView } from '../core/endpoint-view.js';
import type { Balancer, Picker } from '../core/picker.js';
import type { Random } from '../core/random.js';
import { StrideScheduler } from './stride-scheduler.js';

/**
 * One endpoint after the other, from a random start, so that a thousand clients that start at once do not all
 * begin with the same endpoint.
 *
 * With weights it is a static stride scheduler (gRFC A58): the rounds go on as before, and an endpoint sits out of all
 * those but its share, the heaviest of none. Nothing has to be rebuilt or remembered per endpoint. A pick looks at
 * heaviest / mean weight endpoints on average, however many there are.
 *
 * @example
 * createMesh({ discovery, services: { renderers: { balancer: roundRobin() } } });
 */
export function roundRobin(): Balancer {
  return { name: 'roundRobin', build: (scope) => new RoundRobinPicker(scope.random) };
}

class RoundRobinPicker implements Picker {
  private readonly scheduler: StrideScheduler;

  constructor(random: Random) {
    this.scheduler = new StrideScheduler(random);
  }

  pick(view: PickableView, _call: Call, _nowMs: number): Endpoint | undefined {
    if (view.count === 0) return undefined;
    return view.bySlot[view.uniform ? this.scheduler.following(view) : this.scheduler.next(view, view.weights)];
  }
}
