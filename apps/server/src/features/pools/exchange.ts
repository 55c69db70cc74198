/**
 * Who may talk to whom (C9): one function with an answer and a reason, asked for people search, prekeys, submit, change of a group and the
 * fetching of an attachment. Everybody of a tenant is in one area until an administration draws closed ones.
 */
import { KuvertError, type PersonId } from '@kuvert/protocol';
import type { TenantScope } from '../../store/index.ts';
import type { PeopleService } from '../people/index.ts';

/** Why two people may exchange something or may not. */
type ExchangeReason = 'self' | 'same-area' | 'unknown-person';

/** An answer and its reason. */
export interface ExchangeAnswer {
  readonly may: boolean;
  readonly reason: ExchangeReason;
  /** The area that both are in. */
  readonly area?: string;
}

/** The area of everybody who was put into no other. */
const DEFAULT_AREA = 'default';

/** @see the top of this file */
export interface ExchangeService {
  /** May these two, who are both of the tenant, exchange something, and why? Reads nothing, for the way in of messages. */
  between(from: PersonId, to: PersonId): ExchangeAnswer;
  /** The same for anybody: whoever is not of the tenant is unknown. */
  why(scope: TenantScope, from: PersonId, to: PersonId): Promise<ExchangeAnswer>;
  /** For two who are both of the tenant. @throws KuvertError `exchange_refused` */
  requireBetween(from: PersonId, to: PersonId): void;
  /** @throws KuvertError `not_found` for somebody who is not there, `exchange_refused` */
  requireExchange(scope: TenantScope, from: PersonId, to: PersonId): Promise<void>;
}

/** @see ExchangeService */
export function createExchange(deps: { readonly people: Pick<PeopleService, 'exists'> }): ExchangeService {
  const { people } = deps;

  function between(from: PersonId, to: PersonId): ExchangeAnswer {
    if (from === to) return { may: true, reason: 'self' };
    return { may: true, reason: 'same-area', area: DEFAULT_AREA };
  }

  async function why(scope: TenantScope, from: PersonId, to: PersonId): Promise<ExchangeAnswer> {
    for (const person of from === to ? [from] : [from, to]) {
      if (!(await people.exists(scope, person))) return { may: false, reason: 'unknown-person' };
    }
    return between(from, to);
  }

  function requireMay({ may, reason }: ExchangeAnswer): void {
    if (!may) throw new KuvertError(reason === 'unknown-person' ? 'not_found' : 'exchange_refused');
  }

  return {
    between,
    why,
    requireBetween: (from, to) => requireMay(between(from, to)),
    requireExchange: async (scope, from, to) => requireMay(await why(scope, from, to)),
  };
}
