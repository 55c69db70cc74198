/** What is under way, counted, so that one device cannot hold every socket and file, and known by device, so that it ends with the device. */
import type { DeviceId, TenantId } from '@kuvert/protocol';
import { refusal } from '../../limits/refusal.ts';
import type { Capability } from './capability.ts';
import { TRANSFERS_MAX } from './limits.ts';

const BUSY_RETRY_MS = 2_000;

/** @see the top of this file */
export class Transfers {
  readonly #byDevice = new Map<string, Set<() => void>>();
  #all = 0;

  /**
   * Begins one.
   * @param stop ends its connection
   * @returns says that it is over; may be called twice
   * @throws KuvertError `rate_limited`, `overloaded`
   */
  begin({ tenantId, deviceId }: Pick<Capability, 'tenantId' | 'deviceId'>, stop: () => void): () => void {
    const key = `${tenantId} ${deviceId}`;
    const present = this.#byDevice.get(key) ?? new Set();
    if (present.size >= TRANSFERS_MAX.perDevice) throw refusal('rate_limited', BUSY_RETRY_MS);
    if (this.#all >= TRANSFERS_MAX.all) throw refusal('overloaded', BUSY_RETRY_MS);
    // Each has a place of its own, whether or not two share what stops them.
    const place = () => stop();
    this.#byDevice.set(key, present.add(place));
    this.#all++;
    return () => {
      if (!present.delete(place)) return;
      this.#all--;
      if (present.size === 0) this.#byDevice.delete(key);
    };
  }

  /** Runs one. @throws KuvertError as {@link Transfers.begin} and as `work` */
  async run<T>(capability: Capability, stop: () => void, work: () => Promise<T>): Promise<T> {
    const end = this.begin(capability, stop);
    try {
      return await work();
    } finally {
      end();
    }
  }

  /** Ends whatever the devices of a tenant move now. */
  cutTenant(tenantId: TenantId): void {
    for (const [key, stops] of this.#byDevice) {
      if (key.startsWith(`${tenantId} `)) for (const stop of [...stops]) stop();
    }
  }

  /** Ends whatever a device moves now. */
  cut(tenantId: TenantId, deviceId: DeviceId): void {
    for (const stop of [...(this.#byDevice.get(`${tenantId} ${deviceId}`) ?? [])]) stop();
  }
}
