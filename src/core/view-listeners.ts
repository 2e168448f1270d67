import type { Endpoint, Instance } from './endpoint.js';
import { reportFaultOnce } from './events.js';

/**
 * Who follows the list, one endpoint at a time, so that one change costs work for one: a queue that waits for room, a
 * balancer with a table of its own. What a listener throws is reported and breaks nothing.
 */
export interface ViewListener {
  /** An endpoint joined the list, pickable or not. */
  added?(endpoint: Endpoint): void;
  /** An endpoint left the list. It still has the slot that it is about to lose. */
  removed?(endpoint: Endpoint): void;
  /** The registry says something new of an endpoint: its weight, priority, zone or metadata. `before` is what it said until now. */
  changed?(endpoint: Endpoint, before: Instance): void;
  /** An endpoint can be picked, as one that was added or that was shut until now. */
  opened?(endpoint: Endpoint): void;
  /** An endpoint cannot be picked for now, or any more. */
  shut?(endpoint: Endpoint): void;
  /** An attempt on an endpoint of the list began (+1) or is over (-1). Must not throw: this is on the way of every request. */
  tracked?(endpoint: Endpoint, change: 1 | -1): void;
}

/** Those who follow a view. */
export class ViewListeners {
  private readonly all = new Set<ViewListener>();
  /** Those of them that want to hear of attempts. */
  private trackers: readonly ViewListener[] = [];

  /** Tells `listener` of every change from now on; returns how to stop that. */
  add(listener: ViewListener): () => void {
    this.all.add(listener);
    if (listener.tracked !== undefined) this.trackers = [...this.trackers, listener];
    return () => {
      this.all.delete(listener);
      this.trackers = this.trackers.filter((each) => each !== listener);
    };
  }

  tell(what: Exclude<keyof ViewListener, 'tracked'>, endpoint: Endpoint, before = endpoint.instance): void {
    for (const listener of this.all) {
      try {
        listener[what]?.(endpoint, before);
      } catch (error) {
        reportFaultOnce(listener, 'a listener of the endpoints', error);
      }
    }
  }

  /** An attempt began or is over. */
  track(endpoint: Endpoint, change: 1 | -1): void {
    const { trackers } = this;
    for (let index = 0; index < trackers.length; index++) trackers[index]?.tracked?.(endpoint, change);
  }
}
