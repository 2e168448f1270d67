import type { Balancer, Picker, PickerScope } from '../../core/picker.js';
import type { Combination } from './combinations.js';
import { PriorityView } from './priority-view.js';

/** The endpoints that have some values in common, and what picks among them. */
export class MetadataPart {
  readonly view: PriorityView;
  /** A count of uses: the larger, the later. */
  lastUse = 0;
  private built: Picker | undefined = undefined;

  constructor(
    readonly combination: Combination<MetadataPart>,
    private readonly inner: Balancer,
    private readonly scope: PickerScope,
  ) {
    this.view = new PriorityView(scope.view);
  }

  get picker(): Picker {
    if (this.built === undefined) this.built = this.inner.build({ ...this.scope, view: this.view });
    return this.built;
  }

  close(): void {
    this.built?.close?.();
    this.built = undefined;
  }
}
