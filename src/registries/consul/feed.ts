import type { DiscoveryHost, InstanceInput } from '../../core/discovery.js';
import { readBody } from '../read-body.js';
import { RegistryError } from '../registry-error.js';
import { type Session, SessionLoop } from '../session-loop.js';
import type { Agents, IncomingAnswer } from './agents.js';
import type { HealthList, ListChange } from './health-list.js';
import { agentPath, answerWithinMs, healthPath } from './health-query.js';
import type { ConsulSettings } from './options.js';
import { hiddenFromToken } from './refusal.js';
import { TokenBucket } from './token-bucket.js';

/** Who hears of one service in one datacenter. */
export interface FeedListener {
  /** The whole list, as Consul had it when it was asked. */
  listed(instances: readonly InstanceInput[]): void;
  /** A change that Consul told of as it happened, or one that takes nothing away. */
  changed(change: ListChange): void;
  failed(error: unknown): void;
}

export interface FeedInit {
  readonly service: string;
  /** Undefined for the agent's own. */
  readonly datacenter: string | undefined;
  readonly list: HealthList;
  readonly agents: Agents;
  readonly settings: ConsulSettings;
  readonly host: DiscoveryHost;
  readonly listener: FeedListener;
}

/** A change that comes alone and the one that often follows it (an instance and its check) are read at once. */
const BURST = 2;
/** An empty list, and a line's end or so. */
const EMPTY_BYTES = 4;

/**
 * One service in one datacenter, by blocking queries.
 *
 * Consul keeps a request until the index that came with the last answer is passed. What such a request brings is news.
 * The first list after a failure is not: whoever answers may have started over with nothing. So it is asked for without
 * an index, and what it takes away is left to the mesh's doubts.
 */
export class Feed {
  private readonly loop: SessionLoop;
  private readonly bucket: TokenBucket;
  private hasList = false;
  /** The mesh may have held back what the last list took away: it has to see the next one whole. */
  private isDoubted = false;

  constructor(private readonly init: FeedInit) {
    const { host, settings, listener } = init;
    this.bucket = new TokenBucket(host.clock, settings.coalesceMs, BURST);
    this.loop = new SessionLoop(
      host,
      (session) => this.follow(session),
      (error) => listener.failed(error),
    );
  }

  start(): void {
    this.loop.start();
  }

  stop(): void {
    this.loop.stop();
  }

  /** Asks and asks again. Only failures end it: of the one agent, or of each of them in turn. */
  private async follow(session: Session): Promise<void> {
    const { servers } = this.init.agents;
    let index = 0;
    let failures = 0;
    for (;;) {
      await this.bucket.take(session.signal);
      const server = servers.current;
      try {
        index = await this.ask(server, index, session.signal);
        session.healthy();
        failures = 0;
      } catch (error) {
        if (session.signal.aborted || !isFaultOfServer(error)) throw error;
        servers.failed(server);
        if (++failures >= servers.size) throw error;
        index = 0;
      }
    }
  }

  /** Asks once. Returns the index to ask with next. */
  private async ask(server: string, index: number, signal: AbortSignal): Promise<number> {
    const { settings } = this.init;
    const answer = await this.open(server, index, signal, true);
    let current = answer;
    if (settings.consistency === 'stale' && isTooStale(answer, settings.maxStaleMs)) {
      answer.message.destroy();
      answer.done();
      current = await this.open(server, index, signal, false);
    }
    try {
      return await this.take(current, server, index, signal);
    } catch (error) {
      current.message.destroy();
      if (signal.aborted || error instanceof RegistryError) throw error;
      throw this.unusable(server, error);
    } finally {
      current.done();
    }
  }

  private open(server: string, index: number, signal: AbortSignal, staleAllowed: boolean): Promise<IncomingAnswer> {
    const { agents, service, datacenter, settings } = this.init;
    const path = healthPath({ service, datacenter, index, staleAllowed }, settings);
    return agents.open({ server, path, signal, permission: permissionFor(service) }, answerWithinMs(index, settings));
  }

  private async take(answer: IncomingAnswer, server: string, index: number, signal: AbortSignal): Promise<number> {
    const { list, agents, host, settings, listener } = this.init;
    const { message } = answer;
    const next = indexOf(answer);
    const incoming = list.begin();
    const isUnchanged = next === index;
    let bytes = 0;
    await readBody(message, { clock: host.clock, idleMs: settings.requestTimeoutMs }, (chunk) => {
      agents.heard(server);
      bytes += chunk.length;
      // The time was over, and nothing has changed.
      if (!isUnchanged) incoming.push(chunk);
    });
    if (signal.aborted) throw signal.reason;
    if (isUnchanged) {
      listener.changed({ upsert: [], remove: [] });
      return next;
    }
    if (bytes <= EMPTY_BYTES && answer.headers['x-consul-default-acl-policy'] === 'deny') await this.mustBeAllowed(answer, server, signal);
    const change = incoming.end();
    // An index that goes backwards is that of a Consul that has started over: its next list is asked for anew.
    this.tell(change, index > 0 && next > index);
    return next < index ? 0 : next;
  }

  private tell(change: ListChange, isNews: boolean): void {
    const { list, listener } = this.init;
    if (this.hasList && (isNews || (change.remove.length === 0 && !this.isDoubted))) {
      listener.changed(change);
      return;
    }
    this.hasList = true;
    this.isDoubted = change.remove.length > 0;
    listener.listed(list.instances());
  }

  /** Consul leaves out what a token must not see. A list of which nothing is left says nothing about the service. */
  private async mustBeAllowed(answer: IncomingAnswer, server: string, signal: AbortSignal): Promise<void> {
    const { hasToken, headers } = answer;
    // For the anonymous token, Consul does not say whether it left something out.
    const isHidden = hasToken ? headers['x-consul-results-filtered-by-acls'] === 'true' : await this.isForbidden(server, signal);
    if (!isHidden) return;
    const { service } = this.init;
    const path = `/v1/health/service/${encodeURIComponent(service)}`;
    throw hiddenFromToken({ server, method: 'GET', path, permission: permissionFor(service), hasToken });
  }

  private async isForbidden(server: string, signal: AbortSignal): Promise<boolean> {
    const { agents, service, settings } = this.init;
    const path = agentPath('/v1/internal/acl/authorize', settings);
    const body = [{ Resource: 'service', Access: 'read', Segment: service }];
    const { status, body: text } = await agents.request({ server, path, method: 'POST', body, signal, permission: permissionFor(service) });
    return status === 200 && /"Allow":\s*false/.test(text);
  }

  private unusable(server: string, cause: unknown): RegistryError {
    const reason = cause instanceof Error ? cause.message : String(cause);
    const question = `GET /v1/health/service/${encodeURIComponent(this.init.service)}`;
    const failure = { source: 'consul', server, cause };
    if (!(cause instanceof SyntaxError)) return new RegistryError({ ...failure, what: `broke off its answer to ${question} (${reason})` });
    const what = `answered ${question} with something that is no list of a service's instances (${reason})`;
    return new RegistryError({ ...failure, what, advice: 'set address to that of a Consul agent' });
  }
}

function permissionFor(service: string): string {
  return `service:read on "${service}" and node:read`;
}

/** The index of an answer, never below 1: with 0, Consul would answer at once, again and again. */
function indexOf({ headers }: IncomingAnswer): number {
  const index = Number(headers['x-consul-index'] ?? Number.NaN);
  if (Number.isNaN(index)) throw new SyntaxError('it has no header X-Consul-Index');
  return Math.max(1, index);
}

function isTooStale({ headers }: IncomingAnswer, maxStaleMs: number): boolean {
  return headers['x-consul-knownleader'] === 'false' || Number(headers['x-consul-lastcontact'] ?? 0) > maxStaleMs;
}

/** Whether another agent may do better: not with the same token, question or permission. */
function isFaultOfServer(error: unknown): boolean {
  if (!(error instanceof RegistryError)) return true;
  return error.status === undefined || error.status === 429 || error.status >= 500;
}
