/** Where administrators are signed in: opaque tokens of which only the hash is kept, over by themselves and ended at once when somebody says so. */
import { type AdministratorId, KuvertError, LABELS, makeId, type SessionId } from '@kuvert/protocol';
import type { PasswordDue } from '@kuvert/protocol/admin';
import type { Clock, Random } from '../../clock.ts';
import type { SignedIn } from '../../http/admin/admin-routes.ts';
import { STEP_UP_MS } from '../../http/admin/calls.ts';
import type { RowOf, Store, Tx } from '../../store/index.ts';
import { type AuditRecords, logsOf } from '../audit/index.ts';
import { administrators, adminSessions } from './collections.ts';
import { forgetDevices, KnownDevices, newestFirstOf } from './known-devices.ts';
import { secretHash } from './secret-hash.ts';
import type { SignInRules } from './sign-in-rules.ts';

/** When a session is over, and how long a second factor counts as fresh (ASVS 5.0 7.3, 7.5; NIST SP 800-63B AAL3). */
const SESSION_LIMITS = {
  idleMs: 15 * 60_000,
  wholeMs: 12 * 3_600_000,
  perAdministrator: 20,
} as const;
/** Being seen is written down this often at most. */
const SEEN_EVERY_MS = 60_000;
const TOKEN_BYTES = 32;

/** A session as it is stored. */
export type SessionRow = RowOf<typeof adminSessions>;

/** What whoever has signed in is given. */
export interface BegunSession {
  readonly token: string;
  readonly endsAtMs: number;
  /** For the next sign-in; absent where none was asked for. */
  readonly deviceToken?: string | undefined;
}

/** @see the head of this file */
export class Sessions {
  readonly #store: Pick<Store, 'operator'>;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #audit: AuditRecords;
  readonly #devices: KnownDevices;
  readonly #rules: Pick<SignInRules, 'requireAddress'>;

  constructor(deps: {
    store: Pick<Store, 'operator'>;
    clock: Clock;
    random: Random;
    audit: AuditRecords;
    rules: Pick<SignInRules, 'requireAddress'>;
  }) {
    this.#rules = deps.rules;
    this.#store = deps.store;
    this.#clock = deps.clock;
    this.#random = deps.random;
    this.#audit = deps.audit;
    this.#devices = new KnownDevices(deps);
  }

  /**
   * Begins a session for somebody who has shown both factors. Beyond the greatest number the oldest one ends.
   * @throws KuvertError `address_not_allowed`, `sign_in_failed` where another has taken the place of what was shown meanwhile
   */
  async begin(
    shown: RowOf<typeof administrators>,
    address: string,
    how: {
      readonly factor: string;
      readonly passwordDue?: PasswordDue | undefined;
      /** Makes the device known (`known-devices.ts`), in the place of the token that was shown. */
      readonly device?: { readonly shown: string | undefined };
    },
  ): Promise<BegunSession> {
    const { administratorId, name, grants } = shown;
    try {
      await this.#rules.requireAddress(grants, address);
    } catch (error) {
      const event = { action: 'sign-in.refused', outcome: 'refused', object: administratorId } as const;
      await this.#audit.note(logsOf(grants), event);
      throw error;
    }
    const token = Buffer.from(this.#random(TOKEN_BYTES)).toString('base64url');
    const sessionId = makeId('session', this.#random(16));
    const nowMs = this.#clock.nowMs();
    const endsAtMs = nowMs + SESSION_LIMITS.wholeMs;
    const deviceToken = await this.#store.operator().write(async (tx) => {
      // Rows of sessions that are over go too, so that there are never more of them than one list has: whoever ends all has them all before them.
      await tx.guard('admin-sessions', administratorId);
      const account = await tx.find(administrators, administratorId);
      if (account === undefined || !hasSameFactors(account, shown)) throw new KuvertError('sign_in_failed');
      const { rows } = await tx.list(adminSessions, newestFirstOf(administratorId));
      const live = rows
        .filter((row) => !this.#isOver(row, nowMs))
        .slice(0, SESSION_LIMITS.perAdministrator - 1);
      for (const row of rows) if (!live.includes(row)) tx.delete(adminSessions, row.sessionId);
      tx.insert(adminSessions, {
        sessionId,
        administratorId,
        tokenHash: secretHash(LABELS.sessionToken, token),
        createdAt: nowMs,
        lastSeenAt: nowMs,
        stepUpAt: nowMs,
        ...(how.passwordDue === undefined ? {} : { passwordDue: how.passwordDue }),
        address,
        endsAt: endsAtMs,
      });
      this.#audit.inOperator(tx, logsOf(grants), {
        action: 'sign-in.done',
        actor: administratorId,
        object: administratorId,
        objectName: name,
        after: { sessionId, factor: how.factor, ...(how.passwordDue && { passwordDue: how.passwordDue }) },
      });
      return how.device && this.#devices.make(tx, administratorId, how.device.shown);
    });
    return { token, endsAtMs, deviceToken };
  }

  /** The session of a token that is not over; notes that it was seen. */
  async find(token: string): Promise<SessionRow | undefined> {
    const row = await this.#store
      .operator()
      .findBy(adminSessions, 'byToken', secretHash(LABELS.sessionToken, token));
    const nowMs = this.#clock.nowMs();
    if (row === undefined || this.#isOver(row, nowMs)) return undefined;
    if (nowMs - row.lastSeenAt < SEEN_EVERY_MS) return row;
    const seen = { ...row, lastSeenAt: nowMs };
    await this.#change(row.sessionId, (present) => ({ ...present, lastSeenAt: nowMs }));
    return seen;
  }

  /** A second factor was shown again. @returns until when it counts as fresh */
  async stepUp({ sessionId, grants }: SignedIn): Promise<number> {
    const nowMs = this.#clock.nowMs();
    await this.#change(sessionId, (present, tx) => {
      this.#audit.inOperator(tx, logsOf(grants), { action: 'step-up.done' });
      return { ...present, stepUpAt: nowMs };
    });
    return nowMs + STEP_UP_MS;
  }

  /** Where somebody is signed in, newest first. */
  async list(administratorId: AdministratorId): Promise<SessionRow[]> {
    const { rows } = await this.#store.operator().list(adminSessions, newestFirstOf(administratorId));
    const nowMs = this.#clock.nowMs();
    return rows.filter((row) => !this.#isOver(row, nowMs));
  }

  /** Ends one's own session. @throws KuvertError `not_found`, also for one of somebody else */
  async end({ administratorId, grants }: SignedIn, sessionId: SessionId): Promise<void> {
    await this.#store.operator().write(async (tx) => {
      const row = await tx.get(adminSessions, sessionId);
      if (row.administratorId !== administratorId) throw new KuvertError('not_found');
      tx.delete(adminSessions, sessionId);
      this.#audit.inOperator(tx, logsOf(grants), { action: 'session.ended', object: sessionId });
    });
  }

  /** Ends all sessions of somebody in a transaction that changes what they may do. Lists, so a guard has to come before. */
  endAll(tx: Tx<'operator'>, administratorId: AdministratorId): Promise<number> {
    return this.endOthers(tx, administratorId, undefined);
  }

  /** The same but for one of them. Whoever had come in may have taken the token of a device along, so all of these are void too. */
  async endOthers(
    tx: Tx<'operator'>,
    administratorId: AdministratorId,
    kept: SessionId | undefined,
  ): Promise<number> {
    const { rows } = await tx.list(adminSessions, newestFirstOf(administratorId));
    const others = rows.filter(({ sessionId }) => sessionId !== kept);
    for (const { sessionId } of others) tx.delete(adminSessions, sessionId);
    await forgetDevices(tx, administratorId);
    return others.length;
  }

  #isOver(row: SessionRow, nowMs: number): boolean {
    return nowMs >= row.endsAt || nowMs - row.lastSeenAt >= SESSION_LIMITS.idleMs;
  }

  /** One that has ended meanwhile stays ended. */
  async #change(
    sessionId: SessionId,
    change: (row: SessionRow, tx: Tx<'operator'>) => SessionRow,
  ): Promise<void> {
    await this.#store.operator().write(async (tx) => {
      const present = await tx.find(adminSessions, sessionId);
      if (present !== undefined) tx.put(adminSessions, change(present, tx));
    });
  }
}

/** Whether nothing has taken the place of what was shown since it was looked at; a recovery code that was used up is none the less the same ones. */
function hasSameFactors(
  account: RowOf<typeof administrators>,
  shown: Pick<RowOf<typeof administrators>, 'passwordHash' | 'totpSecret' | 'recoveryHashes'>,
): boolean {
  const { passwordHash, totpSecret, recoveryHashes } = account;
  const known = new Set(shown.recoveryHashes.map((hash) => Buffer.from(hash).toString('base64')));
  return (
    passwordHash === shown.passwordHash &&
    totpSecret === shown.totpSecret &&
    recoveryHashes.every((hash) => known.has(Buffer.from(hash).toString('base64')))
  );
}
