/**
 * Passkeys (WebAuthn): added by somebody who is signed in, and enough by themselves to sign in, because the authenticator has verified its user. A challenge is random, kept, and good once for five
 * minutes. The origin has to be ours, so a passkey shown to a false page is worth nothing.
 */
import { createHash } from 'node:crypto';
import { type AdministratorId, KuvertError, makeId, type PasskeyId } from '@kuvert/protocol';
import type { PasskeyCreated, PasskeyShown } from '@kuvert/protocol/admin';
import type { Clock, Random } from '../../clock.ts';
import type { SignedIn } from '../../http/admin/admin-routes.ts';
import { LeakyBuckets } from '../../limits/leaky-buckets.ts';
import { type RowOf, type Store, StoreError } from '../../store/index.ts';
import { type AuditRecords, logsOf } from '../audit/index.ts';
import { administrators, passkeyChallenges, passkeys } from './collections.ts';
import type { BegunSession, Sessions } from './sessions.ts';
import type { SignInDelays } from './sign-in-delays.ts';
import type { SignInRules } from './sign-in-rules.ts';

const PASSKEYS_MAX = 20;
const CHALLENGE_MS = 5 * 60_000;
const CHALLENGE_BYTES = 32;
/** EdDSA, ES256, RS256 (COSE): what authenticators have. */
const ALGORITHMS = [-8, -7, -257] as const;
/** Beginnings of sign-ins by address; each leaves a row for five minutes. */
const BEGINNINGS = { burst: 30, perSecond: 0.2 } as const;

/** Read when the first passkey is asked for: it holds 30 MB, and most servers see few passkeys or none. */
const readWebAuthn = () => import('@simplewebauthn/server');

type Passkey = RowOf<typeof passkeys>;
type Whose = Pick<SignedIn, 'administratorId'>;

/** @see the head of this file */
export class Passkeys {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #audit: AuditRecords;
  readonly #sessions: Sessions;
  readonly #rules: SignInRules;
  readonly #delays: SignInDelays;
  readonly #publicOrigin: string | undefined;
  readonly #beginnings: LeakyBuckets;

  constructor(deps: {
    readonly store: Store;
    readonly clock: Clock;
    readonly random: Random;
    readonly audit: AuditRecords;
    readonly sessions: Sessions;
    readonly rules: SignInRules;
    readonly delays: SignInDelays;
    /** Where the pages come from; `http://localhost` with any port where nothing is set. */
    readonly publicOrigin: string | undefined;
    readonly onLimit: () => void;
  }) {
    this.#store = deps.store;
    this.#clock = deps.clock;
    this.#random = deps.random;
    this.#audit = deps.audit;
    this.#sessions = deps.sessions;
    this.#rules = deps.rules;
    this.#delays = deps.delays;
    this.#publicOrigin = deps.publicOrigin;
    this.#beginnings = new LeakyBuckets({ limit: BEGINNINGS, clock: deps.clock, onClosed: deps.onLimit });
  }

  /** What a browser needs to make a passkey. @throws KuvertError `rate_limited` beyond the greatest number */
  async begin({ administratorId }: Whose): Promise<object> {
    const { name, mail } = await this.#store.operator().get(administrators, administratorId);
    const own = await this.#of(administratorId);
    const { generateRegistrationOptions } = await readWebAuthn();
    const options = await generateRegistrationOptions({
      rpName: 'Kuvert',
      rpID: this.#rpId,
      userName: mail,
      userDisplayName: name,
      userID: Uint8Array.from(Buffer.from(administratorId)),
      challenge: this.#random(CHALLENGE_BYTES),
      attestationType: 'none',
      supportedAlgorithmIDs: [...ALGORITHMS],
      excludeCredentials: own.map(({ credentialId }) => ({ id: credentialId })),
      authenticatorSelection: { residentKey: 'required', userVerification: 'required' },
      timeout: CHALLENGE_MS,
    });
    await this.#keep(options.challenge, administratorId);
    return options;
  }

  /** @throws KuvertError `passkey_not_valid` */
  async create(
    caller: Whose & Pick<SignedIn, 'grants'>,
    made: { name: string; credential: PasskeyCreated },
  ): Promise<PasskeyId> {
    const { administratorId, grants } = caller;
    const challenge = await this.#takeChallenge(made.credential.response.clientDataJSON, administratorId);
    if (challenge === undefined) throw new KuvertError('passkey_not_valid');
    const { verifyRegistrationResponse } = await readWebAuthn();
    const verified = await verifyRegistrationResponse({
      response: made.credential as never,
      expectedChallenge: challenge,
      expectedOrigin: this.#originOf(made.credential.response.clientDataJSON),
      expectedRPID: this.#rpId,
      requireUserVerification: true,
      supportedAlgorithmIDs: [...ALGORITHMS],
    }).catch((cause: unknown) => {
      throw new KuvertError('passkey_not_valid', { cause });
    });
    if (!verified.verified) throw new KuvertError('passkey_not_valid');
    const { credential, credentialBackedUp } = verified.registrationInfo;
    if ((await this.#of(administratorId)).length >= PASSKEYS_MAX) throw new KuvertError('passkey_not_valid');
    const passkeyId = makeId('passkey', this.#random(16));
    try {
      await this.#store.operator().write((tx) => {
        tx.insert(passkeys, {
          passkeyId,
          administratorId,
          name: made.name,
          credentialId: credential.id,
          publicKey: Uint8Array.from(credential.publicKey),
          counter: credential.counter,
          isSynced: credentialBackedUp,
          createdAt: this.#clock.nowMs(),
          lastUsedAt: null,
        });
        const after = { passkeyId, isSynced: credentialBackedUp };
        this.#audit.inOperator(tx, logsOf(grants), {
          action: 'passkey.added',
          object: administratorId,
          after,
        });
      });
    } catch (error) {
      if (error instanceof StoreError) throw new KuvertError('passkey_not_valid', { cause: error });
      throw error;
    }
    return passkeyId;
  }

  list({ administratorId }: Whose): Promise<readonly Passkey[]> {
    return this.#of(administratorId);
  }

  /** Removes one, and ends all other sessions. @throws KuvertError `not_found`, also for one of somebody else; `passkey_required` for the last one where nothing but passkeys signs in */
  async remove(
    { administratorId, grants, elsewhere, sessionId }: SignedIn,
    passkeyId: PasskeyId,
  ): Promise<void> {
    const isNeeded = await this.#rules.wantsPasskeys([...grants, ...elsewhere]);
    await this.#store.operator().write(async (tx) => {
      // Two at once may not remove the last two.
      if (isNeeded) await tx.guard('passkeys', administratorId);
      const row = await tx.get(passkeys, passkeyId);
      if (row.administratorId !== administratorId) throw new KuvertError('not_found');
      const query = { index: 'byAdministrator', equals: [administratorId], limit: 2 } as const;
      if (isNeeded && (await tx.list(passkeys, query)).rows.length < 2)
        throw new KuvertError('passkey_required');
      tx.delete(passkeys, passkeyId);
      // Whoever has it may have come in with it.
      await this.#sessions.endOthers(tx, administratorId, sessionId);
      const before = { passkeyId };
      this.#audit.inOperator(tx, logsOf(grants), {
        action: 'passkey.removed',
        object: administratorId,
        before,
      });
    });
  }

  /** What a browser needs to show any passkey that it has for us. @throws KuvertError `rate_limited` */
  async beginSignIn(address: string): Promise<object> {
    this.#beginnings.take(address);
    const { generateAuthenticationOptions } = await readWebAuthn();
    const options = await generateAuthenticationOptions({
      rpID: this.#rpId,
      challenge: this.#random(CHALLENGE_BYTES),
      userVerification: 'required',
      timeout: CHALLENGE_MS,
    });
    await this.#keep(options.challenge, null);
    return options;
  }

  /** @throws KuvertError `sign_in_failed`, whatever is wrong; `rate_limited` after wrong ones, `address_not_allowed` */
  async signIn(
    credential: PasskeyShown,
    { address, deviceToken }: { readonly address: string; readonly deviceToken: string | undefined },
  ): Promise<BegunSession> {
    const found = await this.show(credential, { address, to: null });
    return this.#sessions.begin(found, address, { factor: 'passkey', device: { shown: deviceToken } });
  }

  /** What a browser needs to show one of somebody's own passkeys again. */
  async beginStepUp({ administratorId }: Whose): Promise<object> {
    const own = await this.#of(administratorId);
    const { generateAuthenticationOptions } = await readWebAuthn();
    const options = await generateAuthenticationOptions({
      rpID: this.#rpId,
      challenge: this.#random(CHALLENGE_BYTES),
      userVerification: 'required',
      allowCredentials: own.map(({ credentialId }) => ({ id: credentialId })),
      timeout: CHALLENGE_MS,
    });
    await this.#keep(options.challenge, administratorId);
    return options;
  }

  /** A passkey was shown again within a session. @throws KuvertError `sign_in_failed`, `rate_limited` */
  async stepUp(caller: SignedIn, credential: PasskeyShown, address: string): Promise<number> {
    await this.show(credential, { address, to: caller });
    return this.#sessions.stepUp(caller);
  }

  /** Checks a passkey and writes down its counter. @param how.to whose it has to be; null for a sign-in, which is anybody's */
  async show(
    credential: PasskeyShown,
    how: { readonly address: string; readonly to: (Whose & Pick<SignedIn, 'grants'>) | null },
  ): Promise<RowOf<typeof administrators>> {
    const { address, to } = how;
    // Counted by passkey and not by account: wrong passwords of strangers hold up nobody's passkey, and one that is not there is counted alike.
    const tried = { mail: `passkey ${credential.id}`, address };
    await this.#delays.admit(tried);
    const challenge = await this.#takeChallenge(
      credential.response.clientDataJSON,
      to?.administratorId ?? null,
    );
    const row = await this.#store.operator().findBy(passkeys, 'byCredential', credential.id);
    const found = row && (await this.#store.operator().find(administrators, row.administratorId));
    const isTheirs = to === null || found?.administratorId === to.administratorId;
    const counter =
      challenge === undefined || row === undefined || found === undefined || !isTheirs
        ? undefined
        : await this.#verify(row, credential, challenge);
    if (row === undefined || found === undefined || counter === undefined) {
      const grants = to?.grants ?? found?.grants ?? [];
      await this.#delays.failed((tx) =>
        this.#audit.inOperator(tx, logsOf(grants), {
          action: to === null ? 'sign-in.refused' : 'step-up.refused',
          outcome: 'refused',
          ...(to === null ? { object: found?.administratorId } : {}),
        }),
      );
      throw new KuvertError('sign_in_failed');
    }
    await this.#store.operator().write(async (tx) => {
      const present = await tx.find(passkeys, row.passkeyId);
      // Removed, or shown by a copy of it, since it was looked at.
      if (present === undefined || present.counter !== row.counter) throw new KuvertError('sign_in_failed');
      tx.put(passkeys, { ...present, counter, lastUsedAt: this.#clock.nowMs() });
    });
    await this.#delays.succeeded(tried);
    return found;
  }

  /** @returns the new counter, undefined when it does not verify */
  async #verify(row: Passkey, credential: PasskeyShown, challenge: string): Promise<number | undefined> {
    const { verifyAuthenticationResponse } = await readWebAuthn();
    try {
      const { verified, authenticationInfo } = await verifyAuthenticationResponse({
        response: credential as never,
        expectedChallenge: challenge,
        expectedOrigin: this.#originOf(credential.response.clientDataJSON),
        expectedRPID: this.#rpId,
        requireUserVerification: true,
        credential: { id: row.credentialId, publicKey: Uint8Array.from(row.publicKey), counter: row.counter },
      });
      return verified ? authenticationInfo.newCounter : undefined;
    } catch {
      // The library throws for everything that does not fit, and one answer is enough.
      return undefined;
    }
  }

  get #rpId(): string {
    return this.#publicOrigin === undefined ? 'localhost' : new URL(this.#publicOrigin).hostname;
  }

  /** The origin to expect. Without a public address it may be any port of this machine, which the browser says itself. */
  #originOf(clientDataJSON: string): string {
    if (this.#publicOrigin !== undefined) return this.#publicOrigin;
    const { origin } = clientDataOf(clientDataJSON);
    return /^https?:\/\/localhost(:\d{1,5})?$/.test(origin ?? '') ? (origin as string) : 'http://localhost';
  }

  async #of(administratorId: AdministratorId): Promise<readonly Passkey[]> {
    const query = { index: 'byAdministrator', equals: [administratorId], limit: 100 } as const;
    return (await this.#store.operator().list(passkeys, query)).rows;
  }

  async #keep(challenge: string, administratorId: AdministratorId | null): Promise<void> {
    const expiresAt = this.#clock.nowMs() + CHALLENGE_MS;
    await this.#store
      .operator()
      .write((tx) => tx.insert(passkeyChallenges, { hash: hashOf(challenge), administratorId, expiresAt }));
  }

  /** The challenge that was answered, if it was given to this somebody and is still good; from then on it is none. */
  async #takeChallenge(
    clientDataJSON: string,
    administratorId: AdministratorId | null,
  ): Promise<string | undefined> {
    const { challenge } = clientDataOf(clientDataJSON);
    if (challenge === undefined) return undefined;
    const hash = hashOf(challenge);
    return this.#store.operator().write(async (tx) => {
      const row = await tx.find(passkeyChallenges, hash);
      if (row === undefined || row.administratorId !== administratorId) return undefined;
      tx.delete(passkeyChallenges, hash);
      return row.expiresAt > this.#clock.nowMs() ? challenge : undefined;
    });
  }
}

/** What the browser says it was asked; nothing of it is believed before the signature was checked. */
function clientDataOf(clientDataJSON: string): { challenge?: string; origin?: string } {
  try {
    const data = JSON.parse(Buffer.from(clientDataJSON, 'base64url').toString()) as Record<string, unknown>;
    const { challenge, origin } = data;
    return {
      ...(typeof challenge === 'string' ? { challenge } : {}),
      ...(typeof origin === 'string' ? { origin } : {}),
    };
  } catch {
    return {};
  }
}

function hashOf(challenge: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(createHash('sha256').update(challenge).digest());
}
