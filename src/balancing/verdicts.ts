import type { Call } from '../core/call.js';
import { MeshError, show, TimeoutError } from '../core/errors.js';
import { reportFaultOnce } from '../core/events.js';
import { type Classifier, type Outcome, type Verdict, verdictOfStatus } from '../core/verdict.js';

const VERDICTS: ReadonlySet<Verdict> = new Set<Verdict>(['success', 'failure', 'retryable', 'ignored']);

/**
 * The verdict on an attempt. The user's classifier has the first word where there is one; should it throw or say
 * what is no verdict, that is reported and the default decides, since a fault in bookkeeping must not fail a request.
 */
export function verdictOf(outcome: Outcome, call: Call, classify: Classifier | undefined): Verdict {
  if (classify !== undefined) {
    try {
      const verdict = classify(outcome, call);
      if (verdict !== undefined && VERDICTS.has(verdict)) return verdict;
      if (verdict !== undefined) throw new TypeError(`a verdict must be one of ${[...VERDICTS].join(', ')}, got ${show(verdict)}`);
    } catch (error) {
      reportFaultOnce(classify, 'classify', error);
    }
  }
  return outcome.reply === undefined ? verdictOfError(outcome.error, call) : verdictOfStatus(outcome.reply.status);
}

/**
 * A cancelled attempt says something about its endpoint only if a time ran out: one attempt's time may well
 * be enough elsewhere, the whole call's is gone. A caller who gives up counts for nobody, and neither does
 * a request that could not be sent as it was.
 */
function verdictOfError(error: unknown, call: Call): Verdict {
  if (call.cancelled) {
    if (!(call.cancelReason instanceof TimeoutError)) return 'ignored';
    return call.cancelReason.code === 'ERR_MESH_ATTEMPT_TIMEOUT' ? 'retryable' : 'failure';
  }
  if (!(error instanceof MeshError)) return 'ignored';
  switch (error.code) {
    case 'ERR_MESH_CONNECT':
    case 'ERR_MESH_LOST':
    case 'ERR_MESH_PROTOCOL':
    case 'ERR_MESH_UNAVAILABLE':
    case 'ERR_MESH_TIMEOUT':
    case 'ERR_MESH_ATTEMPT_TIMEOUT':
      return 'retryable';
    default:
      return 'ignored';
  }
}
