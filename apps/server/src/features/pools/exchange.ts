/**
 * Who may talk to whom (C9), in one function with an answer and a reason: asked for people search, prekeys, submit and change of a group.
 * Everybody is in the default pool until an administration makes more of them.
 */
import { KuvertError, type PersonId } from '@kuvert/protocol';
import type { TenantScope } from '../../store/index.ts';
import type { PeopleService } from '../people/index.ts';

/** Why two people may exchange something or may not. */
export type ExchangeReason = 'self' | 'same-pool' | 'unknown-person';

/** An answer and its reason. */
export interface ExchangeAnswer {
  readonly may: boolean;
  readonly reason: ExchangeReason;
  /** The pool that both are in. */
  readonly pool?: string;
}

/** The pool of everybody who was put into no other. */
export const DEFAULT_POOL = 'default';

/** @see the top of this file */
export interface ExchangeService {
  /** May these two exchange something, and why? */
  mayExchange(scope: TenantScope, from: PersonId, to: PersonId): Promise<ExchangeAnswer>;
  /** @throws KuvertError `not_found` for somebody who is not there, `exchange_refused` */
  requireExchange(scope: TenantScope, from: PersonId, to: PersonId): Promise<void>;
}

/** @see ExchangeService */
export function createExchange(deps: { readonly people: Pick<PeopleService, 'exists'> }): ExchangeService {
  const { people } = deps;

  async function mayExchange(scope: TenantScope, from: PersonId, to: PersonId): Promise<ExchangeAnswer> {
    if (from === to) return { may: true, reason: 'self' };
    for (const person of [from, to]) {
      if (!(await people.exists(scope, person))) return { may: false, reason: 'unknown-person' };
    }
    return { may: true, reason: 'same-pool', pool: DEFAULT_POOL };
  }

  return {
    mayExchange,
    async requireExchange(scope, from, to) {
      const { may, reason } = await mayExchange(scope, from, to);
      if (!may) throw new KuvertError(reason === 'unknown-person' ? 'not_found' : 'exchange_refused');
    },
  };
}
