import { MeshError, withoutCredentials } from '../core/errors.js';

/** What is known of a registry that could not be asked. */
export interface RegistryFailure {
  /** The source's name: `consul`. */
  readonly source: string;
  /** Which server. Credentials in its URL are left out of the message. */
  readonly server: string;
  /** What happened, as the end of a sentence: `answered 403 to GET /v1/health/service/users (Permission denied)`. */
  readonly what: string;
  /** What to set or to do about it, where that is known: `set token to one with service:read`. */
  readonly advice?: string | undefined;
  /** The HTTP status of the answer, where there was one. */
  readonly status?: number | undefined;
  readonly cause?: unknown;
}

/**
 * A registry could not be asked, or refused. The message says which server, what it answered, and what to set.
 */
export class RegistryError extends MeshError {
  override name = 'RegistryError';
  /** The HTTP status of the registry's answer; undefined when there was none, or the registry speaks something else. */
  readonly status: number | undefined;

  constructor({ source, server, what, advice, status, cause }: RegistryFailure) {
    super('ERR_MESH_DISCOVERY', `${source} at ${withoutCredentials(server)} ${what}${advice === undefined ? '' : `: ${advice}`}`, {
      cause,
    });
    this.status = status;
  }
}

/** The part of a registry's answer that an error repeats: one line, not too long. */
export function excerpt(text: string): string {
  const line = text.replace(/\s+/g, ' ').trim();
  return line.length > 200 ? `${line.slice(0, 200)}...` : line;
}
