import type { Clock, Timer } from './core/clock.js';

/**
 * The clock that everything within a mesh is given: the user's, with two differences.
 *
 * While a call walks down the stack, which happens within one tick, the clock stands still: the policies, the
 * balancer and the transport each ask for the time, and a reading costs as much as a policy. And its timers
 * belong to the mesh: one that was set in a call must not keep that call's async context alive.
 */
export class MeshClock implements Clock {
  private heldMs = NOT_HELD;

  constructor(
    private readonly clock: Clock,
    private readonly inMeshContext: <T>(work: () => T) => T,
  ) {}

  now(): number {
    return this.heldMs === NOT_HELD ? this.clock.now() : this.heldMs;
  }

  wallTime(): number {
    return this.clock.wallTime();
  }

  setTimer(callback: () => void, delayMs: number): Timer {
    return this.inMeshContext(() => this.clock.setTimer(callback, delayMs));
  }

  /** Stops the clock at its next reading, which is now. Whoever holds it lets go within the same tick. */
  hold(): number {
    this.heldMs = this.clock.now();
    return this.heldMs;
  }

  /** Lets the clock go on. A call made within a call lets go for both: the outer one then reads anew. */
  letGo(): void {
    this.heldMs = NOT_HELD;
  }
}

const NOT_HELD = -1;
