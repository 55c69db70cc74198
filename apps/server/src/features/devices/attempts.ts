/**
 * How often somebody may show a wrong secret for one token id. The count of a token that exists is kept in the store too, so that a
 * restart does not give new attempts; it is written behind the answer, so that neither the time nor the answer tells whether there is such
 * a token: ids that name nothing are counted alike, in memory.
 */
import { type EnrolmentTokenId, KuvertError, type TenantId } from '@kuvert/protocol';
import type { Clock } from '../../clock.ts';
import type { Store, TenantScope } from '../../store/index.ts';
import { tokenAttempts } from './collections.ts';

/** Wrong secrets for one token id in one window; what one address may fail at in the long run. */
export const ATTEMPT_LIMITS = {
  windowMs: 10 * 60_000,
  perToken: 10,
  /** Attempts that succeed do not count: an office may stand behind one address. */
  perAddress: { burst: 100, perSecond: 1 },
} as const;

const REMEMBERED_MAX = 10_000;

/** @see createTokenAttempts */
export interface TokenAttempts {
  /**
   * To be asked before a secret is looked at; `decide` then looks at it, and false counts as a wrong one.
   * @throws KuvertError `rate_limited` with the time until the window ends
   */
  judge(
    about: { scope: TenantScope | undefined; tenantId: TenantId; tokenId: EnrolmentTokenId; exists: boolean },
    decide: () => boolean,
  ): Promise<boolean>;
}

/** @see the head of this file */
export function createTokenAttempts(deps: {
  readonly store: Pick<Store, 'ops'>;
  readonly clock: Clock;
  /** Somebody has reached the limit of one token. */
  readonly onLimit: () => void;
}): TokenAttempts {
  const { store, clock, onLimit } = deps;
  const wrong = new Map<string, number>();
  let windowNow = 0;

  return {
    async judge({ scope, tenantId, tokenId, exists }, decide) {
      const window = Math.floor(clock.nowMs() / ATTEMPT_LIMITS.windowMs);
      const stored = (await scope?.find(tokenAttempts, tokenId, window))?.value ?? 0;
      if (window !== windowNow) wrong.clear();
      windowNow = window;
      // No await from here on: attempts at the same time cannot all see the count of the first.
      const key = tenantId + tokenId;
      const count = Math.max(stored, wrong.get(key) ?? 0);
      const endsAt = (window + 1) * ATTEMPT_LIMITS.windowMs;
      if (count >= ATTEMPT_LIMITS.perToken) {
        throw new KuvertError('rate_limited', { retry: { kind: 'after', ms: endsAt - clock.nowMs() } });
      }
      if (decide()) return true;
      if (count + 1 === ATTEMPT_LIMITS.perToken) onLimit();
      if (wrong.size >= REMEMBERED_MAX) wrong.delete(wrong.keys().next().value ?? '');
      wrong.set(key, count + 1);
      if (scope !== undefined && exists) {
        // What the store refuses (a full disk) is still counted in memory.
        void scope
          .commit([store.ops.put(tokenAttempts, [tokenId, window], count + 1, endsAt)])
          .catch(() => undefined);
      }
      return false;
    },
  };
}
