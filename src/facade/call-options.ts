import { MeshError, show } from '../core/errors.js';
import type { Service } from '../service.js';
import type { CallOptions } from './fetch-types.js';

/** The options of one call, checked against the stack that it goes down. */
export interface CheckedCallOptions {
  readonly overrides: Readonly<Record<string, unknown>> | undefined;
  readonly pinned: string | undefined;
  readonly idempotent: boolean | undefined;
  readonly bufferBody: number;
}

/** Options that are short for what the policy `timeout` takes. */
const TIMEOUT_OPTIONS = ['timeoutMs', 'attemptTimeoutMs', 'bodyIdleTimeoutMs', 'deadlineMs'];

/** Options that no policy takes. */
const NO_POLICY = ['endpoint', 'idempotent', 'bufferBody'];

/**
 * Checks what a call overrides. A name that the stack lacks is an error: a misspelt `rety: false` must not
 * silently retry.
 * @throws MeshError that names the option, the value and what was expected.
 */
export function callOptions(options: CallOptions, service: Service): CheckedCallOptions {
  if (typeof options !== 'object' || options === null) throw bad(service, 'mesh', 'an object of options', options);
  let overrides: Record<string, unknown> | undefined;
  let timeouts: Record<string, unknown> | undefined;
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined || NO_POLICY.includes(name)) continue;
    if (TIMEOUT_OPTIONS.includes(name)) {
      timeouts ??= {};
      timeouts[name] = value;
    } else {
      overrides ??= {};
      overrides[name] = override(service, name, value);
    }
  }
  if (timeouts !== undefined) {
    const merged = typeof options.timeout === 'object' ? { ...options.timeout, ...timeouts } : timeouts;
    overrides = { ...overrides, timeout: override(service, 'timeout', merged) };
  }
  const { endpoint, idempotent, bufferBody = 0 } = options;
  if (endpoint !== undefined && typeof endpoint !== 'string') throw bad(service, 'mesh.endpoint', 'the id or URL of an endpoint', endpoint);
  if (idempotent !== undefined && typeof idempotent !== 'boolean') throw bad(service, 'mesh.idempotent', 'true or false', idempotent);
  if (!(typeof bufferBody === 'number' && bufferBody >= 0))
    throw bad(service, 'mesh.bufferBody', 'a number of bytes of at least 0', bufferBody);
  return { overrides, pinned: endpoint, idempotent, bufferBody };
}

/**
 * The options for the next hop of a redirect, which leads to `service`: what its stack knows of them, and no more
 * time than is left. The endpoint that the caller asked for is one of the first service's.
 */
export function optionsOfHop(options: CallOptions | undefined, service: Service, sameService: boolean, leftMs: number): CallOptions {
  const kept: Record<string, unknown> = {};
  const hasTimeout = service.policiesNamed('timeout').length > 0;
  for (const [name, value] of Object.entries(options ?? {})) {
    const isKnown = NO_POLICY.includes(name) || (TIMEOUT_OPTIONS.includes(name) ? hasTimeout : service.policiesNamed(name).length > 0);
    if (isKnown && (sameService || name !== 'endpoint')) kept[name] = value;
  }
  if (hasTimeout && kept.timeout !== false && leftMs !== Number.POSITIVE_INFINITY) kept.timeoutMs = leftMs;
  return kept;
}

function override(service: Service, name: string, value: unknown): unknown {
  const policies = service.policiesNamed(name);
  const [policy] = policies;
  if (policy === undefined) {
    const { perCall, perAttempt, perEndpoint } = service.settings.policies;
    const known = [...new Set([...perCall, ...perAttempt, ...perEndpoint].map((each) => each.name))];
    throw bad(service, `mesh.${name}`, `the name of a policy in its stack (${known.join(', ') || 'which is empty'})`, value);
  }
  if (policy.override === undefined) {
    if (value === false) return false;
    throw bad(service, `mesh.${name}`, 'false, which leaves the policy out for this call', value);
  }
  try {
    return policy.override(value);
  } catch (error) {
    throw new MeshError('ERR_MESH_REQUEST', `mesh.${name}: ${error instanceof Error ? error.message : String(error)}`, {
      service: service.name,
      cause: error,
    });
  }
}

function bad(service: Service, option: string, expected: string, got: unknown): MeshError {
  return new MeshError('ERR_MESH_REQUEST', `${option} must be ${expected}, got ${show(got)}`, { service: service.name });
}
