import type { Call } from '../../core/call.js';
import type { Endpoint } from '../../core/endpoint.js';
import type { PickableView } from '../../core/endpoint-view.js';
import { grown } from '../../core/grown.js';
import type { Picker, PickerScope } from '../../core/picker.js';
import type { KeyHasher } from '../hashing/affinity-key.js';
import { NONE, SessionTable } from './session-table.js';

/** The options of `sticky`, checked. */
export interface StickySettings {
  readonly hashKey: KeyHasher;
  readonly maxSessions: number;
  readonly idleMs: number;
  readonly returns: boolean;
}

/**
 * The picker of `sticky`. A session has a home, and while that is shut but not lost, one that stands in for it, so that
 * its requests stay together then too.
 *
 * An endpoint is known by its slot and by how many endpoints the slot has lost (its epoch). So one that leaves the list
 * takes all its sessions with it by one addition, and nothing holds on to it.
 */
export class StickyPicker implements Picker {
  readonly settle?: NonNullable<Picker['settle']>;
  readonly allows?: NonNullable<Picker['allows']>;
  private readonly sessions: SessionTable;
  private epochs = new Int32Array(16);
  private readonly stopListening: () => void;
  /** The halves of the last hash: a function cannot return two numbers without allocating. */
  private readonly hash = new Int32Array(2);

  constructor(
    private readonly settings: StickySettings,
    private readonly inner: Picker,
    scope: PickerScope,
  ) {
    this.sessions = new SessionTable(settings.maxSessions);
    if (inner.settle !== undefined) this.settle = inner.settle.bind(inner);
    if (inner.allows !== undefined) this.allows = inner.allows.bind(inner);
    this.stopListening = scope.view.listen({ removed: ({ slot }) => this.forgetSlot(slot) });
  }

  pick(view: PickableView, call: Call, nowMs: number): Endpoint | undefined {
    const { sessions, hash, settings } = this;
    if (!settings.hashKey(call, hash)) return this.inner.pick(view, call, nowMs);
    const high = hash[0] as number;
    const low = hash[1] as number;
    const entry = sessions.find(high, low);
    if (entry === NONE) return this.begin(high, low, view, call, nowMs);
    const isOver = nowMs - (sessions.usedMs[entry] as number) >= settings.idleMs;
    sessions.touch(entry, nowMs);
    if (isOver) {
      sessions.home[entry] = NONE;
      sessions.standIn[entry] = NONE;
    }
    const home = this.endpointIn(view, sessions.home[entry] as number, sessions.homeEpoch[entry] as number);
    if (home !== undefined && this.isFit(home, view, call)) return home;
    return this.elsewhere(entry, home, view, call, nowMs);
  }

  close(): void {
    this.stopListening();
    this.inner.close?.();
  }

  private begin(high: number, low: number, view: PickableView, call: Call, nowMs: number): Endpoint | undefined {
    const endpoint = this.inner.pick(view, call, nowMs);
    if (endpoint === undefined) return undefined;
    this.sessions.expire(nowMs - this.settings.idleMs);
    this.settleAt(this.sessions.insert(high, low, nowMs), endpoint);
    return endpoint;
  }

  /** For a session whose home cannot be picked, or is gone. */
  private elsewhere(entry: number, home: Endpoint | undefined, view: PickableView, call: Call, nowMs: number): Endpoint | undefined {
    const { sessions } = this;
    const comesBack = home !== undefined && (isBusy(home) || (this.settings.returns && home.position < 0));
    let endpoint = this.endpointIn(view, sessions.standIn[entry] as number, sessions.standInEpoch[entry] as number);
    if (endpoint === undefined || !this.isFit(endpoint, view, call)) endpoint = this.inner.pick(view, call, nowMs);
    if (endpoint === undefined) return undefined;
    if (comesBack) {
      sessions.standIn[entry] = endpoint.slot;
      sessions.standInEpoch[entry] = this.epochs[endpoint.slot] ?? 0;
    } else {
      this.settleAt(entry, endpoint);
    }
    return endpoint;
  }

  private settleAt(entry: number, { slot }: Endpoint): void {
    const { sessions } = this;
    sessions.home[entry] = slot;
    sessions.homeEpoch[entry] = this.epochs[slot] ?? 0;
    sessions.standIn[entry] = NONE;
  }

  /** Whether the balancer within might have chosen it. */
  private isFit(endpoint: Endpoint, view: PickableView, call: Call): boolean {
    return view.offers(endpoint) && this.allows?.(endpoint, call) !== false;
  }

  /** The endpoint that was in the slot at that epoch, if it still is. */
  private endpointIn(view: PickableView, slot: number, epoch: number): Endpoint | undefined {
    return slot !== NONE && (this.epochs[slot] ?? 0) === epoch ? view.bySlot[slot] : undefined;
  }

  private forgetSlot(slot: number): void {
    this.epochs = grown(this.epochs, slot + 1);
    this.epochs[slot] = (this.epochs[slot] as number) + 1;
  }
}

/** Shut for no other reason than that it has all the work it may have: in a moment it has room again. */
function isBusy({ shutGates, busyGates }: Endpoint): boolean {
  return shutGates > 0 && shutGates === busyGates;
}
