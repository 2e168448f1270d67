import type { Endpoint } from '../core/endpoint.js';
import type { EndpointView } from '../core/endpoint-view.js';
import { grown } from '../core/grown.js';
import type { Reply } from '../core/reply.js';
import type { Verdict } from '../core/verdict.js';
import type { ViewListener } from '../core/view-listeners.js';

/**
 * Finds the endpoint that answers with 4xx what the others answer well.
 *
 * A 4xx is a success of its endpoint: the request was at fault, and is at fault wherever it goes. But an endpoint that has
 * lost its credentials, or lacks a route, refuses everything, and quickly, so that balancing by latency or by what is in
 * flight sends it everything. Of the two endpoints of the simulation fast_400s_then_revert (docs/simulations/dialogue.md)
 * such a one gets 5 % of the requests, and without this rule 97 %.
 *
 * Requests at fault come to all endpoints alike. So it is the difference that tells: whose share of 4xx is half of all
 * answers above the mean of the others fails, as far as the balancer is concerned. Retries, breakers and metrics go by the
 * verdict as it was: the request may be at fault after all, and where a balancer sends each client's requests to one
 * endpoint, a client that is wrong all the time must not open the breaker that others stand behind.
 */

/** The newest answer's part in a share: it takes eleven 4xx in a row to come from none to half. */
const NEWEST = 1 / 16;
const MARGIN = 0.5;

export class ClientErrors implements ViewListener {
  /** By slot: which part of the latest answers was 4xx. */
  private shares: Float32Array = new Float32Array(4);
  /** Of all shares: one number, where changing it allocates nothing. */
  private readonly sum = new Float64Array(1);

  constructor(private readonly view: EndpointView) {
    for (const endpoint of view) this.added(endpoint);
    // For as long as there is the view: it belongs to the service, as this does.
    view.listen(this);
  }

  /** What the balancer is to think of an attempt with this verdict. */
  judge({ slot }: Endpoint, verdict: Verdict, reply: Reply | undefined): Verdict {
    if (verdict !== 'success' || reply === undefined) return verdict;
    const isError = reply.status >= 400;
    const before = this.shares[slot] as number;
    if (!isError && before === 0) return verdict;
    this.set(slot, before + ((isError ? 1 : 0) - before) * NEWEST);
    return isError && this.standsOut(slot) ? 'failure' : verdict;
  }

  added({ slot }: Endpoint): void {
    this.shares = grown(this.shares, slot + 1);
  }

  removed({ slot }: Endpoint): void {
    this.set(slot, 0);
  }

  private set(slot: number, share: number): void {
    const { shares, sum } = this;
    const before = shares[slot] as number;
    shares[slot] = share;
    sum[0] = (sum[0] as number) + (shares[slot] as number) - before;
  }

  private standsOut(slot: number): boolean {
    const { size } = this.view;
    const share = this.shares[slot] as number;
    return size > 1 && share - ((this.sum[0] as number) - share) / (size - 1) > MARGIN;
  }
}
