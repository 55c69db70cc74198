/** Enrolment tokens: making them and checking what somebody shows as one. */
import { createHash, timingSafeEqual } from 'node:crypto';
import {
  type EnrolmentTokenId,
  encodeToken,
  KuvertError,
  LABELS,
  makeId,
  type PersonId,
  type TenantId,
} from '@kuvert/protocol';
import type { Clock, Random } from '../../clock.ts';
import { type NoteEffect, UNNOTED } from '../../effects.ts';
import type { RowOf, Store, TenantScope } from '../../store/index.ts';
import type { AuditRecords } from '../audit/index.ts';
import type { PeopleService } from '../people/index.ts';
import type { TenantService } from '../tenants/index.ts';
import type { TokenAttempts } from './attempts.ts';
import { enrolmentTokens } from './collections.ts';

const DAY_MS = 86_400_000;
/** How long a token may be used. */
export const TOKEN_LIFETIME_MS = 7 * DAY_MS;
/** How long a token that was used or has expired still gets an answer of its own. */
const TOKEN_MEMORY_MS = 30 * DAY_MS;

/** What somebody shows who wants to enrol. */
export interface TokenProof {
  readonly tenantId: TenantId;
  readonly tokenId: EnrolmentTokenId;
  /** 32 bytes. */
  readonly secret: Uint8Array;
}

/** A token's stored row. */
export type TokenRow = RowOf<typeof enrolmentTokens>;

/** A token as text, shown once. */
export interface MadeToken {
  readonly token: string;
  readonly expiresAtMs: number;
}

/** @see createTokens */
export interface Tokens {
  /**
   * A new token as text, for one device of this person. For somebody who has a device it only leads to this server and tenant: the
   * device has to be linked by one that may sign.
   * @throws KuvertError `not_found`
   */
  create(
    personId: PersonId,
    purpose?: 'enrol' | 'reset',
    note?: (made: MadeToken) => NoteEffect<'tenant'>,
  ): Promise<MadeToken>;
  /**
   * The token's row, used and expired ones included.
   * @throws KuvertError `token_not_valid` for an unknown tenant, an unknown token and a wrong secret alike; `rate_limited` after some of them;
   *   `tenant_suspended`
   */
  check(proof: TokenProof): Promise<{ scope: TenantScope; token: TokenRow }>;
}

/** Makes and checks enrolment tokens. */
export function createTokens(deps: {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly people: PeopleService;
  readonly tenants: TenantService;
  /** The server's Noise static public key, 32 bytes: what devices pin. */
  readonly serverStatic: Uint8Array;
  readonly attempts: TokenAttempts;
  readonly audit: AuditRecords;
}): Tokens {
  const { store, clock, random, people, tenants, serverStatic, attempts, audit } = deps;

  return {
    async create(personId, purpose = 'enrol', note) {
      const tenantId = await people.tenantOf(personId);
      const scope = store.tenant(tenantId);
      const { rootHash } = await tenants.profile(scope);
      const secret = random(32);
      const tokenId = makeId('enrolmentToken', random(16));
      const createdAt = clock.nowMs();
      const expiresAt = createdAt + TOKEN_LIFETIME_MS;
      const made = {
        token: encodeToken({ tenantId, tokenId, secret, serverStatic, rootHash }),
        expiresAtMs: expiresAt,
      };
      const noted = note?.(made) ?? UNNOTED.tenant;
      await scope.write(async (tx) => {
        await people.requireThere(tx, personId);
        tx.insert(enrolmentTokens, {
          tokenId,
          personId,
          secretHash: secretHash(secret),
          createdAt,
          expiresAt,
          usedForList: null,
          purpose,
          forgetAt: expiresAt + TOKEN_MEMORY_MS,
        });
        const after = { tokenId, purpose, expiresAt };
        audit.inTenant(tx, tenantId, { action: 'token.created', object: personId, after });
        await noted(tx, {});
      });
      return made;
    },

    async check({ tenantId, tokenId, secret }) {
      // An unknown tenant, an unknown token and a wrong secret take the same steps, so that the time tells nothing either.
      const shown = secretHash(secret);
      const state = await tenants.stateOf(tenantId);
      const scope = state === undefined ? undefined : store.tenant(tenantId);
      const token = await scope?.find(enrolmentTokens, tokenId);
      // As many reads as in a tenant that is there: its token, and how often a wrong secret was shown for it.
      if (scope === undefined) for (let reads = 0; reads < 2; reads++) await tenants.exists(tenantId);
      const exists = token !== undefined;
      const fits = await attempts.judge({ scope, tenantId, tokenId, exists }, () =>
        timingSafeEqual(shown, token?.secretHash ?? NO_SECRET_HASH),
      );
      if (scope === undefined || token === undefined || !fits) throw new KuvertError('token_not_valid');
      // Said only to whoever has a token of it.
      if (state === 'suspended') throw new KuvertError('tenant_suspended');
      return { scope, token };
    },
  };
}

function secretHash(secret: Uint8Array): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(createHash('sha256').update(LABELS.tokenSecret).update(secret).digest());
}

/** The hash of nothing that anybody could show. */
const NO_SECRET_HASH = new Uint8Array(32);
