import type { GateFactory } from '../core/gate.js';

/** The gate that is shut while an endpoint has as many requests in flight as it may have connections. */
export function connectionLimit(max: number): GateFactory {
  return (shutter, { endpoint }) => ({
    begin() {
      if (endpoint.inFlight >= max) shutter.shut('busy');
    },
    release() {
      if (endpoint.inFlight < max) shutter.open();
    },
  });
}
