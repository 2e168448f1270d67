import type { Service } from '../service.js';
import { ACCEPTED_ENCODINGS } from './derived-headers.js';
import type { Target } from './target.js';

/**
 * The headers that a request has unless its caller says otherwise. Those that Node's own `fetch` sends without
 * saying anything by it (accept: any, accept-language: any, sec-fetch-mode) are left out.
 */
export function defaultHeaders(service: Service, target: Target, contentType: string | undefined): readonly string[] {
  const headers = service.settings.host === 'service' ? withHost(target) : COMMON_HEADERS;
  return contentType === undefined ? headers : [...headers, 'content-type', contentType];
}

/** Whether a header says no more than every request does. `lowerCased` is its name. */
export function isDefaultHeader(lowerCased: string, value: string): boolean {
  for (let i = 0; i < COMMON_HEADERS.length; i += 2) if (COMMON_HEADERS[i] === lowerCased) return COMMON_HEADERS[i + 1] === value;
  return false;
}

const COMMON_HEADERS: readonly string[] = ['user-agent', 'fetchmesh', 'accept-encoding', ACCEPTED_ENCODINGS];
const headersByTarget = new WeakMap<Target, readonly string[]>();

function withHost(target: Target): readonly string[] {
  let headers = headersByTarget.get(target);
  if (headers === undefined) {
    headers = ['host', target.host, ...COMMON_HEADERS];
    headersByTarget.set(target, headers);
  }
  return headers;
}
