import type { Timer } from '../../core/clock.js';
import type { Gateway } from './gateway.js';
import { GatewayError, isAboutTheRequest, type Purpose } from './gateway-error.js';
import { base64 } from './messages.js';

/** A watch that wants to know when its member is gone. */
interface Guest {
  readonly purpose: Purpose;
  readonly dead: (error: unknown) => void;
}

/** A watch's place with its member. */
export interface LivenessPlace {
  /** The member gave a sign of life. */
  heard(): void;
  leave(): void;
}

/**
 * Notices members that say nothing because they are frozen or cut off, which a watch cannot tell from one where nothing
 * happens. Whenever a member was silent for `livenessMs`, it is asked for one key. That is one request for all the
 * watches at that member; and it is a linearizable read, which a member answers only when the others confirm that
 * what it knows is up to date.
 */
export class MemberLiveness {
  private readonly members = new Map<string, Member>();

  constructor(private readonly gateway: Gateway) {}

  /** A watch begins at a member; `dead` is called when it turns out not to be there. */
  join(server: string, purpose: Purpose, dead: (error: unknown) => void): LivenessPlace {
    let member = this.members.get(server);
    if (member === undefined) {
      member = new Member(server, this.gateway);
      this.members.set(server, member);
    }
    const joined = member;
    const guest = { purpose, dead };
    joined.guests.add(guest);
    joined.heard();
    return {
      heard: () => joined.heard(),
      leave: () => {
        joined.guests.delete(guest);
        if (joined.guests.size > 0) return;
        joined.end();
        if (this.members.get(server) === joined) this.members.delete(server);
      },
    };
  }
}

class Member {
  readonly guests = new Set<Guest>();
  private lastHeardMs: number;
  private timer: Timer | undefined = undefined;
  private readonly controller = new AbortController();

  constructor(
    private readonly server: string,
    private readonly gateway: Gateway,
  ) {
    this.lastHeardMs = gateway.host.clock.now();
    this.checkIn(gateway.settings.livenessMs);
  }

  heard(): void {
    this.lastHeardMs = this.gateway.host.clock.now();
  }

  end(): void {
    this.timer?.cancel();
    this.controller.abort(new Error('nobody watches any more'));
  }

  private checkIn(delayMs: number): void {
    this.timer = this.gateway.host.clock.setTimer(() => this.check(), delayMs);
    this.timer.unref();
  }

  private check(): void {
    const { host, settings } = this.gateway;
    const leftMs = this.lastHeardMs + settings.livenessMs - host.clock.now();
    if (leftMs > 0) this.checkIn(leftMs);
    else
      this.ask().then(
        () => this.answered(),
        (error) => this.refused(error),
      );
  }

  private async ask(): Promise<void> {
    const [guest] = this.guests;
    if (guest === undefined) return;
    const { purpose } = guest;
    const { signal } = this.controller;
    // A key that whoever may watch the prefix may also read, and that is not there.
    const body = { key: base64(purpose.prefix), keys_only: true };
    await this.gateway.call(this.server, { path: '/v3/kv/range', body, purpose, requireLeader: true, signal });
  }

  private answered(): void {
    if (this.controller.signal.aborted) return;
    this.heard();
    this.checkIn(this.gateway.settings.livenessMs);
  }

  private refused(error: unknown): void {
    if (this.controller.signal.aborted) return;
    // Who refuses is there.
    if (error instanceof GatewayError && isAboutTheRequest(error.refusal)) this.answered();
    else for (const { dead } of [...this.guests]) dead(error);
  }
}
