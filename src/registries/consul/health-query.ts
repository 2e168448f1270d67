import type { ConsulSettings } from './options.js';

/** What tells one question about a service from the next. */
export interface HealthQuestion {
  readonly service: string;
  /** Undefined for the agent's own. */
  readonly datacenter: string | undefined;
  /** The index that has to be passed before Consul answers; 0 to have the list at once. */
  readonly index: number;
  /** Whether an answer of any server will do, or only of the leader. */
  readonly staleAllowed: boolean;
}

/** Path and query of a question to the health endpoint. */
export function healthPath(question: HealthQuestion, settings: ConsulSettings): string {
  const { service, datacenter, index, staleAllowed } = question;
  const query = new URLSearchParams(scope(settings, datacenter));
  if (settings.health === 'passing') query.set('passing', 'true');
  for (const tag of settings.tags) query.append('tag', tag);
  for (const [key, value] of Object.entries(settings.nodeMeta)) query.append('node-meta', `${key}:${value}`);
  const filter = filterExpression(settings);
  if (filter !== undefined) query.set('filter', filter);
  if (settings.near !== undefined) query.set('near', settings.near);
  if (settings.consistency === 'consistent') query.set('consistent', '');
  else if (settings.consistency === 'stale' && staleAllowed) query.set('stale', '');
  if (index > 0) {
    query.set('index', String(index));
    query.set('wait', `${settings.waitMs}ms`);
  }
  return withQuery(`/v1/health/service/${encodeURIComponent(service)}`, query);
}

/** Path and query of a request to the agent about its own services. */
export function agentPath(path: string, settings: ConsulSettings, more: Readonly<Record<string, string>> = {}): string {
  return withQuery(path, new URLSearchParams({ ...scope(settings, undefined), ...more }));
}

/** Consul adds up to this share to a wait, so that clients do not all come back together. */
const WAIT_JITTER = 1 / 16;

/** How long the answer to a question may take. */
export function answerWithinMs(index: number, { waitMs, requestTimeoutMs }: ConsulSettings): number {
  return index === 0 ? requestTimeoutMs : waitMs * (1 + WAIT_JITTER) + requestTimeoutMs;
}

function scope({ namespace, partition }: ConsulSettings, datacenter: string | undefined): Record<string, string> {
  return {
    ...(datacenter !== undefined && { dc: datacenter }),
    ...(namespace !== undefined && { ns: namespace }),
    ...(partition !== undefined && { partition }),
  };
}

function withQuery(path: string, query: URLSearchParams): string {
  const text = query.toString();
  return text === '' ? path : `${path}?${text}`;
}

/** The user's filter and the metadata that instances must have, as one expression. */
function filterExpression({ filter, serviceMeta }: ConsulSettings): string | undefined {
  const parts = Object.entries(serviceMeta).map(([key, value]) => `Service.Meta[${JSON.stringify(key)}] == ${JSON.stringify(value)}`);
  if (filter !== undefined) parts.push(parts.length === 0 ? filter : `(${filter})`);
  return parts.length === 0 ? undefined : parts.join(' and ');
}
