/** How much one device may send to one person, and one person may be sent, in a time; and whether there is room in the server at all. */
import { CLASSES, type DeviceId, type Submit, type TenantId } from '@kuvert/protocol';
import type { Clock } from '../../clock.ts';
import type { Admission } from '../../limits/admission.ts';
import { LeakyBuckets } from '../../limits/leaky-buckets.ts';
import { TRAFFIC } from './limits.ts';

/** Recipients of one connection whose keys of buckets are kept. */
const BUCKET_KEYS_MAX = 256;

interface BucketKeys {
  /** What this device sends them. Device ids are chosen by devices, so the tenant is a part. */
  readonly pair: string;
  /** What anybody sends them. */
  readonly recipient: string;
}

/** Names the buckets of one connection by recipient: long texts that are made once. */
export class BucketNames {
  readonly #byRecipient = new Map<string, BucketKeys>();
  readonly #tenantId: TenantId;
  readonly #deviceId: DeviceId;

  constructor(tenantId: TenantId, deviceId: DeviceId) {
    this.#tenantId = tenantId;
    this.#deviceId = deviceId;
  }

  /** @param to a person or a group */
  of(to: string): BucketKeys {
    let keys = this.#byRecipient.get(to);
    if (keys === undefined) {
      if (this.#byRecipient.size >= BUCKET_KEYS_MAX) this.#byRecipient.clear();
      keys = { pair: this.#tenantId + this.#deviceId + to, recipient: this.#tenantId + to };
      this.#byRecipient.set(to, keys);
    }
    return keys;
  }
}

/** @see createTraffic */
export interface Traffic {
  /**
   * Counts a submit of so many bytes in, at this monotonic time. @returns says that it is over
   * @throws KuvertError `overloaded`, `rate_limited`, each with the time after which there is room
   */
  enter(names: BucketNames, submit: Pick<Submit, 'to' | 'class'>, bytes: number, nowMs: number): () => void;
}

/** @see the top of this file */
export function createTraffic(deps: {
  readonly clock: Clock;
  /** Decides whether there is room in the server. */
  readonly admission: Pick<Admission, 'enter'>;
  /** How many times the limits of {@link TRAFFIC} hold; 1 if not given. */
  readonly trafficFactor?: number | undefined;
  /** A device has sent one person more than {@link TRAFFIC} allows, or a person was sent more. */
  readonly onLimit?: ((limit: keyof typeof TRAFFIC) => void) | undefined;
}): Traffic {
  const { clock, admission, trafficFactor: factor = 1 } = deps;
  const buckets = (limit: keyof typeof TRAFFIC): LeakyBuckets => {
    const { burst, perSecond } = TRAFFIC[limit];
    return new LeakyBuckets({
      limit: { burst: burst * factor, perSecond: perSecond * factor },
      clock,
      onClosed: () => deps.onLimit?.(limit),
    });
  };
  const pairSubmits = buckets('pairSubmits');
  const pairEphemerals = buckets('pairEphemerals');
  const recipientBytes = buckets('recipientBytes');

  return {
    enter(names, submit, bytes, nowMs) {
      const { pair, recipient } = names.of(submit.to);
      // Signs of writing use up nothing that messages need.
      const ofPair = submit.class === CLASSES.ephemeral ? pairEphemerals : pairSubmits;
      ofPair.take(pair, 1, nowMs);
      recipientBytes.take(recipient, bytes, nowMs);
      try {
        return admission.enter(bytes, nowMs);
      } catch (error) {
        ofPair.giveBack(pair, 1);
        recipientBytes.giveBack(recipient, bytes);
        throw error;
      }
    },
  };
}
