import type { Endpoint } from '../core/endpoint.js';
import type { Gate, GateFactory, Shutter } from '../core/gate.js';

/** The gate that is shut while an endpoint has as many requests in flight as it may have connections. */
export function connectionLimit(max: number): GateFactory {
  return (shutter, { endpoint }) => new ConnectionLimit(shutter, endpoint, max);
}

class ConnectionLimit implements Gate {
  constructor(
    private readonly shutter: Shutter,
    private readonly endpoint: Endpoint,
    private readonly max: number,
  ) {}

  begin(): void {
    if (this.endpoint.inFlight >= this.max) this.shutter.shut('busy');
  }

  release(): void {
    if (this.endpoint.inFlight < this.max) this.shutter.open();
  }
}
