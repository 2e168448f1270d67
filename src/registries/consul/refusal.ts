import { answered, type HttpAnswer } from '../http-client.js';
import { RegistryError } from '../registry-error.js';

/** What is known of the request that a Consul refused. */
export interface RefusedRequest {
  readonly server: string;
  readonly method: string;
  readonly path: string;
  /** What the token has to allow: `service:read on "users" and node:read`. */
  readonly permission: string;
  readonly hasToken: boolean;
}

/** The error for an answer that is none: what Consul said, and which option to look at. */
export function refusal(request: RefusedRequest, answer: HttpAnswer): RegistryError {
  const { server, method, path } = request;
  return new RegistryError({
    source: 'consul',
    server,
    what: answered(method, path, answer),
    advice: adviceFor(request, answer),
    status: answer.status,
  });
}

/** The error for a list that is empty because the token may not see what is in it. */
export function hiddenFromToken({ server, path, permission, hasToken }: RefusedRequest): RegistryError {
  return new RegistryError({
    source: 'consul',
    server,
    what: `answered GET ${path.replace(/\?.*$/s, '')} with a list from which it had removed everything, for want of permission`,
    advice: tokenAdvice(hasToken, permission),
    status: 200,
  });
}

function adviceFor({ permission, hasToken }: RefusedRequest, { status, body }: HttpAnswer): string | undefined {
  if (/ACL not found/.test(body)) return 'it does not know the token: set token (or tokenFile) to one that it knows';
  if (status === 401 || status === 403) return tokenAdvice(hasToken, permission);
  if (status === 404) return 'set address to that of a Consul agent';
  if (status === 429) return "raise limits.http_max_conns_per_client in the agent's configuration: each watched service holds a connection";
  if (/Enterprise feature/.test(body)) return 'leave namespace and partition out';
  if (/No path to datacenter/.test(body)) return 'correct datacenter or failoverDatacenters';
  if (/boolean expression|filter/i.test(body)) return 'correct filter';
  if (/HTTP request to an HTTPS server/.test(body)) return 'begin address with https://';
  return undefined;
}

function tokenAdvice(hasToken: boolean, permission: string): string {
  return hasToken ? `give the token ${permission}` : `set token (or tokenFile) to one with ${permission}`;
}
