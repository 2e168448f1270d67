import { MeshError, show } from '../core/errors.js';
import type { MeshRequestInit } from './fetch-types.js';

/**
 * The options of `fetch` that steer a browser.
 *
 * Most mean nothing in Node, and the built-in fetch takes them and does nothing; so does the mesh. A value
 * that does not exist is refused as there. The few that would change what an answer means, and that the mesh
 * cannot honour, are refused rather than dropped in silence.
 */

const ACCEPTED = {
  cache: ['default', 'no-store', 'reload', 'no-cache', 'force-cache', 'only-if-cached'],
  // Without navigate, which fetch knows and forbids.
  mode: ['cors', 'no-cors', 'same-origin'],
  credentials: ['omit', 'same-origin', 'include'],
  duplex: ['half'],
  referrerPolicy: [
    '',
    'no-referrer',
    'no-referrer-when-downgrade',
    'same-origin',
    'origin',
    'strict-origin',
    'origin-when-cross-origin',
    'strict-origin-when-cross-origin',
    'unsafe-url',
  ],
} as const;

type Enumerated = { readonly [Key in keyof typeof ACCEPTED]?: unknown };

/** @throws MeshError ERR_MESH_REQUEST that names the option, what it takes and what it was given. */
export function checkFetchOptions(init: MeshRequestInit): void {
  const { cache, mode, credentials, duplex, referrerPolicy } = init as Enumerated;
  if (cache !== undefined) oneOf('cache', cache);
  if (mode !== undefined) oneOf('mode', mode);
  if (credentials !== undefined) oneOf('credentials', credentials);
  if (duplex !== undefined) oneOf('duplex', duplex);
  if (referrerPolicy !== undefined) oneOf('referrerPolicy', referrerPolicy);
  if (cache === 'only-if-cached' && mode !== 'same-origin') {
    throw new MeshError('ERR_MESH_REQUEST', "the option cache may be 'only-if-cached' only where mode is 'same-origin'");
  }
  const { integrity, referrer, window, dispatcher } = init as Readonly<Record<string, unknown>>;
  refuseIntegrity(integrity);
  if (referrer !== undefined && referrer !== '' && referrer !== 'about:client') {
    throw unsupported('referrer', 'set the header referer yourself');
  }
  if (window !== undefined && window !== null)
    throw new MeshError('ERR_MESH_REQUEST', `the option window must be null, got ${show(window)}`);
  if (dispatcher !== undefined && dispatcher !== null) {
    throw unsupported('dispatcher', 'the mesh makes the connections; hand the dispatcher to another fetch');
  }
}

/** @throws MeshError for a checksum, which nobody here would check. */
export function refuseIntegrity(integrity: unknown): void {
  if (integrity !== undefined && integrity !== '') throw unsupported('integrity', 'verify the body yourself');
}

function oneOf(option: keyof typeof ACCEPTED, value: unknown): void {
  const accepted: readonly unknown[] = ACCEPTED[option];
  // As `fetch` reads it: as text, whatever it is.
  if (accepted.includes(typeof value === 'string' ? value : `${value}`)) return;
  const list = accepted.map((each) => `'${each}'`).join(', ');
  throw new MeshError('ERR_MESH_REQUEST', `the option ${option} must be one of ${list}, got ${show(value)}`);
}

function unsupported(option: string, instead: string): MeshError {
  return new MeshError('ERR_MESH_REQUEST', `the option ${option} is not supported for services: ${instead}`);
}
