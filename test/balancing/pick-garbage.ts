import { aCall, pickerFor, settled, weightedView } from './endpoints.js';
import { everyBalancer } from './every-balancer.js';
import { bytesLeftBy } from './garbage.js';

/**
 * Prints how many bytes a pick of the balancer of this name leaves on the heap. In a process of its own, since the engine
 * makes one code for all that it has seen: among many balancers it inlines less, and what it does not inline it may hand
 * over as numbers on the heap.
 */
const make = everyBalancer[process.argv[2] ?? ''];
if (make === undefined) throw new Error(`there is no balancer '${process.argv[2]}'`);
const { view, endpoints } = weightedView(Array.from({ length: 20 }, () => 1));
const picker = pickerFor(make(), view, { next: () => 0.37 });
for (const endpoint of endpoints) settled(picker, endpoint, 'success', 5, 1);
process.stdout.write(String(bytesLeftBy(() => picker.pick(view, aCall, 100))));
