/**
 * How somebody becomes an administrator: with a code that works once. Whoever holds it chooses a password, adds the secret to an authenticator app and
 * shows a code from there; only then there is an account. Nobody ever knows or sets another's password.
 */
import { KuvertError, makeId } from '@kuvert/protocol';
import type { Grant } from '@kuvert/protocol/admin';
import type { Clock, Random } from '../../clock.ts';
import { type RowOf, type Store, StoreError } from '../../store/index.ts';
import { type AuditRecords, logsOf } from '../audit/index.ts';
import { administrators, invitations } from './collections.ts';
import { acceptTotp, hashOfCode, newCode, newRecoveryCodes, newTotpSecret } from './one-time-codes.ts';
import { requireStrongPassword } from './password-strength.ts';
import type { Passwords } from './passwords.ts';

/** How long the set-up code of a start works, and any other invitation. */
const INVITATION_MS = { setUp: 30 * 60_000, other: 72 * 3_600_000 } as const;

type Administrator = RowOf<typeof administrators>;

/** @see the head of this file */
export class Invitations {
  readonly #store: Pick<Store, 'operator'>;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #passwords: Passwords;
  readonly #audit: AuditRecords;

  constructor(deps: {
    store: Pick<Store, 'operator'>;
    clock: Clock;
    random: Random;
    passwords: Passwords;
    audit: AuditRecords;
  }) {
    this.#store = deps.store;
    this.#clock = deps.clock;
    this.#random = deps.random;
    this.#passwords = deps.passwords;
    this.#audit = deps.audit;
  }

  /** A code that makes whoever shows it the first operator. Codes of earlier starts end with it. */
  async makeSetUpCode(): Promise<string> {
    const code = newCode(this.#random);
    const { rows } = await this.#store
      .operator()
      .list(invitations, { index: 'byKind', equals: ['set-up'], limit: 100 });
    const grants: Grant[] = [{ role: 'operator', scope: { kind: 'installation' } }];
    const createdAt = this.#clock.nowMs();
    await this.#store.operator().write((tx) => {
      for (const { codeHash } of rows) tx.delete(invitations, codeHash);
      tx.insert(invitations, {
        codeHash: hashOfCode(code, 'invitationCode'),
        kind: 'set-up',
        grants,
        chosen: null,
        createdAt,
        expiresAt: createdAt + INVITATION_MS.setUp,
      });
      this.#audit.inOperator(tx, ['operator'], { action: 'set-up.code-made' });
    });
    return code;
  }

  /**
   * Chooses name, address and password. May be repeated; the last choice counts.
   * @throws KuvertError `invitation_not_valid`, `password_weak`
   */
  async open(
    code: string,
    choice: { readonly name: string; readonly mail: string; readonly password: string },
  ): Promise<{ totpSecret: string }> {
    const { name, mail, password } = choice;
    await this.#find(code);
    await requireStrongPassword(password, [name, mail]);
    const passwordHash = await this.#passwords.hash(password);
    const totpSecret = newTotpSecret();
    await this.#store.operator().write(async (tx) => {
      const present = await tx.find(invitations, hashOfCode(code, 'invitationCode'));
      if (present === undefined) throw new KuvertError('invitation_not_valid');
      tx.put(invitations, { ...present, chosen: { name, mail, passwordHash, totpSecret } });
    });
    return { totpSecret };
  }

  /**
   * Makes the account.
   * @throws KuvertError `invitation_not_valid`, `sign_in_failed` for a wrong code of the app, `mail_taken`
   */
  async accept(
    code: string,
    totp: string,
  ): Promise<{ administrator: Administrator; recoveryCodes: string[] }> {
    const { chosen } = await this.#find(code);
    if (chosen === null) throw new KuvertError('invitation_not_valid');
    const nowMs = this.#clock.nowMs();
    const step = acceptTotp(totp, { secret: chosen.totpSecret, afterStep: 0, nowMs });
    if (step === undefined) throw new KuvertError('sign_in_failed');
    const recovery = newRecoveryCodes(this.#random);
    const administratorId = makeId('administrator', this.#random(16));
    try {
      const administrator = await this.#store.operator().write(async (tx) => {
        const codeHash = hashOfCode(code, 'invitationCode');
        const present = await tx.find(invitations, codeHash);
        // Somebody may have used it, or chosen anew, since it was looked at.
        if (present?.chosen?.totpSecret !== chosen.totpSecret) throw new KuvertError('invitation_not_valid');
        const row: Administrator = {
          administratorId,
          ...chosen,
          passwordSetAt: nowMs,
          totpStep: step,
          recoveryHashes: recovery.hashes,
          grants: present.grants,
          createdAt: nowMs,
        };
        tx.delete(invitations, codeHash);
        tx.insert(administrators, row);
        const after = { name: row.name, mail: row.mail, roles: row.grants.map(({ role }) => role) };
        this.#audit.inOperator(tx, logsOf(row.grants), {
          action: 'administrator.created',
          actor: administratorId,
          object: administratorId,
          after,
        });
        return row;
      });
      return { administrator, recoveryCodes: recovery.codes };
    } catch (error) {
      if (error instanceof StoreError && error.code === 'not_unique') throw new KuvertError('mail_taken');
      throw error;
    }
  }

  async #find(code: string): Promise<RowOf<typeof invitations>> {
    const row = await this.#store.operator().find(invitations, hashOfCode(code, 'invitationCode'));
    if (row === undefined || row.expiresAt <= this.#clock.nowMs())
      throw new KuvertError('invitation_not_valid');
    return row;
  }
}
