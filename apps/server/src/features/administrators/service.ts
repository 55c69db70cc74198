/** The rules of administrators: who they are, how they sign in, what they hold. */
import { type AdministratorId, KuvertError, makeId } from '@kuvert/protocol';
import type { PasswordDue } from '@kuvert/protocol/admin';
import type { Clock, Random } from '../../clock.ts';
import type { AdminCaller, SignedIn } from '../../http/admin/admin-routes.ts';
import type { RowOf, Store } from '../../store/index.ts';
import { type AuditRecords, logsOf } from '../audit/index.ts';
import type { TenantService } from '../tenants/index.ts';
import { BreachedPasswords } from './breached-passwords.ts';
import { administratorPlaces, administrators } from './collections.ts';
import { Grants, INSTALLATION } from './grants.ts';
import { Integrations, KEY_PREFIX } from './integrations.ts';
import { Invitations } from './invitations.ts';
import { KnownDevices } from './known-devices.ts';
import { NewPasswords } from './new-passwords.ts';
import { acceptTotp, hashOfCode } from './one-time-codes.ts';
import { OwnPassword } from './own-password.ts';
import { createPasswords, type Passwords } from './passwords.ts';
import { type BegunSession, Sessions } from './sessions.ts';
import { SignInDelays } from './sign-in-delays.ts';
import { SignInRules } from './sign-in-rules.ts';

type Administrator = RowOf<typeof administrators>;

/** What somebody shows besides the password. */
export type SecondFactor =
  | { readonly kind: 'totp'; readonly code: string }
  | { readonly kind: 'recovery'; readonly code: string };

/** @see the head of this file */
export class AdministratorService {
  readonly invitations: Invitations;
  readonly sessions: Sessions;
  readonly grants: Grants;
  readonly integrations: Integrations;
  readonly passwords: Passwords;
  readonly ownPassword: OwnPassword;
  readonly rules: SignInRules;
  readonly delays: SignInDelays;
  readonly #devices: KnownDevices;
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #audit: AuditRecords;

  constructor(deps: {
    store: Store;
    clock: Clock;
    random: Random;
    audit: AuditRecords;
    tenants: Pick<TenantService, 'facts'>;
    breachedPasswordsFile?: string | undefined;
    onLimit: () => void;
  }) {
    this.#store = deps.store;
    this.#clock = deps.clock;
    this.#audit = deps.audit;
    this.passwords = createPasswords(deps.random);
    this.rules = new SignInRules(deps);
    this.sessions = new Sessions({ ...deps, rules: this.rules });
    this.delays = new SignInDelays(deps);
    this.#devices = new KnownDevices(deps);
    const breached = new BreachedPasswords(deps.breachedPasswordsFile);
    const newPasswords = new NewPasswords({ ...deps, breached });
    const { passwords, sessions, rules, delays } = this;
    this.invitations = new Invitations({ ...deps, passwords, sessions, rules, newPasswords });
    this.ownPassword = new OwnPassword({
      ...deps,
      passwords,
      sessions,
      rules,
      delays,
      newPasswords,
      breached,
    });
    this.grants = new Grants({ ...deps, sessions: this.sessions });
    this.integrations = new Integrations(deps);
  }

  /** True once there is an operator. */
  async isSetUp(): Promise<boolean> {
    const query = { equals: [INSTALLATION], limit: 1 } as const;
    return (await this.#store.operator().list(administratorPlaces, query)).rows.length > 0;
  }

  /**
   * Signs in. Whatever is wrong, exactly one password hash is computed and one answer given.
   * @throws KuvertError `sign_in_failed`, `rate_limited`; with everything right `passkey_required` or `address_not_allowed`
   */
  async signIn(tried: {
    readonly mail: string;
    readonly password: string;
    readonly secondFactor: SecondFactor;
    readonly address: string;
    /** Of an earlier sign-in (`known-devices.ts`). */
    readonly deviceToken?: string | undefined;
  }): Promise<BegunSession & { passwordDue: PasswordDue | undefined }> {
    const { mail, address, deviceToken } = tried;
    const tokenHash = await this.#devices.find(deviceToken, mail);
    const apart = tokenHash && ({ kind: 'device', tokenHash } as const);
    const counted = { mail, address, apart };
    await this.delays.admit(counted);
    const found = await this.#store.operator().findBy(administrators, 'byMail', tried.mail);
    const isRight = await this.passwords
      .verify(tried.password, found?.passwordHash, apart !== undefined)
      .catch((error) => this.delays.takenBack(counted).then(() => Promise.reject(error)));
    const isAccepted =
      found !== undefined && isRight && (await this.#useFactor(found.administratorId, tried.secondFactor));
    if (!isAccepted) {
      // Who has no account leaves a record too, but never what was typed: it may be a password in the wrong field.
      await this.delays.failed((tx) =>
        this.#audit.inOperator(tx, logsOf(found?.grants ?? []), {
          action: 'sign-in.refused',
          outcome: 'refused',
          object: found?.administratorId,
        }),
      );
      throw new KuvertError('sign_in_failed');
    }
    await this.delays.succeeded(counted);
    if (await this.rules.wantsPasskeys(found.grants)) {
      await this.#audit.note(logsOf(found.grants), {
        action: 'sign-in.refused',
        outcome: 'refused',
        object: found.administratorId,
      });
      throw new KuvertError('passkey_required');
    }
    const passwordDue = await this.ownPassword.dueOf(found, tried.password);
    const how = { factor: tried.secondFactor.kind, passwordDue, device: { shown: deviceToken } };
    return { ...(await this.sessions.begin(found, tried.address, how)), passwordDue };
  }

  /** Shows a second factor again within a session. @throws KuvertError `sign_in_failed`, `rate_limited`, `passkey_required` */
  async stepUp(caller: SignedIn, totp: string, address: string): Promise<number> {
    const { mail, grants } = await this.get(caller.administratorId);
    if (await this.rules.wantsPasskeys(grants)) {
      await this.#audit.note(logsOf(grants), { action: 'step-up.refused', outcome: 'refused' });
      throw new KuvertError('passkey_required');
    }
    const tried = { mail, address, apart: { kind: 'session', sessionId: caller.sessionId } as const };
    await this.delays.admit(tried);
    if (!(await this.#useFactor(caller.administratorId, { kind: 'totp', code: totp }))) {
      await this.delays.failed((tx) =>
        this.#audit.inOperator(tx, logsOf(grants), { action: 'step-up.refused', outcome: 'refused' }),
      );
      throw new KuvertError('sign_in_failed');
    }
    await this.delays.succeeded(tried);
    return this.sessions.stepUp(caller);
  }

  /** Who holds a token, with what they hold now and what of it counts from this address. */
  async authenticate(token: string, address: string): Promise<AdminCaller | undefined> {
    const caller = await this.#callerOf(token);
    if (caller === undefined) return undefined;
    const { here: grants, elsewhere } = await this.rules.split(caller.grants, address);
    return { ...caller, grants, elsewhere };
  }

  async #callerOf(token: string): Promise<AdminCaller | undefined> {
    if (token.startsWith(KEY_PREFIX)) return this.integrations.authenticate(token);
    const session = await this.sessions.find(token);
    if (session === undefined) return undefined;
    const found = await this.#store.operator().find(administrators, session.administratorId);
    if (found === undefined) return undefined;
    const { administratorId, sessionId, stepUpAt, passwordDue } = session;
    const { name, grants } = found;
    return {
      kind: 'administrator',
      administratorId,
      name,
      sessionId,
      grants,
      elsewhere: [],
      passwordDue,
      stepUpAtMs: stepUpAt,
    };
  }

  /** Somebody as a caller without a session of theirs, with what they hold now; undefined for an account that is gone. */
  async callerAgain(administratorId: AdministratorId): Promise<SignedIn | undefined> {
    const found = await this.#store.operator().find(administrators, administratorId);
    if (found === undefined) return undefined;
    const sessionId = makeId('session', new Uint8Array(16));
    const { name, grants } = found;
    const nobodyThere = { sessionId, elsewhere: [], passwordDue: undefined, stepUpAtMs: 0 };
    return { kind: 'administrator', administratorId, name, grants, ...nobodyThere };
  }

  /** What somebody is called; null for an account that is gone. */
  async nameOf(administratorId: AdministratorId): Promise<string | null> {
    return (await this.#store.operator().find(administrators, administratorId))?.name ?? null;
  }

  /** @throws KuvertError `not_found` */
  get(administratorId: AdministratorId): Promise<Administrator> {
    return this.#store.operator().get(administrators, administratorId);
  }

  /** Checks a second factor and uses it up, in one commit, so that it serves once however many try at once. */
  async #useFactor(administratorId: AdministratorId, factor: SecondFactor): Promise<boolean> {
    const nowMs = this.#clock.nowMs();
    return this.#store.operator().write(async (tx) => {
      const row = await tx.find(administrators, administratorId);
      if (row === undefined) return false;
      const used =
        factor.kind === 'totp' ? useTotp(row, factor.code, nowMs) : useRecoveryCode(row, factor.code);
      if (used !== undefined) tx.put(administrators, used);
      return used !== undefined;
    });
  }
}

function useTotp(row: Administrator, code: string, nowMs: number): Administrator | undefined {
  const step = acceptTotp(code, { secret: row.totpSecret, afterStep: row.totpStep, nowMs });
  return step === undefined ? undefined : { ...row, totpStep: step };
}

function useRecoveryCode(row: Administrator, code: string): Administrator | undefined {
  const hash = Buffer.from(hashOfCode(code, 'recoveryCode'));
  const left = row.recoveryHashes.filter((other) => !hash.equals(other));
  return left.length === row.recoveryHashes.length ? undefined : { ...row, recoveryHashes: left };
}
