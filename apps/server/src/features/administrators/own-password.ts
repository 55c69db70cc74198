/**
 * The password that somebody has: when another is due, and how another takes its place. Whoever is due comes in all the same and can do nothing but choose, so nobody is ever shut out by
 * a date. A password from a breach is due at once; one that is old only where the rules of a place say so, which is a deviation (sign-in-rules of the protocol).
 */
import { type AdministratorId, KuvertError } from '@kuvert/protocol';
import type { Grant, PasswordDue } from '@kuvert/protocol/admin';
import type { Clock } from '../../clock.ts';
import type { SignedIn } from '../../http/admin/admin-routes.ts';
import type { RowOf, Store } from '../../store/index.ts';
import { type AuditRecords, logsOf } from '../audit/index.ts';
import type { BreachedPasswords } from './breached-passwords.ts';
import { administrators, adminSessions } from './collections.ts';
import type { Chooser, NewPasswords } from './new-passwords.ts';
import type { Judgement } from './password-strength.ts';
import type { Passwords } from './passwords.ts';
import { placeOfScope } from './places.ts';
import type { Sessions } from './sessions.ts';
import type { SignInDelays } from './sign-in-delays.ts';
import type { SignInRules } from './sign-in-rules.ts';

type Administrator = RowOf<typeof administrators>;

interface Parts {
  readonly store: Pick<Store, 'operator'>;
  readonly clock: Clock;
  readonly audit: AuditRecords;
  readonly passwords: Passwords;
  readonly newPasswords: NewPasswords;
  readonly breached: Pick<BreachedPasswords, 'has'>;
  readonly sessions: Sessions;
  readonly rules: SignInRules;
  readonly delays: SignInDelays;
}

/** @see the head of this file */
export class OwnPassword {
  readonly #deps: Parts;

  constructor(deps: Parts) {
    this.#deps = deps;
  }

  /** When the rules ask for another; undefined for never. */
  async expiresAtMs({
    grants,
    passwordSetAt,
  }: Pick<Administrator, 'grants' | 'passwordSetAt'>): Promise<number | undefined> {
    const maxAgeMs = await this.#deps.rules.passwordMaxAgeMs(grants);
    return maxAgeMs === undefined ? undefined : passwordSetAt + maxAgeMs;
  }

  /** Whether somebody who has just shown this password has to choose another. */
  async dueOf(
    account: Pick<Administrator, 'grants' | 'passwordSetAt'>,
    password: string,
  ): Promise<PasswordDue | undefined> {
    // A list that cannot be read is told of when somebody chooses, and keeps nobody out.
    if (await this.#deps.breached.has(password).catch(() => false)) return 'breached';
    const expiresAtMs = await this.expiresAtMs(account);
    return expiresAtMs !== undefined && this.#deps.clock.nowMs() >= expiresAtMs ? 'expired' : undefined;
  }

  /** How good another would be. @throws KuvertError `rate_limited` */
  async check(caller: SignedIn, newPassword: string, address: string): Promise<Judgement> {
    const account = await this.#get(caller.administratorId);
    return this.#deps.newPasswords.check(newPassword, chooserOf(account), address);
  }

  /**
   * Puts another password in the place of the one that is shown, and ends all other sessions.
   * @throws KuvertError `sign_in_failed` for a wrong one, `password_weak` for the new one, `rate_limited`
   */
  async change(
    caller: SignedIn,
    shown: { readonly password: string; readonly newPassword: string; readonly address: string },
  ): Promise<void> {
    const { audit, clock, delays, newPasswords, passwords, sessions, store } = this.#deps;
    const { administratorId, sessionId } = caller;
    const account = await this.#get(administratorId);
    const logs = logsOf(account.grants);
    const apart = { kind: 'session', sessionId } as const;
    const tried = { mail: account.mail, address: shown.address, apart };
    await delays.admit(tried);
    const isRight = await passwords
      .verify(shown.password, account.passwordHash, true)
      .catch((error) => delays.takenBack(tried).then(() => Promise.reject(error)));
    if (isRight) await delays.takenBack(tried);
    else {
      const event = { action: 'password.refused', outcome: 'refused', object: administratorId } as const;
      await delays.failed((tx) => audit.inOperator(tx, logs, event));
      throw new KuvertError('sign_in_failed');
    }
    if (shown.newPassword.normalize('NFC') === shown.password.normalize('NFC')) {
      const reason = 'same_as_before';
      throw new KuvertError('password_weak', { details: { reason, reasons: [reason] } });
    }
    await newPasswords.require(shown.newPassword, chooserOf(account));
    const passwordHash = await passwords.hash(shown.newPassword);
    const passwordSetAt = clock.nowMs();
    await store.operator().write(async (tx) => {
      const present = await tx.find(administrators, administratorId);
      const session = await tx.find(adminSessions, sessionId);
      // Reset, changed elsewhere or signed out since it was looked at.
      if (present?.passwordHash !== account.passwordHash) throw new KuvertError('sign_in_failed');
      if (session === undefined) throw new KuvertError('unauthenticated');
      await sessions.endOthers(tx, administratorId, sessionId);
      const { passwordDue: _, ...free } = session;
      tx.put(adminSessions, free);
      tx.put(administrators, { ...present, passwordHash, passwordSetAt });
      const event = { action: 'password.changed', actor: administratorId, object: administratorId } as const;
      audit.inOperator(tx, logs, event);
    });
  }

  #get(administratorId: AdministratorId): Promise<Administrator> {
    return this.#deps.store.operator().get(administrators, administratorId);
  }
}

/** What somebody's new password must not be made of. */
function chooserOf({
  name,
  mail,
  grants,
}: {
  readonly name: string;
  readonly mail: string;
  readonly grants: readonly Grant[];
}): Chooser {
  return { words: [name, mail], places: grants.map(({ scope }) => placeOfScope(scope)) };
}
