import type { ReceivedRequest, SimulatedEndpointOptions } from '../src/testing/simulation/index.js';

/** How a server answers for a while: as many at a time as come, each after a time of its own. */
export interface Phase {
  /** Until when it holds for requests that come; default: for ever. */
  readonly untilMs?: number;
  /** Of which path; default: of all. Where several phases fit, the first one counts. */
  readonly path?: string;
  /** What it answers. Default 200. */
  readonly status?: number;
  /** How long an answer takes. */
  readonly ms: number;
  /** With how many requests that time doubles, evenly from none on; with more, it is five times as long. Default: never. */
  readonly doublesAt?: number;
  /** With more requests than `count` at its end, a request is answered with `status` in place of 200. Default: never. */
  readonly errorsAbove?: { readonly count: number; readonly status: number };
}

/** A server that goes through phases. */
export function phased(name: string, ...phases: readonly Phase[]): SimulatedEndpointOptions {
  const phaseOf = (path: string, atMs: number): Phase => {
    const phase = phases.find((each) => atMs < (each.untilMs ?? Number.POSITIVE_INFINITY) && (each.path ?? path) === path);
    if (phase === undefined) throw new Error(`'${name}' has no phase for ${path} at ${atMs} ms`);
    return phase;
  };
  return {
    name,
    workers: Number.POSITIVE_INFINITY,
    serviceMs: ({ path, inSystem, nowMs }) => timeOf(phaseOf(path, nowMs), inSystem),
    status: (request) => statusOf(phaseOf(request.path, request.begunMs), request),
  };
}

function timeOf({ ms, doublesAt }: Phase, inSystem: number): number {
  if (doublesAt === undefined) return ms;
  return inSystem > doublesAt ? 5 * ms : ms * (1 + inSystem / doublesAt);
}

function statusOf({ status = 200, errorsAbove }: Phase, { inSystem }: ReceivedRequest): number {
  return errorsAbove !== undefined && inSystem > errorsAbove.count ? errorsAbove.status : status;
}
