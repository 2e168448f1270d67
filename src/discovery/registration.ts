import type { Timer } from '../core/clock.js';
import type { DiscoveryHost, Lease } from '../core/discovery.js';
import { Backoff } from './backoff.js';

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
  /** Whether the announced instance keeps the process alive: between its steps and within them. */
  readonly keepAlive: boolean;
  readonly host: DiscoveryHost;
  readonly steps: RegistrationSteps;
}

const RENEWALS_PER_LEASE = 3;
/** Renewals come up to this share early, so that instances started together do not renew together. */
const RENEWAL_JITTER = 0.2;
/** Removing is tried this often: an instance that is going away has no time for more. */
const REMOVAL_TRIES = 3;
/** All of them together have this long, less than a mesh gives its leases when it closes. Then the lease runs out by itself. */
const REMOVAL_MS = 4_000;
/** For how long entering keeps the process alive, whose sockets to registries do not. */
const FIRST_STEP_MS = 30_000;
/** Any time will do: the timer that keeps the process alive is set again. */
const AWAKE_MS = 3_600_000;

export class Registration implements Lease {
  readonly id: string;
  private readonly controller = new AbortController();
  private timer: Timer | undefined = undefined;
  /** Keeps the process alive. */
  private awake: Timer | undefined = undefined;
  /** The step under way, or the last one: there is one at a time, so that a slow registry gets no queue of them. */
  private step: Promise<void> = Promise.resolve();
  private isStepping = false;
  private closing: Promise<void> | undefined = undefined;
  private isFailing = false;
  private readonly backoff: Backoff;
  private isLost = false;
  /** Whether the registry lost the instance while a step was under way, which may have entered it before that. */
  private isLostAgain = false;

  constructor(private readonly init: RegistrationInit) {
    this.id = init.id;
    this.backoff = this.newBackoff();
  }

  /** Enters the instance for the first time. Rejects if that fails, and then nothing goes on. */
  async begin(): Promise<void> {
    const { host, steps } = this.init;
    this.awake = host.clock.setTimer(() => {}, FIRST_STEP_MS);
    this.isStepping = true;
    const entering = steps.register(this.controller.signal);
    this.step = entering.catch(() => {});
    try {
      await entering;
    } catch (error) {
      this.controller.abort(error);
      throw error;
    } finally {
      this.awake.cancel();
      this.isStepping = false;
    }
    if (this.init.keepAlive && !this.controller.signal.aborted) this.stayAwake();
    this.afterSuccess();
  }

  /** The registry let it be known that the instance is not in it (its session expired): it is entered anew at once. */
  lost(reason: unknown): void {
    if (this.controller.signal.aborted) return;
    this.missing(reason);
    if (this.isStepping) this.isLostAgain = true;
    else this.next(0);
  }

  /** Takes the instance out, once, however often it is called. Rejects if the registry could not be told. */
  close(): Promise<void> {
    this.closing ??= this.end();
    return this.closing;
  }

  private async end(): Promise<void> {
    const { clock } = this.init.host;
    this.timer?.cancel();
    this.controller.abort(new Error('the announcement was taken back'));
    const limit = new AbortController();
    const late = new Promise<never>((_, reject) => {
      limit.signal.addEventListener('abort', () => reject(limit.signal.reason));
    });
    const timer = clock.setTimer(() => limit.abort(new Error(`the registry could not be told within ${REMOVAL_MS} ms`)), REMOVAL_MS);
    try {
      await Promise.race([this.remove(limit.signal), late]);
    } finally {
      timer.cancel();
      this.awake?.cancel();
    }
  }

  private stayAwake(): void {
    this.awake = this.init.host.clock.setTimer(() => this.stayAwake(), AWAKE_MS);
  }

  private async remove(signal: AbortSignal): Promise<void> {
    // A renewal under way could bring the instance back after its removal.
    await this.step;
    const backoff = this.newBackoff();
    for (let attempt = 1; ; attempt++) {
      try {
        await this.init.steps.remove(signal);
        return;
      } catch (error) {
        if (attempt === REMOVAL_TRIES || signal.aborted) throw error;
        await this.wait(backoff.nextMs(), signal);
      }
    }
  }

  private wait(delayMs: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.init.host.clock.setTimer(resolve, delayMs);
      signal.addEventListener('abort', () => {
        timer.cancel();
        resolve();
      });
    });
  }

  private next(delayMs: number): void {
    this.timer?.cancel();
    if (this.controller.signal.aborted) return;
    this.timer = this.init.host.clock.setTimer(() => {
      this.isStepping = true;
      this.step = this.renew();
    }, delayMs);
    this.timer.unref();
  }

  private async renew(): Promise<void> {
    const { signal } = this.controller;
    const { service, host, steps } = this.init;
    try {
      if (this.isLost || !(await steps.renew(signal))) {
        if (signal.aborted) return;
        if (!this.isLost) this.missing(new Error('the registry does not know the instance any more'));
        this.isLostAgain = false;
        await steps.register(signal);
      }
      this.isStepping = false;
      this.afterSuccess();
    } catch (error) {
      this.isStepping = false;
      if (signal.aborted) return;
      // Once for each time that it begins to fail, not at every renewal.
      if (!this.isFailing && !this.isLost) host.announcementFailed(service, this.id, error);
      this.isFailing = true;
      this.next(this.backoff.nextMs());
    }
  }

  private afterSuccess(): void {
    if (this.controller.signal.aborted) return;
    const { service, leaseMs, host } = this.init;
    if (this.isLostAgain) {
      // Not at once: a registry that loses it each time must not be asked without a pause.
      this.isLostAgain = false;
      this.isFailing = true;
      this.next(this.backoff.nextMs());
      return;
    }
    if (this.isLost || this.isFailing) host.announced(service, this.id);
    this.isLost = false;
    this.isFailing = false;
    this.backoff.reset();
    this.next((leaseMs / RENEWALS_PER_LEASE) * (1 - RENEWAL_JITTER * host.random.next()));
  }

  private missing(reason: unknown): void {
    const { isLost } = this;
    this.isLost = true;
    if (!isLost && !this.isFailing) this.init.host.announcementFailed(this.init.service, this.id, reason);
  }

  /** No wait takes longer than until the next renewal would have come: the lease is running out. */
  private newBackoff(): Backoff {
    const { leaseMs, host } = this.init;
    return new Backoff(host.random, leaseMs / RENEWALS_PER_LEASE);
  }
}
