/**
 * Comparing keys with people (B6): the safety number of a conversation, and what the person has made of it. Whatever was compared or
 * accepted holds for one account key; under another one it holds no more, and the conversation has said so (`key-events.ts`).
 */
import { compareSafetyNumber, safetyNumber } from '@kuvert/crypto/identity';
import { equalBytes, KuvertError, mailAddress, type PersonId } from '@kuvert/protocol';
import type { Context } from '../context.ts';
import type { Directory } from '../directory.ts';
import type { Connection } from '../ports.ts';
import type { KnownAccount } from '../store.ts';
import { awaitsConfirmation } from './confirmation.ts';
import { nextStamp, tellChoices } from './own-choices.ts';
import type { TrustChoice } from './store.ts';

/** `changed`: other keys were compared before these took their place. */
export type Verification = 'unverified' | 'verified' | 'changed';

/** So long keys that were fetched count as the present ones for who looks at a conversation. */
const FRESH_FOR_MS = 60_000;

/** What two people compare, and how it stands. */
export interface SafetyInfo {
  readonly personId: PersonId;
  readonly mail: string;
  readonly name: string;
  /** 60 digits. */
  readonly number: string;
  /** Text of a QR code for the other person to scan. */
  readonly code: string;
  readonly verification: Verification;
  readonly verifiedAtMs: number | undefined;
  /** Messages wait until the keys are compared or accepted. */
  readonly isHeld: boolean;
}

/** @see the top of this file */
export class Safety {
  readonly #context: Context;
  readonly #directory: Directory;
  readonly #connection: () => Connection | undefined;
  readonly #released: (personId: PersonId) => void;
  readonly #freshenedAtMs = new Map<PersonId, number>();

  /** @param released messages to a person may go out now */
  constructor(
    context: Context,
    directory: Directory,
    hooks: { connection: () => Connection | undefined; released: (personId: PersonId) => void },
  ) {
    this.#context = context;
    this.#directory = directory;
    this.#connection = hooks.connection;
    this.#released = hooks.released;
  }

  /**
   * The safety number with a person. While connected the present keys are fetched first.
   * @throws KuvertError `bad_request`, `recipient_self`, `recipient_unknown`, `no_device`, `identity_…` for keys that do not verify
   */
  async show(mail: string): Promise<SafetyInfo> {
    return this.#infoOf(await this.#accountOf(mail), mail);
  }

  /** The same as far as it is known here, at once; undefined for somebody whose keys were never seen. */
  known(mail: string): SafetyInfo | undefined {
    const { directory } = this.#context.store;
    const person = directory.findPersonByMail(mail);
    const account = person && directory.getAccount(person.personId);
    return account && this.#infoOf(account, mail);
  }

  /** How keys of a person stand, as far as is known here, without a network. */
  verificationOf(personId: PersonId): Verification {
    const account = this.#context.store.directory.getAccount(personId);
    return account === undefined ? 'unverified' : this.#verificationOf(account);
  }

  /**
   * Fetches the present keys of somebody whose keys were compared, so that nothing is shown as compared which is so no more: this device may
   * not have heard of a change, because it was another one of its person that has compared them, or that they write with. To be called when
   * a conversation is looked at; asks at most once in {@link FRESH_FOR_MS}, and nobody while offline.
   */
  async freshen(personId: PersonId): Promise<void> {
    const connection = this.#connection();
    const now = this.#context.clock.now();
    const age = now - (this.#freshenedAtMs.get(personId) ?? Number.NEGATIVE_INFINITY);
    const isFresh = age >= 0 && age < FRESH_FOR_MS;
    const isCompared = this.#context.store.trust.get(personId).verifiedKey !== undefined;
    if (connection === undefined || isFresh || !isCompared) return;
    this.#freshenedAtMs.set(personId, now);
    try {
      await this.#directory.refresh(connection, personId);
    } catch (error) {
      // Keys that do not verify have told so in the conversation; a connection that is gone is asked again.
      if (!(error instanceof KuvertError)) throw error;
      if (error.retry.kind !== 'never') this.#freshenedAtMs.delete(personId);
    }
  }

  /**
   * Marks the keys as compared when what the other person shows (number or code) fits.
   * @throws KuvertError as {@link Safety.show}, `safety_mismatch`, `safety_malformed`
   */
  async verify(mail: string, shown: string): Promise<SafetyInfo> {
    const account = await this.#accountOf(mail);
    const comparison = compareSafetyNumber(this.#parties(account), shown);
    if (comparison === 'malformed') throw new KuvertError('safety_malformed');
    if (comparison === 'different') throw new KuvertError('safety_mismatch');
    const verifiedAtMs = this.#context.clock.now();
    this.#choose(account, { verifiedKey: Uint8Array.from(account.pin.accountKey), verifiedAtMs });
    return this.#infoOf(account, mail);
  }

  /** Takes a verification back. @throws KuvertError as {@link Safety.show} */
  async unverify(mail: string): Promise<SafetyInfo> {
    const account = await this.#accountOf(mail);
    this.#choose(account, { verifiedKey: undefined, verifiedAtMs: undefined });
    return this.#infoOf(account, mail);
  }

  /** Lets messages go out under the present keys without comparing them. @throws KuvertError as {@link Safety.show} */
  async accept(mail: string): Promise<SafetyInfo> {
    const account = await this.#accountOf(mail);
    this.#choose(account, { acceptedKey: Uint8Array.from(account.pin.accountKey) });
    return this.#infoOf(account, mail);
  }

  #choose({ personId }: KnownAccount, change: Partial<TrustChoice>): void {
    const { store } = this.#context;
    store.transaction(() => {
      const before = store.trust.listChoices().find((choice) => choice.personId === personId);
      const { verifiedKey, verifiedAtMs, acceptedKey } = { ...store.trust.get(personId), ...change };
      const stampMs = nextStamp(this.#context, before?.stampMs);
      const choice = { personId, verifiedKey, verifiedAtMs, acceptedKey, stampMs };
      store.trust.choose(choice);
      tellChoices(this.#context, { trust: [choice] });
      store.outbox.releaseHeld(personId, 'keys_unconfirmed');
    });
    this.#released(personId);
  }

  async #accountOf(address: string): Promise<KnownAccount> {
    const { store, own } = this.#context;
    const mail = mailAddress.safeParse(address);
    if (!mail.success) throw new KuvertError('bad_request', { details: { field: 'mail' } });
    if (mail.data === own.mail) throw new KuvertError('recipient_self');
    const connection = this.#connection();
    const known = store.directory.findPersonByMail(mail.data);
    if (connection === undefined) {
      const account = known && store.directory.getAccount(known.personId);
      if (account === undefined) throw new KuvertError(known ? 'server_unreachable' : 'recipient_unknown');
      return account;
    }
    const person = known ?? (await this.#directory.findByMail(connection, mail.data));
    try {
      return await this.#directory.refresh(connection, person.personId);
    } catch (error) {
      if (error instanceof KuvertError && error.code === 'not_found') throw new KuvertError('no_device');
      throw error;
    }
  }

  #infoOf(account: KnownAccount, mail: string): SafetyInfo {
    const { store } = this.#context;
    const { personId } = account;
    const person = store.directory.getPerson(personId);
    const verification = this.#verificationOf(account);
    return {
      personId,
      mail: person?.mail ?? mail,
      name: person?.name ?? mail,
      ...safetyNumber(this.#parties(account)),
      verification,
      verifiedAtMs: verification === 'verified' ? store.trust.get(personId).verifiedAtMs : undefined,
      isHeld: awaitsConfirmation(this.#context, account),
    };
  }

  #verificationOf(account: KnownAccount): Verification {
    const { verifiedKey } = this.#context.store.trust.get(account.personId);
    if (verifiedKey === undefined) return 'unverified';
    return equalBytes(verifiedKey, account.pin.accountKey) ? 'verified' : 'changed';
  }

  #parties({ personId, pin }: KnownAccount): Parameters<typeof safetyNumber>[0] {
    const { own, store } = this.#context;
    // The own key may have been renewed since this device was enrolled.
    const accountKey = store.directory.getAccount(own.personId)?.pin.accountKey ?? own.accountKey;
    return {
      tenantId: own.tenantId,
      own: { personId: own.personId, accountKey },
      other: { personId, accountKey: pin.accountKey },
    };
  }
}
