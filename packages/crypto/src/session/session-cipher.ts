/**
 * Sessions between devices: PQXDH and double ratchet by libsignal, with staged state.
 *
 * Every operation reads through {@link SessionRecords} and answers with {@link SessionWrites}; see there for
 * the transaction rule. One operation at a time: the next may begin only when the writes of the one before
 * are committed or thrown away, because it must read what that one wrote (else two messages share one message
 * key and the second is lost as a duplicate). Callers keep one queue for the container; within one
 * transaction they answer reads with the writes so far. Two operations that overlap on one object are refused
 * as `busy` before anything is read.
 */
import {
  type DeviceId,
  type ListedDevice,
  type PrekeyBundle,
  SUITES,
  type SubmitClass,
  type TenantId,
} from '@kuvert/protocol';
import {
  ErrorCode,
  KEMPublicKey,
  LibSignalErrorBase,
  PreKeyBundle,
  PreKeySignalMessage,
  PrivateKey,
  PublicKey,
  processPreKeyBundle,
  SessionRecord,
  SignalMessage,
  signalDecrypt,
  signalDecryptPreKey,
  signalEncrypt,
} from '@signalapp/libsignal-client';
import { type OpenedLeg, openLeg, sealLeg } from './leg.ts';
import type { SessionRecords, SessionWrites } from './records.ts';
import { SessionError } from './session-error.ts';
import { addressOf, StagedStores } from './staged-stores.ts';

/** The device on whose behalf a {@link SessionCipher} works. */
export interface OwnDevice {
  readonly tenantId: TenantId;
  readonly deviceId: DeviceId;
  /** Private identity key, 32 bytes. */
  readonly identityPrivateKey: Uint8Array<ArrayBuffer>;
  readonly registrationId: number;
}

/**
 * Encrypts to and decrypts from other devices. Peers are entries of verified device lists (`verifyAccount`).
 */
export class SessionCipher {
  readonly #own: OwnDevice;
  readonly #identityKey: PrivateKey;
  readonly #records: SessionRecords;
  #isBusy = false;

  constructor(own: OwnDevice, records: SessionRecords) {
    this.#own = own;
    this.#identityKey = PrivateKey.deserialize(own.identityPrivateKey);
    this.#records = records;
  }

  /**
   * True when {@link encrypt} needs no bundle for this device. An opener unanswered for 30 days does not
   * count.
   */
  hasSession(device: DeviceId, nowMs: number): boolean {
    const bytes = this.#records.loadSession(device);
    return bytes !== undefined && SessionRecord.deserialize(bytes).hasCurrentState(new Date(nowMs));
  }

  /**
   * Takes one ratchet step and seals the leg for one device. With `bundle` a new session is started first (an
   * existing one is archived); without it the session must exist.
   * @throws SessionError `no-session`; `untrusted-identity` when the bundle is not signed by the listed
   *   identity key;
   *   `malformed` when bundle and peer do not belong together; `busy`
   */
  async encrypt(options: {
    readonly peer: ListedDevice;
    /** From `packFrame`. */
    readonly plaintext: Uint8Array<ArrayBuffer>;
    readonly class: SubmitClass;
    readonly nowMs: number;
    readonly bundle?: PrekeyBundle | undefined;
  }): Promise<{ readonly leg: Uint8Array<ArrayBuffer>; readonly writes: SessionWrites }> {
    const { peer, plaintext, nowMs, bundle } = options;
    return this.#alone(async () => {
      const recipientKey = identityKeyOf(peer);
      const stores = this.#stage(peer);
      if (bundle !== undefined) await this.#startSession(stores, peer, bundle, nowMs);
      else if (!this.hasSession(peer.device, nowMs)) {
        throw new SessionError('no-session', 'there is no usable session with this device');
      }
      const message = await signalEncrypt(
        plaintext,
        addressOf(peer.device),
        addressOf(this.#own.deviceId),
        stores.sessions,
        stores.identities,
        new Date(nowMs),
      ).catch((cause) => {
        throw translate(cause, 'no-session');
      });
      const leg = sealLeg(
        { tenantId: this.#own.tenantId, recipientDevice: peer.device, class: options.class },
        recipientKey,
        { type: message.type(), senderDevice: this.#own.deviceId, ciphertext: message.serialize() },
      );
      return { leg, writes: stores.writes() };
    });
  }

  /**
   * Opens the outer seal of a delivered leg. Tells who claims to have sent it; the caller then verifies that
   * sender's account and calls {@link decrypt} with the listed device.
   * @throws SessionError `undecryptable`, `malformed`
   */
  openLeg(leg: Uint8Array, submitClass: SubmitClass): OpenedLeg {
    const { tenantId, deviceId } = this.#own;
    return openLeg({ tenantId, recipientDevice: deviceId, class: submitClass }, this.#identityKey, leg);
  }

  /**
   * Decrypts an opened leg. `peer` is the sender's entry in its verified list; a message under any other
   * identity key is refused.
   * @throws SessionError `duplicate` (acknowledge), `undecryptable` (quarantine, ask again),
   *   `untrusted-identity` (refuse, tell
   *   people), `malformed`, `busy`
   */
  async decrypt(
    opened: OpenedLeg,
    peer: ListedDevice,
  ): Promise<{ readonly plaintext: Uint8Array<ArrayBuffer>; readonly writes: SessionWrites }> {
    if (opened.senderDevice !== peer.device) {
      throw new SessionError('untrusted-identity', 'a leg from another device than the one verified');
    }
    return this.#alone(async () => {
      const stores = this.#stage(peer);
      try {
        const plaintext = await this.#open(stores, opened, peer);
        return { plaintext: Uint8Array.from(plaintext), writes: stores.writes() };
      } catch (cause) {
        throw translate(cause, 'undecryptable');
      }
    });
  }

  /**
   * Sets the session with a device aside, so that the next message starts a new one with a bundle; what is
   * still under way in the old one can be opened. Undefined when there is none.
   */
  archiveSession(device: DeviceId): SessionWrites | undefined {
    if (this.#isBusy) throw busy();
    const bytes = this.#records.loadSession(device);
    if (bytes === undefined) return undefined;
    const session = SessionRecord.deserialize(bytes);
    session.archiveCurrentState();
    return {
      sessions: [{ device, record: session.serialize() }],
      usedOneTimePrekeys: [],
      usedKyberPrekeys: [],
      lastResortUses: [],
    };
  }

  async #startSession(
    stores: StagedStores,
    peer: ListedDevice,
    bundle: PrekeyBundle,
    nowMs: number,
  ): Promise<void> {
    if (bundle.device !== peer.device || !peer.suites.includes(SUITES.signalPairwise)) {
      throw new SessionError('malformed', 'a bundle that is not for this device or suite');
    }
    try {
      const preKeyBundle = PreKeyBundle.new(
        peer.registrationId,
        1,
        bundle.oneTime?.id ?? null,
        bundle.oneTime ? PublicKey.deserialize(bundle.oneTime.publicKey) : null,
        bundle.signed.id,
        PublicKey.deserialize(bundle.signed.publicKey),
        bundle.signed.signature,
        PublicKey.deserialize(peer.identityKey),
        bundle.kyber.id,
        KEMPublicKey.deserialize(bundle.kyber.publicKey),
        bundle.kyber.signature,
      );
      await processPreKeyBundle(
        preKeyBundle,
        addressOf(peer.device),
        addressOf(this.#own.deviceId),
        stores.sessions,
        stores.identities,
        new Date(nowMs),
      );
    } catch (cause) {
      throw new SessionError('untrusted-identity', 'a bundle that the listed identity key has not signed', {
        cause,
      });
    }
  }

  async #open(stores: StagedStores, opened: OpenedLeg, peer: ListedDevice): Promise<Uint8Array> {
    const from = addressOf(peer.device);
    const to = addressOf(this.#own.deviceId);
    if (opened.type === 'message') {
      const message = SignalMessage.deserialize(opened.ciphertext);
      return signalDecrypt(message, from, to, stores.sessions, stores.identities);
    }
    const message = PreKeySignalMessage.deserialize(opened.ciphertext);
    const plaintext = await signalDecryptPreKey(
      message,
      from,
      to,
      stores.sessions,
      stores.identities,
      stores.oneTimePrekeys,
      stores.signedPrekeys,
      stores.kyberPrekeys,
    );
    // libsignal does not authenticate this field; the verified list does. Nothing is written until we return.
    if (message.registrationId() !== peer.registrationId) {
      throw new SessionError('undecryptable', 'an opener with another registration id than the listed one');
    }
    return plaintext;
  }

  #stage(peer: ListedDevice): StagedStores {
    return new StagedStores({
      records: this.#records,
      identityKey: this.#identityKey,
      registrationId: this.#own.registrationId,
      peer,
    });
  }

  async #alone<T>(operation: () => Promise<T>): Promise<T> {
    if (this.#isBusy) throw busy();
    this.#isBusy = true;
    try {
      return await operation();
    } finally {
      this.#isBusy = false;
    }
  }
}

/** A signed list vouches for 33 bytes, not for their being a key. */
function identityKeyOf(peer: ListedDevice): PublicKey {
  try {
    return PublicKey.deserialize(peer.identityKey);
  } catch (cause) {
    throw new SessionError('untrusted-identity', 'a listed identity key that is no key', { cause });
  }
}

function busy(): SessionError {
  return new SessionError('busy', 'an operation on this object has not ended yet');
}

/** What libsignal refuses, in our words. Errors of our stores arrive wrapped, with code `Generic`. */
function translate(cause: unknown, otherwise: 'no-session' | 'undecryptable'): SessionError {
  if (cause instanceof SessionError) return cause;
  const code = cause instanceof LibSignalErrorBase ? (cause.code as ErrorCode) : ErrorCode.Generic;
  if (code === ErrorCode.DuplicatedMessage) {
    return new SessionError('duplicate', 'a message that was opened before', { cause });
  }
  if (code === ErrorCode.UntrustedIdentity) {
    return new SessionError(
      'untrusted-identity',
      'a message under another identity key than the listed one',
      {
        cause,
      },
    );
  }
  return new SessionError(otherwise, 'the ratchet refused the operation', { cause });
}
