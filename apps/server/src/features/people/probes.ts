/**
 * Guessing who is here (trust.md §5.4 row 13). Everybody may look up colleagues by address; who asks for thousands of addresses that
 * nobody has is slowed down and shows up in log and metrics.
 */
import { KuvertError } from '@kuvert/protocol';
import type { Clock } from '../../clock.ts';
import { LeakyBuckets } from '../../limits/leaky-buckets.ts';

/** Look-ups of one device that find nobody. */
export const PROBE_LIMIT = { burst: 200, perSecond: 0.2 } as const;

/** What a look-up that finds somebody counts: a script may write to thousands of people, but not for ever. */
export const HIT_COST = 0.02;

/** A device that asks. */
export interface Prober {
  readonly tenantId: string;
  readonly deviceId: string;
}

/** Runs look-ups and counts those that find nobody. */
export function createProbes(deps: {
  readonly clock: Clock;
  readonly onLimit: (device: Prober) => void;
}): <T>(device: Prober, lookUp: () => Promise<T>) => Promise<T> {
  const { clock, onLimit } = deps;
  const buckets = new LeakyBuckets({
    limit: PROBE_LIMIT,
    clock,
    onClosed: (key) => {
      const [tenantId = '', deviceId = ''] = key.split(' ');
      onLimit({ tenantId, deviceId });
    },
  });
  return async ({ tenantId, deviceId }, lookUp) => {
    const key = `${tenantId} ${deviceId}`;
    // Counted before, so that look-ups at the same time cannot all find room.
    buckets.take(key);
    let isMiss = false;
    try {
      return await lookUp();
    } catch (error) {
      isMiss = error instanceof KuvertError && error.code === 'not_found';
      throw error;
    } finally {
      if (!isMiss) buckets.giveBack(key, 1 - HIT_COST);
    }
  };
}
