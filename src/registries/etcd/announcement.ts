import type { AnnouncedInstance } from '../../discovery/announced-instance.js';
import type { RegistrationSteps } from '../../discovery/registration.js';
import { type Fields, fieldsOf } from '../fields.js';
import { writeEntry } from './entry.js';
import type { Gateway } from './gateway.js';
import { GatewayError, isNotFound, type Purpose } from './gateway-error.js';
import { base64, numberOf, textOf } from './messages.js';

/**
 * An instance in etcd: a key with a lease. The lease ends when nobody keeps it alive, and the key with it.
 *
 * The key is made of the instance's id, so that an instance which enters itself anew, under whatever lease, replaces
 * itself; and the end of its old lease does not touch the key, which is the new one's.
 */
export class KeyAnnouncement implements RegistrationSteps {
  private readonly key: string;
  private readonly value: string;
  private readonly purpose: Purpose;
  private lease: string | undefined = undefined;

  constructor(
    instance: AnnouncedInstance,
    private readonly gateway: Gateway,
  ) {
    const prefix = `${gateway.settings.prefix}${instance.service}/`;
    this.purpose = { permission: 'readwrite', prefix };
    this.key = base64(prefix + instance.id);
    this.value = base64(writeEntry(instance));
  }

  async register(signal: AbortSignal): Promise<void> {
    const isOld = this.lease !== undefined;
    this.lease ??= await this.grant(signal);
    try {
      await this.put(this.lease, signal);
    } catch (error) {
      if (!isOld || !isGone(error)) throw error;
      this.lease = await this.grant(signal);
      await this.put(this.lease, signal);
    }
  }

  async renew(signal: AbortSignal): Promise<boolean> {
    if (this.lease === undefined) return false;
    const { result } = await this.call('/v3/lease/keepalive', { ID: this.lease }, signal);
    if (numberOf(fieldsOf(result).TTL) <= 0) {
      this.lease = undefined;
      return false;
    }
    // The lease may be there and the key not: somebody deleted it. To look is a local read of the member's.
    const { count } = await this.call('/v3/kv/range', { key: this.key, count_only: true, serializable: true }, signal);
    return numberOf(count) > 0;
  }

  /** Takes the key out by the end of its lease: a key that another process has entered by now under its own is left alone. */
  async remove(signal: AbortSignal): Promise<void> {
    if (this.lease === undefined) return;
    try {
      await this.call('/v3/lease/revoke', { ID: this.lease }, signal);
    } catch (error) {
      if (!isGone(error)) throw error;
    }
    this.lease = undefined;
  }

  private async grant(signal: AbortSignal): Promise<string> {
    const { ID } = await this.call('/v3/lease/grant', { TTL: this.gateway.settings.leaseMs / 1_000 }, signal);
    return textOf(ID);
  }

  private async put(lease: string, signal: AbortSignal): Promise<void> {
    await this.call('/v3/kv/put', { key: this.key, value: this.value, lease }, signal);
  }

  /** A member that does not answer must not take the time in which another one could be asked. */
  private call(path: string, body: Fields, signal: AbortSignal): Promise<Fields> {
    const { leaseMs, requestTimeoutMs } = this.gateway.settings;
    const timeoutMs = Math.min(requestTimeoutMs, leaseMs / 3);
    return this.gateway.callAny({ path, body, purpose: this.purpose, timeoutMs, signal });
  }
}

function isGone(error: unknown): boolean {
  return error instanceof GatewayError && isNotFound(error.refusal);
}
