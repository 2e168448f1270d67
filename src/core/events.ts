import { EventEmitter as Emitter } from 'eventemitter3';
import type { AttemptRecord } from './call.js';

/** What a mesh tells those who listen, by event name. Times are milliseconds of the mesh's clock. */
export interface MeshEvents {
  /** A source named a new endpoint. */
  endpointAdded: { service: string; endpoint: string };
  /** A source named an endpoint no longer. It finishes what it has in flight. */
  endpointRemoved: { service: string; endpoint: string };
  /** An endpoint is thought unfit and gets no requests. */
  endpointEjected: { service: string; endpoint: string; forMs: number | undefined };
  /** An unfit endpoint gets requests again. */
  endpointRecovered: { service: string; endpoint: string };
  /** A breaker opened, for about `forMs`. `endpoint` is undefined for the breaker of a whole service. */
  breakerOpened: { service: string; endpoint: string | undefined; forMs: number };
  /** A breaker lets trials through. */
  breakerHalfOpened: { service: string; endpoint: string | undefined };
  /** A breaker's trials succeeded. */
  breakerClosed: { service: string; endpoint: string | undefined };
  /** An attempt failed, and another one follows after `delayMs`. */
  retry: { service: string; method: string; path: string; attempt: number; delayMs: number; failed: AttemptRecord };
  /** An attempt failed and would have been repeated, had the budget allowed it. */
  retryBudgetExhausted: { service: string; method: string; path: string; failed: AttemptRecord };
  /** A source could not be asked, or answered nonsense. The last list goes on serving. */
  registryFailed: { service: string; source: string; error: unknown; staleForMs: number | undefined };
  /** A source that had failed answers again. */
  registryRecovered: { service: string; source: string; afterMs: number };
  /** A list that looked like a mistake is not believed for the time being. */
  listHeld: { service: string; from: number; to: number; forMs: number };
  /** A source has given no list yet; one that it gave before, `ageMs` ago, serves meanwhile. */
  listRestored: { service: string; source: string; endpoints: number; ageMs: number };
  /** The file with the last good lists could not be read, and is not used, or could not be written. Once until it can. */
  snapshotFailed: { path: string; operation: 'read' | 'write'; error: unknown };
  /** Requests go to the instances of another member of a composite source. `from` is undefined for the first. */
  sourceSwitched: { service: string; source: string; from: string | undefined; to: string };
  /** A registry's entry was left out, since nothing can be sent to it. */
  instanceSkipped: { service: string; source: string; entry: string; reason: string };
  /** An announced instance may drop out of its registry, or did. It goes on trying. */
  announcementFailed: { service: string; instance: string; error: unknown };
  /** An announced instance whose announcement had failed is in its registry again. */
  announcementRecovered: { service: string; instance: string };
}

/** A name of an event. */
export type MeshEventName = keyof MeshEvents;

/** Hears one kind of event. */
export type MeshListener<Name extends MeshEventName> = (event: MeshEvents[Name]) => void;

/**
 * Typed events. A listener that throws is reported once, as a process warning, and neither stops the other
 * listeners nor reaches the request that the event is about.
 */
export class EventEmitter {
  private readonly emitter = new Emitter();
  /** What stands for a listener in the emitter, by event name: one function may listen to several. */
  private readonly guarded = new Map<MeshEventName, WeakMap<object, (event: unknown) => void>>();

  /** Whether anybody listens: ask before an event object is made. */
  has(name: MeshEventName): boolean {
    return this.emitter.listenerCount(name) > 0;
  }

  /** Tells everybody who listens. */
  emit<Name extends MeshEventName>(name: Name, event: MeshEvents[Name]): void {
    this.emitter.emit(name, event);
  }

  /** Hears every event of that name from now on. @throws TypeError for a listener that is no function. */
  on<Name extends MeshEventName>(name: Name, listener: MeshListener<Name>): void {
    this.emitter.on(name, this.guard(name, listener));
  }

  /** Ends what `on` began with the same listener. */
  off<Name extends MeshEventName>(name: Name, listener: MeshListener<Name>): void {
    const guarded = this.guarded.get(name)?.get(listener);
    if (guarded !== undefined) this.emitter.off(name, guarded);
  }

  private guard<Name extends MeshEventName>(name: Name, listener: MeshListener<Name>): (event: MeshEvents[Name]) => void {
    if (typeof listener !== 'function') throw new TypeError(`a listener for '${name}' must be a function, got ${typeof listener}`);
    let ofName = this.guarded.get(name);
    if (ofName === undefined) {
      ofName = new WeakMap();
      this.guarded.set(name, ofName);
    }
    const known = ofName.get(listener);
    if (known !== undefined) return known;
    const guarded = (event: MeshEvents[Name]): void => {
      try {
        // A listener may well be an async function, whose rejection would otherwise end the process.
        const result: unknown = listener(event);
        if (result instanceof Promise) result.catch(report);
      } catch (error) {
        report(error);
      }
    };
    const report = (error: unknown) => reportFaultOnce(guarded, `a listener for '${name}'`, error);
    ofName.set(listener, guarded as (event: unknown) => void);
    return guarded;
  }
}

/** Reports that code of the user's threw where nobody can catch it. */
export function reportFault(where: string, error: unknown): void {
  const detail = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.emitWarning(`${where} threw: ${detail}`, { type: 'FetchmeshWarning', code: 'FETCHMESH_FAULT' });
}

const reported = new WeakSet<object>();

/** The same for code that runs with every request: only the first fault of each `culprit` is worth a warning. */
export function reportFaultOnce(culprit: object, where: string, error: unknown): void {
  if (reported.has(culprit)) return;
  reported.add(culprit);
  reportFault(where, error);
}
