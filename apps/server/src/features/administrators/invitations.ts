/**
 * How somebody becomes an administrator: with a code that works once. Whoever holds it chooses a password, adds the secret to an authenticator app and
 * shows a code from there; only then there is an account. Nobody ever knows or sets another's password.
 */
import { type AdministratorId, type InvitationId, KuvertError, makeId } from '@kuvert/protocol';
import type { Grant } from '@kuvert/protocol/admin';
import type { Clock, Random } from '../../clock.ts';
import type { NoteEffect } from '../../effects.ts';
import type { SignedIn } from '../../http/admin/admin-routes.ts';
import { type RowOf, type Store, StoreError, type Tx } from '../../store/index.ts';
import { type AuditRecords, logsOf } from '../audit/index.ts';
import { administrators, invitations, passkeys } from './collections.ts';
import {
  INSTALLATION,
  isSame,
  type Place,
  placeOfScope,
  putAdministrator,
  requireGivable,
  requireNoAdministrator,
} from './grants.ts';
import type { NewPasswords } from './new-passwords.ts';
import { acceptTotp, hashOfCode, newCode, newRecoveryCodes, newTotpSecret } from './one-time-codes.ts';
import type { Judgement } from './password-strength.ts';
import type { Passwords } from './passwords.ts';
import type { Sessions } from './sessions.ts';
import type { SignInRules } from './sign-in-rules.ts';

/** How long the set-up code of a start works, and any other invitation. */
const INVITATION_MS = { setUp: 30 * 60_000, other: 72 * 3_600_000, reset: 24 * 3_600_000 } as const;

type Administrator = RowOf<typeof administrators>;

/** An invitation with its code, which is shown this once. */
export interface MadeInvitation {
  readonly invitationId: InvitationId;
  readonly code: string;
  readonly expiresAtMs: number;
}

/** @see the head of this file */
export class Invitations {
  readonly #store: Pick<Store, 'operator'>;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #passwords: Passwords;
  readonly #audit: AuditRecords;
  readonly #sessions: Sessions;
  readonly #rules: SignInRules;
  readonly #newPasswords: NewPasswords;

  constructor(deps: {
    store: Pick<Store, 'operator'>;
    clock: Clock;
    random: Random;
    passwords: Passwords;
    audit: AuditRecords;
    sessions: Sessions;
    rules: SignInRules;
    newPasswords: NewPasswords;
  }) {
    this.#store = deps.store;
    this.#clock = deps.clock;
    this.#random = deps.random;
    this.#passwords = deps.passwords;
    this.#audit = deps.audit;
    this.#sessions = deps.sessions;
    this.#rules = deps.rules;
    this.#newPasswords = deps.newPasswords;
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
        invitationId: makeId('invitation', this.#random(16)),
        place: INSTALLATION,
        mail: null,
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
   * A code that gives a role to somebody. With `first`, earlier ones of this kind for the same tenant end, and it is void once the tenant has an administrator.
   * @throws KuvertError `administrator_present`
   */
  async make(
    made: {
      readonly grant: Grant;
      readonly mail: string;
      readonly kind: 'invitation' | 'first';
      /** Whoever accepts comes back to this account, with new factors, and has the role besides. */
      readonly renews?: AdministratorId | undefined;
    },
    note: (made: MadeInvitation) => NoteEffect<'operator'>,
  ): Promise<MadeInvitation> {
    const { grant, mail, renews } = made;
    const kind = renews === undefined ? made.kind : 'reset';
    const code = newCode(this.#random);
    const invitationId = makeId('invitation', this.#random(16));
    const createdAt = this.#clock.nowMs();
    const expiresAt = createdAt + INVITATION_MS.other;
    const place = placeOfScope(grant.scope);
    const answer = { invitationId, code, expiresAtMs: expiresAt };
    const noted = note(answer);
    await this.#store.operator().write(async (tx) => {
      await tx.guard('administrators', place);
      // What is noted may look at rows under guards of its own, which have to come before any list.
      await noted(tx, { object: invitationId, after: { mail, role: grant.role, scope: { ...grant.scope } } });
      if (kind === 'first') {
        await requireNoAdministrator(tx, place);
        const query = { index: 'byPlace', equals: [place], limit: 1_000 } as const;
        const { rows } = await tx.list(invitations, query);
        for (const row of rows) if (row.kind === 'first') tx.delete(invitations, row.codeHash);
      }
      tx.insert(invitations, {
        codeHash: hashOfCode(code, 'invitationCode'),
        kind,
        invitationId,
        ...(renews === undefined ? {} : { administratorId: renews }),
        place,
        mail,
        grants: [grant],
        chosen: null,
        createdAt,
        expiresAt,
      });
    });
    return answer;
  }

  /**
   * Makes a code for somebody who has lost the second factor, and ends their sessions and all factors that they had: whoever may have found them gets in no more. What they hold may not be more than what `by` holds, or `by` would come to it.
   * @throws KuvertError `not_found` for somebody who does not administer in this place, `not_allowed`
   */
  async reset(
    by: SignedIn,
    asked: { readonly place: Place; readonly administratorId: AdministratorId },
    note: NoteEffect<'operator'>,
  ): Promise<MadeInvitation> {
    const { place, administratorId } = asked;
    const code = newCode(this.#random);
    const invitationId = makeId('invitation', this.#random(16));
    const createdAt = this.#clock.nowMs();
    const expiresAt = createdAt + INVITATION_MS.reset;
    const unknownSecret = newTotpSecret();
    await this.#store.operator().write(async (tx) => {
      await tx.guard('administrators', place);
      const row = await tx.get(administrators, administratorId);
      if (!row.grants.some(({ scope }) => placeOfScope(scope) === place)) throw new KuvertError('not_found');
      if (administratorId === by.administratorId) throw new KuvertError('not_allowed');
      for (const grant of row.grants) requireGivable(by.grants, grant);
      await note(tx, { object: administratorId });
      this.#audit.inOperator(tx, logsOf(row.grants), { action: 'factor.reset', object: administratorId });
      const query = { index: 'byPlace', equals: [place], limit: 1_000 } as const;
      const { rows } = await tx.list(invitations, query);
      for (const other of rows)
        if (other.administratorId === administratorId) tx.delete(invitations, other.codeHash);
      await this.#sessions.endAll(tx, administratorId);
      await removePasskeys(tx, administratorId);
      // Nobody has seen this secret.
      tx.put(administrators, { ...row, totpSecret: unknownSecret, recoveryHashes: [] });
      tx.insert(invitations, {
        codeHash: hashOfCode(code, 'invitationCode'),
        kind: 'reset',
        administratorId,
        invitationId,
        place,
        mail: row.mail,
        grants: [],
        chosen: null,
        createdAt,
        expiresAt,
      });
    });
    return { invitationId, code, expiresAtMs: expiresAt };
  }

  /** Invitations of a place that can still be accepted, newest first. */
  async list(place: Place): Promise<RowOf<typeof invitations>[]> {
    const query = { index: 'byPlace', equals: [place], order: 'desc', limit: 1_000 } as const;
    const { rows } = await this.#store.operator().list(invitations, query);
    return rows.filter(({ expiresAt }) => expiresAt > this.#clock.nowMs());
  }

  /** @throws KuvertError `not_found` */
  async withdraw(place: Place, invitationId: InvitationId, note: NoteEffect<'operator'>): Promise<void> {
    const row = (await this.list(place)).find((one) => one.invitationId === invitationId);
    if (row === undefined) throw new KuvertError('not_found');
    await this.#store.operator().write(async (tx) => {
      await tx.get(invitations, row.codeHash);
      tx.delete(invitations, row.codeHash);
      await note(tx, { object: invitationId, before: { mail: row.mail } });
    });
  }

  /** Adds what an invitation gives to an account that is there. @throws KuvertError `invitation_not_valid`, also for one that is for somebody else */
  async join(code: string, administratorId: AdministratorId, note: NoteEffect<'operator'>): Promise<void> {
    await this.#find(code);
    await this.#store.operator().write(async (tx) => {
      const codeHash = hashOfCode(code, 'invitationCode');
      const row = await tx.find(invitations, codeHash);
      const account = await tx.get(administrators, administratorId);
      if (row === undefined || row.kind === 'reset' || row.mail !== account.mail)
        throw new KuvertError('invitation_not_valid');
      await tx.guard('administrators', row.place);
      const before = account.grants.map(({ role }) => role);
      const grants = [...account.grants, ...row.grants];
      await note(tx, {
        object: administratorId,
        before: { roles: before },
        after: { roles: grants.map(({ role }) => role) },
      });
      if (row.kind === 'first') await requireNoAdministrator(tx, row.place, 'invitation_not_valid');
      tx.delete(invitations, codeHash);
      putAdministrator(tx, { ...account, grants });
    });
  }

  /** How good a password would be for whoever holds a code. @throws KuvertError `invitation_not_valid`, `rate_limited` */
  async checkPassword(
    code: string,
    asked: {
      readonly password: string;
      readonly name: string | undefined;
      readonly mail: string | undefined;
      readonly address: string;
    },
  ): Promise<Judgement> {
    const { password, name, mail, address } = asked;
    const invited = await this.#find(code);
    const chooser = { words: [name, mail, invited.mail ?? undefined], places: [invited.place as Place] };
    return this.#newPasswords.check(password, chooser, address);
  }

  /**
   * Chooses name, address and password. May be repeated; the last choice counts.
   * @throws KuvertError `invitation_not_valid`, `password_weak`
   */
  async open(
    code: string,
    choice: { readonly name: string; readonly mail: string | undefined; readonly password: string },
  ): Promise<{ totpSecret: string; mail: string }> {
    const { name, password } = choice;
    const invited = await this.#find(code);
    const mail = invited.mail ?? choice.mail;
    if (mail === undefined || (choice.mail !== undefined && mail !== choice.mail))
      throw new KuvertError('bad_request', { details: { field: 'mail' } });
    await this.#newPasswords.require(password, { words: [name, mail], places: [invited.place as Place] });
    const passwordHash = await this.#passwords.hash(password);
    const totpSecret = newTotpSecret();
    await this.#store.operator().write(async (tx) => {
      const present = await tx.find(invitations, hashOfCode(code, 'invitationCode'));
      if (present === undefined) throw new KuvertError('invitation_not_valid');
      tx.put(invitations, { ...present, chosen: { name, mail, passwordHash, totpSecret } });
    });
    return { totpSecret, mail };
  }

  /**
   * Makes the account.
   * @throws KuvertError `invitation_not_valid`, `sign_in_failed` for a wrong code of the app, `mail_taken`,
   * `address_not_allowed` before anything is used up
   */
  async accept(
    code: string,
    totp: string,
    address: string,
  ): Promise<{ administrator: Administrator; recoveryCodes: string[] }> {
    const { chosen, administratorId: known, grants } = await this.#find(code);
    if (chosen === null) throw new KuvertError('invitation_not_valid');
    const account = known && (await this.#store.operator().find(administrators, known));
    await this.#rules.requireAddress(account?.grants ?? grants, address);
    const nowMs = this.#clock.nowMs();
    const step = acceptTotp(totp, { secret: chosen.totpSecret, afterStep: 0, nowMs });
    if (step === undefined) throw new KuvertError('sign_in_failed');
    const recovery = newRecoveryCodes(this.#random);
    const administratorId = makeId('administrator', this.#random(16));
    try {
      const administrator = await this.#store.operator().write(async (tx) => {
        const codeHash = hashOfCode(code, 'invitationCode');
        const present = await tx.find(invitations, codeHash);
        if (present !== undefined) await tx.guard('administrators', present.place);
        // Somebody may have used it, or chosen anew, since it was looked at.
        if (present?.chosen?.totpSecret !== chosen.totpSecret) throw new KuvertError('invitation_not_valid');
        if (present.administratorId !== undefined) {
          const { passwordHash, totpSecret } = chosen;
          const factors = { passwordHash, totpSecret, totpStep: step, recoveryHashes: recovery.hashes };
          tx.delete(invitations, codeHash);
          return this.#renew(
            tx,
            present.administratorId,
            { ...factors, passwordSetAt: nowMs },
            present.grants,
          );
        }
        const row: Administrator = {
          administratorId,
          ...chosen,
          passwordSetAt: nowMs,
          totpStep: step,
          recoveryHashes: recovery.hashes,
          grants: present.grants,
          createdAt: nowMs,
        };
        if (present.kind === 'first' || present.kind === 'set-up')
          await requireNoAdministrator(tx, present.place, 'invitation_not_valid');
        tx.delete(invitations, codeHash);
        putAdministrator(tx, row);
        const after = { name: row.name, mail: row.mail, roles: row.grants.map(({ role }) => role) };
        this.#audit.inOperator(tx, logsOf(row.grants), {
          action: 'administrator.created',
          actor: administratorId,
          object: administratorId,
          objectName: row.name,
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

  /** Puts new factors in the place of all that somebody had, passkeys included. @param given roles that they get besides */
  async #renew(
    tx: Tx<'operator'>,
    administratorId: AdministratorId,
    factors: Pick<
      Administrator,
      'passwordHash' | 'passwordSetAt' | 'totpSecret' | 'totpStep' | 'recoveryHashes'
    >,
    given: readonly Grant[],
  ): Promise<Administrator> {
    const account = await tx.get(administrators, administratorId);
    const more = given.filter((grant) => !account.grants.some((other) => isSame(other, grant)));
    const row = { ...account, ...factors, grants: [...account.grants, ...more] };
    await removePasskeys(tx, administratorId);
    await this.#sessions.endAll(tx, administratorId);
    putAdministrator(tx, row);
    const event = { action: 'factor.renewed', actor: administratorId, object: administratorId } as const;
    this.#audit.inOperator(tx, logsOf(row.grants), event);
    return row;
  }

  async #find(code: string): Promise<RowOf<typeof invitations>> {
    const row = await this.#store.operator().find(invitations, hashOfCode(code, 'invitationCode'));
    if (row === undefined || row.expiresAt <= this.#clock.nowMs())
      throw new KuvertError('invitation_not_valid');
    return row;
  }
}

async function removePasskeys(tx: Tx<'operator'>, administratorId: AdministratorId): Promise<void> {
  const query = { index: 'byAdministrator', equals: [administratorId], limit: 100 } as const;
  for (const { passkeyId } of (await tx.list(passkeys, query)).rows) tx.delete(passkeys, passkeyId);
}
