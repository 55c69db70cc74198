/**
 * Another authenticator app or other recovery codes in the place of one's own. The secret of a new app waits in the session that asked for it, so nothing is changed before the app has
 * shown a code, and what is begun ends with the session. What was before is void in the commit that puts the new in its place, and all other sessions end in it, as with a password.
 */
import { KuvertError } from '@kuvert/protocol';
import type { Clock, Random } from '../../clock.ts';
import type { SignedIn } from '../../http/admin/admin-routes.ts';
import type { RowOf, Store, Tx } from '../../store/index.ts';
import { type AuditRecords, logsOf } from '../audit/index.ts';
import { administrators, adminSessions } from './collections.ts';
import { acceptTotp, newRecoveryCodes, newTotpSecret } from './one-time-codes.ts';
import type { SessionRow, Sessions } from './sessions.ts';

type Administrator = RowOf<typeof administrators>;
type Whose = Pick<SignedIn, 'administratorId' | 'sessionId'>;

/** @see the head of this file */
export class OwnFactors {
  readonly #store: Pick<Store, 'operator'>;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #audit: AuditRecords;
  readonly #sessions: Pick<Sessions, 'endOthers'>;

  constructor(deps: {
    readonly store: Pick<Store, 'operator'>;
    readonly clock: Clock;
    readonly random: Random;
    readonly audit: AuditRecords;
    readonly sessions: Pick<Sessions, 'endOthers'>;
  }) {
    this.#store = deps.store;
    this.#clock = deps.clock;
    this.#random = deps.random;
    this.#audit = deps.audit;
    this.#sessions = deps.sessions;
  }

  /** The secret for a new app. May be repeated; the last one counts. */
  async beginAuthenticator(caller: Whose): Promise<{ totpSecret: string; mail: string }> {
    const totpSecret = newTotpSecret();
    return this.#store.operator().write(async (tx) => {
      const { account, session } = await present(tx, caller);
      tx.put(adminSessions, { ...session, newTotpSecret: totpSecret });
      return { totpSecret, mail: account.mail };
    });
  }

  /** @throws KuvertError `sign_in_failed` for what the new app does not show, `not_found` where none was begun */
  async changeAuthenticator(caller: Whose, totp: string): Promise<void> {
    const nowMs = this.#clock.nowMs();
    await this.#store.operator().write(async (tx) => {
      const { account, session } = await present(tx, caller);
      const { newTotpSecret: secret, ...begun } = session;
      if (secret === undefined) throw new KuvertError('not_found');
      const totpStep = acceptTotp(totp, { secret, afterStep: 0, nowMs });
      if (totpStep === undefined) throw new KuvertError('sign_in_failed');
      await this.#put(tx, { ...account, totpSecret: secret, totpStep }, begun, 'authenticator.changed');
    });
  }

  /** @returns the codes, which are shown this once */
  async renewRecoveryCodes(caller: Whose): Promise<string[]> {
    const { codes, hashes } = newRecoveryCodes(this.#random);
    await this.#store.operator().write(async (tx) => {
      const { account, session } = await present(tx, caller);
      await this.#put(tx, { ...account, recoveryHashes: hashes }, session, 'recovery-codes.renewed');
    });
    return codes;
  }

  async #put(
    tx: Tx<'operator'>,
    account: Administrator,
    session: SessionRow,
    action: 'authenticator.changed' | 'recovery-codes.renewed',
  ): Promise<void> {
    const { administratorId, grants } = account;
    await this.#sessions.endOthers(tx, administratorId, session.sessionId);
    tx.put(adminSessions, session);
    tx.put(administrators, account);
    this.#audit.inOperator(tx, logsOf(grants), { action, actor: administratorId, object: administratorId });
  }
}

/** Who asks, as they are now. @throws KuvertError `unauthenticated` when the session has ended since it was looked at */
async function present(
  tx: Tx<'operator'>,
  { administratorId, sessionId }: Whose,
): Promise<{ account: Administrator; session: SessionRow }> {
  const account = await tx.find(administrators, administratorId);
  const session = await tx.find(adminSessions, sessionId);
  if (account === undefined || session === undefined) throw new KuvertError('unauthenticated');
  return { account, session };
}
