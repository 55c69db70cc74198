/**
 * How an account key follows another (wire.md §2). With **succession** the old key signs the new one and the authority countersigns; a
 * **reset** is by the authority alone, for somebody who has lost all signers. Either is a certificate that names the key before it, so
 * whoever has pinned an older key can follow the changes up to the present one and say which kind they were.
 */
import {
  AccountCertificate,
  AccountSuccession,
  type CborValue,
  equalBytes,
  type KeyChange,
  KuvertError,
  type PersonId,
  type Signed,
  type TenantId,
} from '@kuvert/protocol';
import { openStatement, signValue } from './statement.ts';

/** How a key came in the place of a pinned one. */
export type KeyChangeKind = 'succession' | 'reset';

/** Whose keys. */
export interface AccountName {
  readonly tenantId: TenantId;
  readonly personId: PersonId;
}

/** The old key's statement that the new one follows it. */
export function signSuccession(
  oldPrivateKey: Uint8Array,
  change: AccountName & {
    readonly from: Uint8Array<ArrayBuffer>;
    readonly to: Uint8Array<ArrayBuffer>;
    readonly nowMs: number;
  },
): Signed {
  const { tenantId: tenant, personId: person, from, to, nowMs } = change;
  const statement: AccountSuccession = { v: 1, tenant, person, from, to, issuedAt: nowMs };
  return signValue('accountSuccession', oldPrivateKey, AccountSuccession.parse(statement) as CborValue);
}

/** The authority's certificate for a key that follows another. */
export function certifyNextAccount(
  authorityPrivateKey: Uint8Array,
  change: AccountName & {
    readonly kind: KeyChangeKind;
    readonly from: Uint8Array<ArrayBuffer>;
    readonly to: Uint8Array<ArrayBuffer>;
    readonly nowMs: number;
  },
): Signed {
  const { tenantId: tenant, personId: person, kind, from, to, nowMs } = change;
  const certificate: AccountCertificate = {
    v: 1,
    tenant,
    person,
    accountKey: to,
    kind,
    previousKey: from,
    issuedAt: nowMs,
  };
  return signValue(
    'accountCertificate',
    authorityPrivateKey,
    AccountCertificate.parse(certificate) as CborValue,
  );
}

/** Checks an old key's statement. @throws KuvertError `identity_not_trusted` */
export function verifySuccession(
  signed: Signed,
  expected: AccountName & { readonly from: Uint8Array; readonly to: Uint8Array },
): void {
  const statement = openStatement('accountSuccession', AccountSuccession, signed, expected.from);
  const fits =
    statement.tenant === expected.tenantId &&
    statement.person === expected.personId &&
    equalBytes(statement.from, expected.from) &&
    equalBytes(statement.to, expected.to);
  if (!fits) throw new KuvertError('identity_not_trusted');
}

/**
 * Follows the changes from one key to another. A change that does not verify ends the way, so a server can leave changes out, but make none.
 * @returns `succession` when each key vouches for the next, `reset` when the authority alone vouches for one of them; undefined when no
 *   way leads there
 */
export function followKeyChanges(
  changes: readonly KeyChange[],
  ends: AccountName & {
    readonly authorityKey: Uint8Array;
    readonly from: Uint8Array;
    readonly to: Uint8Array;
  },
): KeyChangeKind | undefined {
  let key = ends.from;
  let kind: KeyChangeKind = 'succession';
  for (const change of changes) {
    const step = openStep(change, ends, key);
    if (step === undefined) continue;
    if (step.kind === 'reset') kind = 'reset';
    key = step.accountKey;
    if (equalBytes(key, ends.to)) return kind;
  }
  return undefined;
}

function openStep(
  change: KeyChange,
  ends: AccountName & { readonly authorityKey: Uint8Array },
  from: Uint8Array,
): { readonly kind: KeyChangeKind; readonly accountKey: Uint8Array } | undefined {
  const { tenantId, personId, authorityKey } = ends;
  try {
    const step = openStatement('accountCertificate', AccountCertificate, change.certificate, authorityKey);
    const { kind, previousKey, accountKey } = step;
    const isOfPerson = step.tenant === tenantId && step.person === personId;
    if (!isOfPerson || kind === 'first' || previousKey === undefined || !equalBytes(previousKey, from)) {
      return undefined;
    }
    if (kind === 'succession') {
      if (change.succession === undefined) return undefined;
      verifySuccession(change.succession, { tenantId, personId, from, to: accountKey });
    }
    return { kind, accountKey };
  } catch (error) {
    if (error instanceof KuvertError) return undefined;
    throw error;
  }
}
