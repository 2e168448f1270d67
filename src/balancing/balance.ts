import type { Call } from '../core/call.js';
import { type Continuation, extendable, rejected, sendSafely } from '../core/continuation.js';
import type { Endpoint } from '../core/endpoint.js';
import type { EndpointView } from '../core/endpoint-view.js';
import { MeshError } from '../core/errors.js';
import { reportFaultOnce } from '../core/events.js';
import type { Ending } from '../core/gate.js';
import type { Picker } from '../core/picker.js';
import type { Send, ServiceScope } from '../core/policy.js';
import type { Reply } from '../core/reply.js';
import type { Classifier, Outcome, Verdict } from '../core/verdict.js';
import { ClientErrors } from './client-errors.js';
import { retryAfterOf } from './retry-after.js';
import { verdictOf } from './verdicts.js';

/**
 * The line between what belongs to a service and what belongs to an endpoint: picks an endpoint for each
 * attempt, counts the attempt in, and tells the endpoint's gates and the load measure how it ended.
 *
 * An attempt has three moments. It begins in the same tick as the pick, so that no two attempts see the same
 * free place. It is settled once, with its verdict, at the reply's headers or at a failure before them. It is
 * released when nothing of it is left, at the end of the body. Everything after the pick runs in promise
 * reactions, because those run in the async context of their own call, and the wire's callbacks do not.
 */

/** The list of a service's endpoints, as far as balancing needs to know it. */
export interface Roster {
  readonly view: EndpointView;
  /** The endpoint with this id or address. */
  find(idOrUrl: string): Endpoint | undefined;
}

export interface BalanceOptions {
  readonly roster: Roster;
  readonly picker: Picker;
  readonly classify: Classifier | undefined;
  /** Builds an endpoint's own stack, at its first use. */
  build(endpoint: Endpoint): Send;
}

export function balance(options: BalanceOptions, scope: ServiceScope): Send {
  const { roster, picker, classify } = options;
  const { view } = roster;
  const { clock, random, service } = scope;
  const clientErrors = new ClientErrors(view);

  const send = (call: Call, after: Continuation): Promise<Reply> => {
    if (call.cancelled) return rejected(call, call.cancelReason, after);
    const nowMs = clock.now();
    call.nowMs = nowMs;
    const endpoint = call.pinned === undefined ? pick(call, nowMs) : roster.find(call.pinned);
    if (endpoint === undefined) return rejected(call, nothingToPick(call, nowMs), after);
    begin(endpoint, call, nowMs);
    return sendSafely(endpoint.send as Send, call).then(
      (reply) => {
        settle(endpoint, call, { reply }, nowMs);
        if (reply.ending !== undefined) release(endpoint, call, reply.ending);
        else new Promise<Ending>((resolve) => reply.onEnd(resolve)).then((ending) => release(endpoint, call, ending));
        return after.replied(call, reply);
      },
      (error) => {
        settle(endpoint, call, { error }, nowMs);
        release(endpoint, call, call.cancelled ? 'cancelled' : 'failed');
        return after.failed(call, error);
      },
    );
  };

  function pick(call: Call, nowMs: number): Endpoint | undefined {
    const endpoint = picker.pick(view, call, nowMs);
    const past = call.past;
    if (past === undefined || endpoint === undefined) return endpoint;
    if (!past.tried.includes(endpoint) && endpoint.retryAfterMs <= nowMs) return endpoint;
    return elsewhere(past.tried, call, nowMs) ?? endpoint;
  }

  /**
   * For a retry, an endpoint that was not tried before and has not asked to be left alone; failing that, one
   * that has not asked. Starts anywhere, so that retries spread.
   */
  function elsewhere(tried: readonly Endpoint[], call: Call, nowMs: number): Endpoint | undefined {
    const { count } = view;
    const start = Math.floor(random.next() * count);
    let again: Endpoint | undefined;
    for (let i = 0; i < count; i++) {
      const endpoint = view.bySlot[view.slots[(start + i) % count] as number] as Endpoint;
      if (endpoint.retryAfterMs > nowMs || picker.allows?.(endpoint, call) === false) continue;
      if (!tried.includes(endpoint)) return endpoint;
      again ??= endpoint;
    }
    return again;
  }

  function begin(endpoint: Endpoint, call: Call, nowMs: number): void {
    call.endpoint = endpoint;
    endpoint.requests++;
    endpoint.lastUsedMs = nowMs;
    if (endpoint.send === undefined) {
      try {
        endpoint.send = options.build(endpoint);
      } catch (error) {
        endpoint.send = () => Promise.reject(error);
      }
    }
    view.track(endpoint, 1);
    view.owe(endpoint, 1, nowMs);
    const { gates } = endpoint;
    if (gates === undefined) return;
    for (const gate of gates) {
      try {
        gate.begin?.(call, nowMs);
      } catch (error) {
        reportFaultOnce(gate, `a gate of ${service}`, error);
      }
    }
  }

  function settle(endpoint: Endpoint, call: Call, outcome: Outcome, startedMs: number): void {
    const { reply } = outcome;
    const answered = reply !== undefined && call.progress === 'answered';
    const nowMs = answered ? call.sentMs + call.latencyMs : clock.now();
    if (!answered) call.latencyMs = nowMs - (call.progress === 'unsent' ? startedMs : call.sentMs);
    call.nowMs = nowMs;
    const { latencyMs } = call;
    if (reply !== undefined && (reply.status === 503 || reply.status === 429)) bindRetryAfter(endpoint, reply, nowMs);
    const verdict = verdictOf(outcome, call, classify);
    call.verdict = verdict;
    view.owe(endpoint, -1, nowMs);
    count(endpoint, verdict, latencyMs);
    if (picker.settle !== undefined && endpoint.slot >= 0) learn(endpoint, verdict, call, nowMs, reply);
    const { gates } = endpoint;
    if (gates === undefined) return;
    for (const gate of gates) {
      try {
        gate.settle?.(verdict, latencyMs, call, nowMs);
      } catch (error) {
        reportFaultOnce(gate, `a gate of ${service}`, error);
      }
    }
  }

  function learn(endpoint: Endpoint, verdict: Verdict, call: Call, nowMs: number, reply: Reply | undefined): void {
    // Who pins a call has chosen the endpoint for it: if that is at fault, the others never see it.
    const judged = call.pinned === undefined ? clientErrors.judge(endpoint, verdict, reply) : verdict;
    try {
      picker.settle?.(endpoint, judged, call.latencyMs, call, nowMs, reply);
    } catch (error) {
      reportFaultOnce(picker, `the balancer of ${service}`, error);
    }
  }

  function release(endpoint: Endpoint, call: Call, ending: Ending): void {
    view.track(endpoint, -1);
    // Its headers were a success, and then it did not keep its word.
    if (ending === 'failed' && call.verdict === 'success') endpoint.failures++;
    const { gates } = endpoint;
    if (gates !== undefined) {
      for (const gate of gates) {
        try {
          gate.release?.(ending, call);
        } catch (error) {
          reportFaultOnce(gate, `a gate of ${service}`, error);
        }
      }
    }
    if (endpoint.inFlight === 0) endpoint.onIdle?.();
  }

  function count(endpoint: Endpoint, verdict: Verdict, latencyMs: number): void {
    if (verdict === 'ignored') return;
    if (verdict !== 'success') endpoint.failures++;
    if (endpoint.slot >= 0) view.latencies.record(endpoint.slot, latencyMs);
  }

  /** A 503 speaks for its endpoint, a 429 for the service: its limit is about the caller, wherever it asks. */
  function bindRetryAfter(endpoint: Endpoint, reply: Reply, nowMs: number): void {
    const waitMs = retryAfterOf(reply, clock);
    if (waitMs === 0) return;
    if (reply.status === 503) endpoint.retryAfterMs = Math.max(endpoint.retryAfterMs, nowMs + waitMs);
    else view.retryAfterMs = Math.max(view.retryAfterMs, nowMs + waitMs);
  }

  function nothingToPick(call: Call, nowMs: number): MeshError {
    if (call.pinned !== undefined) {
      return new MeshError(
        'ERR_MESH_NO_ENDPOINT',
        `has no endpoint '${call.pinned}', which this call asks for by its option mesh.endpoint`,
        { service },
      );
    }
    if (view.size === 0) return new MeshError('ERR_MESH_NO_ENDPOINT', 'the service has no endpoints at present', { service });
    const reopensMs = view.reopensAtMs();
    const retryAfterMs = reopensMs === undefined ? undefined : Math.max(0, reopensMs - nowMs);
    const broken = view.size - view.busy;
    const message = `none of ${view.size} endpoints can take a request: ${broken} unfit, ${view.busy} busy`;
    return new MeshError('ERR_MESH_UNAVAILABLE', message, { service, retryAfterMs });
  }

  return extendable((after) => (call) => send(call, after));
}
