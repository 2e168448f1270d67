import type { Timer } from '../core/clock.js';
import type { DiscoveryHost, Lease } from '../core/discovery.js';

/**
 * Keeps an announced instance in a registry.
 *
 * Registries forget those who do not speak up, and come back from restarts without them. So an instance renews its
 * lease three times in the time it lasts (Eureka's proportion: two renewals may fail before anybody takes it for
 * dead), and enters itself anew when the registry says that it does not know it.
 */

/** What a registry does for an announced instance. Each step rejects when the registry could not do it. */
export interface RegistrationSteps {
  /** Enters the instance. One that is there already under the same id is replaced, never doubled. */
  register(signal: AbortSignal): Promise<void>;
  /** Says that the instance is alive. False when the registry does not know it (any more). */
  renew(signal: AbortSignal): Promise<boolean>;
  /** Takes the instance out. Must not fail where it is not there. */
  remove(signal: AbortSignal): Promise<void>;
}

export interface RegistrationInit {
  readonly service: string;
  readonly id: string;
  /** How long the registry keeps an instance that says nothing. */
  readonly leaseMs: number;
  /** Whether the announced instance keeps the process alive. */
  readonly keepAlive: boolean;
  readonly host: DiscoveryHost;
  readonly steps: RegistrationSteps;
}

const RENEWALS_PER_LEASE = 3;
/** Renewals come up to this share early, so that instances started together do not renew together. */
const RENEWAL_JITTER = 0.2;
/** Removing is tried this often: an instance that is going away has no time for more. */
const REMOVAL_TRIES = 3;
const FIRST_RETRY_MS = 100;
const LONGEST_RETRY_MS = 5_000;

export class Registration implements Lease {
  readonly id: string;
  private readonly controller = new AbortController();
  private timer: Timer | undefined = undefined;
  private step: Promise<void> = Promise.resolve();
  private closing: Promise<void> | undefined = undefined;
  private failures = 0;
  private isLost = false;

  constructor(private readonly init: RegistrationInit) {
    this.id = init.id;
  }

  /** Enters the instance for the first time. Rejects if that fails, and then nothing goes on. */
  async begin(): Promise<void> {
    await this.init.steps.register(this.controller.signal);
    this.renewLater();
  }

  /** The registry let it be known that the instance is not in it (its session expired): it is entered anew at once. */
  lost(reason: unknown): void {
    if (this.closing !== undefined || this.isLost) return;
    this.missing(reason);
    this.next(0);
  }

  /** Takes the instance out, once, however often it is called. Rejects if the registry could not be told. */
  close(): Promise<void> {
    this.closing ??= this.end();
    return this.closing;
  }

  private async end(): Promise<void> {
    this.timer?.cancel();
    this.controller.abort(new Error('the announcement was taken back'));
    // A renewal under way could bring the instance back after its removal.
    await this.step;
    const { signal } = new AbortController();
    for (let attempt = 1; ; attempt++) {
      try {
        await this.init.steps.remove(signal);
        return;
      } catch (error) {
        if (attempt === REMOVAL_TRIES) throw error;
        await new Promise<void>((resolve) => this.init.host.clock.setTimer(resolve, this.retryMs(attempt)));
      }
    }
  }

  private renewLater(): void {
    const { leaseMs, host } = this.init;
    this.next((leaseMs / RENEWALS_PER_LEASE) * (1 - RENEWAL_JITTER * host.random.next()));
  }

  private next(delayMs: number): void {
    this.timer?.cancel();
    if (this.closing !== undefined) return;
    this.timer = this.init.host.clock.setTimer(() => {
      // One step at a time: a slow registry gets no queue of them.
      this.step = this.step.then(() => this.renew());
    }, delayMs);
    if (!this.init.keepAlive) this.timer.unref();
  }

  private async renew(): Promise<void> {
    const { signal } = this.controller;
    if (signal.aborted) return;
    const { service, host, steps } = this.init;
    try {
      if (this.isLost || !(await steps.renew(signal))) {
        if (signal.aborted) return;
        if (!this.isLost) this.missing(new Error('the registry does not know the instance any more'));
        await steps.register(signal);
      }
      if (this.isLost || this.failures > 0) host.announced(service, this.id);
      this.isLost = false;
      this.failures = 0;
      if (!signal.aborted) this.renewLater();
    } catch (error) {
      if (signal.aborted) return;
      this.failures++;
      // Once for each time that it begins to fail, not at every renewal.
      if (this.failures === 1 && !this.isLost) host.announcementFailed(service, this.id, error);
      this.next(this.retryMs(this.failures));
    }
  }

  private missing(reason: unknown): void {
    this.isLost = true;
    if (this.failures === 0) this.init.host.announcementFailed(this.init.service, this.id, reason);
  }

  /** Full jitter, and no later than the next renewal would have come: the lease is running out. */
  private retryMs(failures: number): number {
    const { leaseMs, host } = this.init;
    return host.random.next() * Math.min(LONGEST_RETRY_MS, leaseMs / RENEWALS_PER_LEASE, FIRST_RETRY_MS * 2 ** failures);
  }
}
