import type { Clock } from '../core/clock.js';
import { MeshError, show } from '../core/errors.js';
import type { EventEmitter } from '../core/events.js';

/**
 * How a source is doing for one service: since when it fails, what it last failed with, and whether that
 * failure is so fresh that asking again would be pointless.
 *
 * An outage is one event when it begins and one when it ends, however often the source is asked meanwhile.
 */
export class SourceHealth {
  /** When a list was last had or confirmed, by the mesh's clock; undefined before the first. */
  listAtMs: number | undefined = undefined;
  /** Since when the source cannot be asked; undefined while it can. */
  staleSinceMs: number | undefined = undefined;
  /** The last failure, an answered `UnknownServiceError` included; undefined once a list came after it. */
  lastError: unknown = undefined;
  /** When the last failure came, until somebody asks anew. */
  private failedAtMs: number | undefined = undefined;

  constructor(
    private readonly service: string,
    private readonly source: string,
    private readonly clock: Clock,
    private readonly events: EventEmitter,
  ) {}

  /** The source named endpoints, or none. */
  answered(): void {
    const nowMs = this.clock.now();
    this.listAtMs = nowMs;
    this.lastError = this.failedAtMs = undefined;
    this.reachable(nowMs);
  }

  /** The source said that it does not know the service: an answer, although no list. */
  denied(error: unknown): void {
    const nowMs = this.clock.now();
    this.lastError = error;
    this.failedAtMs = nowMs;
    this.reachable(nowMs);
  }

  /** The source could not be asked, or what it said was no answer. */
  failed(error: unknown): void {
    const nowMs = this.clock.now();
    this.lastError = error;
    this.failedAtMs = nowMs;
    if (this.staleSinceMs !== undefined) return;
    this.staleSinceMs = nowMs;
    if (!this.events.has('registryFailed')) return;
    const { service, source, listAgeMs } = this;
    this.events.emit('registryFailed', { service, source, error, staleForMs: listAgeMs });
  }

  /** For how long nothing was heard of the list. */
  get listAgeMs(): number | undefined {
    return this.listAtMs === undefined ? undefined : this.clock.now() - this.listAtMs;
  }

  /** The source is asked anew: its last failure says nothing about what comes now. */
  asking(): void {
    this.failedAtMs = undefined;
  }

  /** Whether the last word was a failure. */
  get hasFailed(): boolean {
    return this.failedAtMs !== undefined;
  }

  /** Whether the last word was a failure, less than `ttlMs` ago. */
  failedWithin(ttlMs: number): boolean {
    return this.failedAtMs !== undefined && this.clock.now() - this.failedAtMs < ttlMs;
  }

  /** What the last failure means to a caller who has no list to go by. A new error for each, with that caller's stack. */
  errorForCaller(): MeshError {
    const { service, source, lastError } = this;
    if (isUnknownService(lastError)) {
      return new MeshError('ERR_MESH_UNKNOWN_SERVICE', `${source} knows no service of this name`, { service, cause: lastError });
    }
    const detail = lastError instanceof Error ? lastError.message : show(lastError);
    return new MeshError('ERR_MESH_DISCOVERY', `${source} could not say where the service is: ${detail}`, { service, cause: lastError });
  }

  private reachable(nowMs: number): void {
    const { staleSinceMs, service, source } = this;
    if (staleSinceMs === undefined) return;
    this.staleSinceMs = undefined;
    if (this.events.has('registryRecovered')) {
      this.events.emit('registryRecovered', { service, source, afterMs: nowMs - staleSinceMs });
    }
  }
}

/** Whether a source said that it does not know the service. By code, since a source may bring a copy of the class. */
export function isUnknownService(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ERR_MESH_UNKNOWN_SERVICE';
}
