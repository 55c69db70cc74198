/**
 * Passwords that somebody is about to choose: judged with what is known of them and their organisations, before the choice as often as a meter asks that follows the typing, and
 * once more when it is made. What is asked about is neither kept nor logged.
 */
import { KuvertError } from '@kuvert/protocol';
import type { Clock } from '../../clock.ts';
import { LeakyBuckets } from '../../limits/leaky-buckets.ts';
import type { TenantService } from '../tenants/index.ts';
import type { BreachedPasswords } from './breached-passwords.ts';
import { type Judgement, judgePassword, requireStrong } from './password-strength.ts';
import { INSTALLATION, type Place } from './places.ts';

/** Judgements that an address may ask for before it chooses; each costs some tens of milliseconds. */
export const PASSWORD_CHECKS = { burst: 30, perSecond: 0.5 } as const;

/** Whose password it is going to be. */
export interface Chooser {
  /** Name and mail address, as far as they are known. */
  readonly words: readonly (string | undefined)[];
  readonly places: readonly Place[];
}

/** @see the head of this file */
export class NewPasswords {
  readonly #tenants: Pick<TenantService, 'facts'>;
  readonly #breached: Pick<BreachedPasswords, 'has'>;
  readonly #checks: LeakyBuckets;

  constructor(deps: {
    readonly tenants: Pick<TenantService, 'facts'>;
    readonly breached: Pick<BreachedPasswords, 'has'>;
    readonly clock: Clock;
    readonly onLimit: () => void;
  }) {
    this.#tenants = deps.tenants;
    this.#breached = deps.breached;
    this.#checks = new LeakyBuckets({ limit: PASSWORD_CHECKS, clock: deps.clock, onClosed: deps.onLimit });
  }

  /** Before the choice. @throws KuvertError `rate_limited` */
  async check(password: string, chooser: Chooser, address: string): Promise<Judgement> {
    this.#checks.take(address);
    return this.#judge(password, chooser);
  }

  /** At the choice. @throws KuvertError `password_weak` */
  async require(password: string, chooser: Chooser): Promise<void> {
    requireStrong(await this.#judge(password, chooser));
  }

  async #judge(password: string, { words, places }: Chooser): Promise<Judgement> {
    const names = await Promise.all([...new Set(places)].map((place) => this.#nameOf(place)));
    const known = [...words, ...names].filter((word) => word !== undefined);
    return judgePassword(password, known, this.#breached);
  }

  /** What an organisation is called, which everybody in it would try first. */
  async #nameOf(place: Place): Promise<string | undefined> {
    if (place === INSTALLATION) return undefined;
    try {
      return (await this.#tenants.facts(place)).name;
    } catch (error) {
      if (error instanceof KuvertError && error.code === 'not_found') return undefined;
      throw error;
    }
  }
}
