/**
 * How long somebody has to wait after wrong passwords: per account and address, doubling, kept in the store. From many addresses at once an account can
 * still be tried, so beyond a hundred failures in a row only addresses are heard from which it was signed in to before. Whoever shows the token of a known device, or has a session, is
 * counted apart from all that, so nobody can lock somebody out who has one.
 */
import { KuvertError, LABELS, type SessionId } from '@kuvert/protocol';
import type { Clock } from '../../clock.ts';
import { LeakyBuckets } from '../../limits/leaky-buckets.ts';
import type { Store, Tx } from '../../store/index.ts';
import { knownDevices, signInFailures } from './collections.ts';
import { KNOWN_DEVICE_LIMITS } from './known-devices.ts';
import { secretHash } from './secret-hash.ts';

/** Failures that cost nothing but their hash, the longest wait, and when an account listens to known addresses only. */
export const SIGN_IN_LIMITS = {
  freeFailures: 5,
  waitMaxMs: 900_000,
  strangersUpTo: 100,
  /** Without a failure for so long, all is forgotten. */
  rememberedMs: 86_400_000,
  perAddress: { burst: 60, perSecond: 0.2 },
} as const;
/** How long an address is known after a sign-in. */
const KNOWN_MS = 30 * 86_400_000;

/** Who wants to sign in, and from where. Nobody need be there by that mail address. */
export interface SignInTry {
  readonly mail: string;
  readonly address: string;
  /** Whose tries are counted by themselves: a known device, by the hash of its token, or who has signed in. */
  readonly apart?:
    | { readonly kind: 'device'; readonly tokenHash: Uint8Array<ArrayBuffer> }
    | { readonly kind: 'session'; readonly sessionId: SessionId }
    | undefined;
}

interface Failures {
  readonly count: number;
  readonly lastAtMs: number;
}

/** @see the head of this file */
export class SignInDelays {
  readonly #store: Pick<Store, 'operator' | 'ops'>;
  readonly #clock: Clock;
  readonly #perAddress: LeakyBuckets;

  /** @param deps.onLimit an address or an account has begun to be refused */
  constructor(deps: { store: Pick<Store, 'operator' | 'ops'>; clock: Clock; onLimit: () => void }) {
    this.#store = deps.store;
    this.#clock = deps.clock;
    this.#perAddress = new LeakyBuckets({
      limit: SIGN_IN_LIMITS.perAddress,
      clock: deps.clock,
      onClosed: deps.onLimit,
    });
  }

  /**
   * To be asked before a password is looked at. Counts as a failure until it is known to be none, or of many at once each would be looked at as if it were the first.
   * @throws KuvertError `rate_limited` with the time to wait
   */
  async admit(tried: SignInTry): Promise<void> {
    if (tried.apart !== undefined && (await this.#admitApart(tried.apart))) return;
    this.#perAddress.take(tried.address);
    const keys = keysOf(tried);
    const { ops } = this.#store;
    await this.#store.operator().write(async (tx) => {
      const nowMs = this.#clock.nowMs();
      const here = await this.#count(tx, keys.here);
      const everywhere = await this.#count(tx, keys.everywhere);
      const waitMs = here.lastAtMs + waitAfter(here.count) - nowMs;
      if (waitMs > 0) throw new KuvertError('rate_limited', { retry: { kind: 'after', ms: waitMs } });
      const isStrange = (await this.#count(tx, keys.known)).count === 0;
      if (everywhere.count > SIGN_IN_LIMITS.strangersUpTo && isStrange)
        throw new KuvertError('rate_limited', { retry: { kind: 'after', ms: SIGN_IN_LIMITS.waitMaxMs } });
      const until = nowMs + SIGN_IN_LIMITS.rememberedMs;
      const more = ({ count }: Failures) => ({ count: count + 1, lastAtMs: nowMs });
      tx.apply(ops.put(signInFailures, [keys.here], more(here), until));
      tx.apply(ops.put(signInFailures, [keys.everywhere], more(everywhere), until));
    });
  }

  /**
   * Counts a try of a known device or within a session by itself.
   * @returns false for a device that is known no more, which is then like any other
   */
  async #admitApart(apart: NonNullable<SignInTry['apart']>): Promise<boolean> {
    const key = keyApart(apart);
    const { ops } = this.#store;
    return this.#store.operator().write(async (tx) => {
      const nowMs = this.#clock.nowMs();
      if (apart.kind === 'device' && (await tx.find(knownDevices, apart.tokenHash)) === undefined)
        return false;
      const { count, lastAtMs } = await this.#count(tx, key);
      const waitMs = lastAtMs + waitAfter(count) - nowMs;
      if (waitMs > 0) throw new KuvertError('rate_limited', { retry: { kind: 'after', ms: waitMs } });
      // Whoever has found a token has so many tries with it and no more; who was right is given another anyway.
      if (apart.kind === 'device' && count + 1 >= KNOWN_DEVICE_LIMITS.wrongTries)
        tx.delete(knownDevices, apart.tokenHash);
      const until = nowMs + KNOWN_DEVICE_LIMITS.keptMs;
      tx.apply(ops.put(signInFailures, [key], { count: count + 1, lastAtMs: nowMs }, until));
      return true;
    });
  }

  /** What was shown was wrong, as was counted when it was admitted. @param record writes down that it was */
  async failed(record: (tx: Tx<'operator'>) => void): Promise<void> {
    await this.#store.operator().write(record);
  }

  /** It was no failure, or nobody came to look at it; what failed before still counts. */
  async takenBack(tried: SignInTry): Promise<void> {
    const keys = keysOf(tried);
    const { ops } = this.#store;
    await this.#store.operator().write(async (tx) => {
      const counted = tried.apart === undefined ? [keys.here, keys.everywhere] : [keyApart(tried.apart)];
      for (const key of counted) {
        const { count, lastAtMs } = await this.#count(tx, key);
        const until = lastAtMs + SIGN_IN_LIMITS.rememberedMs;
        if (count > 0) tx.apply(ops.put(signInFailures, [key], { count: count - 1, lastAtMs }, until));
      }
    });
  }

  /** It was right: what failed before is forgotten, and this address is known from now on. */
  async succeeded(tried: SignInTry): Promise<void> {
    const { ops } = this.#store;
    const keys = keysOf(tried);
    const lastAtMs = this.#clock.nowMs();
    if (tried.apart === undefined) this.#perAddress.giveBack(tried.address, 1);
    // What strangers have failed at goes on to count for strangers.
    const forgiven = tried.apart === undefined ? [keys.here, keys.everywhere] : [keyApart(tried.apart)];
    await this.#store
      .operator()
      .commit([
        ...forgiven.map((key) => ops.delete(signInFailures, [key])),
        ops.put(signInFailures, [keys.known], { count: 1, lastAtMs }, lastAtMs + KNOWN_MS),
      ]);
  }

  async #count(tx: Pick<Tx<'operator'>, 'find'>, key: Uint8Array): Promise<Failures> {
    const row = await tx.find(signInFailures, key);
    const isOver = row?.expiresAt !== undefined && row.expiresAt <= this.#clock.nowMs();
    return row === undefined || isOver ? { count: 0, lastAtMs: 0 } : row.value;
  }
}

function waitAfter(failures: number): number {
  const beyond = failures - SIGN_IN_LIMITS.freeFailures;
  return beyond < 0 ? 0 : Math.min(SIGN_IN_LIMITS.waitMaxMs, 1_000 * 2 ** Math.min(beyond, 20));
}

/** Hashes, because a list of who failed to sign in where is nothing to keep readable. */
function keysOf({ mail, address }: SignInTry) {
  return {
    here: hash('here', mail, address),
    everywhere: hash('everywhere', mail),
    known: hash('known', mail, address),
  };
}

function keyApart(apart: NonNullable<SignInTry['apart']>): Uint8Array<ArrayBuffer> {
  if (apart.kind === 'session') return hash('session', apart.sessionId);
  return hash('device', Buffer.from(apart.tokenHash).toString('hex'));
}

function hash(...parts: string[]): Uint8Array<ArrayBuffer> {
  return secretHash(LABELS.signInTry, parts.join('\n'));
}
