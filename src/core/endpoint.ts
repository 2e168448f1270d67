import type { Gate } from './gate.js';
import type { Send } from './policy.js';

/** What a source of endpoints says about one instance, checked and in full. */
export interface Instance {
  /** Tells instances apart; the address itself unless the registry has names for them. */
  readonly id: string;
  /** Whether it speaks TLS. */
  readonly protocol: 'http:' | 'https:';
  /** Without brackets around an IPv6 address. */
  readonly hostname: string;
  /** 1 to 65,535. */
  readonly port: number;
  /** What stands before each request's path: empty, or a path without a slash at its end. */
  readonly basePath: string;
  /** Its share of the requests, relative to the others'. Above 0. */
  readonly weight: number;
  /** Groups of endpoints: the lowest that has one to offer is used (RFC 2782). */
  readonly priority: number;
  /** Where it is, if it says so. */
  readonly zone: string | undefined;
  /** What else it says of itself. */
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * One instance of a service, as long as the service has it. It keeps its identity, its statistics, its
 * connections and its gates over every refresh of the list; what a registry changes about it is `instance`.
 *
 * The fields that a pick reads are not here but side by side in the cells of the view (endpoint-view.ts).
 */
export class Endpoint {
  /** The scheme, host and port that it is dialled at. */
  readonly origin: string;
  /** Its place in the view's cells; -1 once removed. */
  slot = -1;
  /** Its place among the pickable endpoints of its priority; -1 while it cannot be picked. */
  position = -1;
  /** How many gates are shut, and how many of these because they are busy. */
  shutGates = 0;
  busyGates = 0;
  /** When the gate that is shut longest is expected to open, by the mesh's clock. */
  shutUntilMs = 0;
  /** Retries stay away until then: what a Retry-After of this endpoint binds. */
  retryAfterMs = 0;
  /** Attempts begun and not yet over, their bodies included. */
  inFlight = 0;
  /** Those of them that have neither an answer's headers nor failed. */
  unanswered = 0;
  /** Attempts, since the endpoint was added. */
  requests = 0;
  /** Attempts that it failed: verdicts 'failure' and 'retryable'. */
  failures = 0;
  /** What counts its attempts; undefined before its first use. */
  gates: Gate[] | undefined = undefined;
  /** The policies that the gates came from, in the same order. */
  gateNames: string[] | undefined = undefined;
  /** The endpoint's own stack down to the wire, built at its first use. */
  send: Send | undefined = undefined;
  /** The way to the wire, opened with `send`. */
  connection: { close(): void } | undefined = undefined;
  /** Called when a removed endpoint has nothing in flight any more. */
  onIdle: (() => void) | undefined = undefined;
  /** When its last attempt began, by the mesh's clock. */
  lastUsedMs = 0;

  /** @param instance what the source said of it last. */
  constructor(public instance: Instance) {
    this.origin = originOf(instance);
  }

  get id(): string {
    return this.instance.id;
  }
}

/** Scheme, host and port, with brackets around an IPv6 address. */
export function originOf({ protocol, hostname, port }: Pick<Instance, 'protocol' | 'hostname' | 'port'>): string {
  return `${protocol}//${hostname.includes(':') ? `[${hostname}]` : hostname}:${port}`;
}
