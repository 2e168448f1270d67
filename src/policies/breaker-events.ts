import type { ServiceScope } from '../core/policy.js';
import type { BreakerPhase } from './breaker-state.js';

/** Tells listeners that a breaker changed. `endpoint` is undefined for the breaker of a whole service. */
export function announceBreaker({ events, service }: ServiceScope, endpoint: string | undefined, phase: BreakerPhase, forMs: number): void {
  if (phase === 'open') {
    if (events.has('breakerOpened')) events.emit('breakerOpened', { service, endpoint, forMs });
  } else if (phase === 'halfOpen') {
    if (events.has('breakerHalfOpened')) events.emit('breakerHalfOpened', { service, endpoint });
  } else if (events.has('breakerClosed')) {
    events.emit('breakerClosed', { service, endpoint });
  }
}
