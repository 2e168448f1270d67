import type { MemberReports } from './core/discovery.js';
import type { EventEmitter } from './core/events.js';

/** Makes events of what a source that is made of sources tells of a single one. `source` is the whole. */
export function memberReports(source: string, events: EventEmitter): MemberReports {
  return {
    failed(service, member, error, staleForMs) {
      if (events.has('registryFailed')) events.emit('registryFailed', { service, source: member, error, staleForMs });
    },
    recovered(service, member, afterMs) {
      if (events.has('registryRecovered')) events.emit('registryRecovered', { service, source: member, afterMs });
    },
    held(service, from, to, forMs) {
      if (events.has('listHeld')) events.emit('listHeld', { service, from, to, forMs });
    },
    switched(service, from, to) {
      if (events.has('sourceSwitched')) events.emit('sourceSwitched', { service, source, from, to });
    },
  };
}
