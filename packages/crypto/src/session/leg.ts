/**
 * The leg (wire.md §4): a ratchet ciphertext sealed once more, by HPKE to the recipient device's identity
 * key, so that the stored row tells nobody who sent it.
 *
 *   leg    0x01 version | suite u8 | HPKE-seal(type u8 | sender device 17 | ciphertext)
 *   info   "kuvert/leg/1"
 *   aad    tenant 17 | recipient device 17 | class u8 | suite u8
 *
 * The seal authenticates nobody: who sent it is known only once the ratchet has opened under a key of the
 * verified list.
 */
import {
  concatBytes,
  type DeviceId,
  ID_BYTES,
  idFromBytes,
  idToBytes,
  LABELS,
  SUITES,
  type SubmitClass,
  type TenantId,
} from '@kuvert/protocol';
import { CiphertextMessageType, type PrivateKey, type PublicKey } from '@signalapp/libsignal-client';
import { SessionError } from './session-error.ts';

const LEG_VERSION = 1;
const HEAD_BYTES = 2;

/** Where a leg belongs; bound into it, so that a server cannot move it to another device or class. */
export interface LegAddress {
  readonly tenantId: TenantId;
  readonly recipientDevice: DeviceId;
  readonly class: SubmitClass;
}

/**
 * A leg as opened: who claims to have sent it, and the ratchet ciphertext. Nothing of it is authenticated
 * yet.
 */
export interface OpenedLeg {
  readonly senderDevice: DeviceId;
  /** `prekey`: starts a session and carries the sender's identity key. `message`: within a session. */
  readonly type: 'prekey' | 'message';
  readonly ciphertext: Uint8Array<ArrayBuffer>;
  /**
   * In `prekey`: the identity key inside, 33 bytes. Compare it with the sender's verified list before
   * decrypting.
   */
  readonly senderIdentityKey?: Uint8Array<ArrayBuffer>;
}

/** Seals a ratchet ciphertext to the recipient device's identity key. */
export function sealLeg(
  address: LegAddress,
  recipientIdentityKey: PublicKey,
  content: {
    readonly type: CiphertextMessageType;
    readonly senderDevice: DeviceId;
    readonly ciphertext: Uint8Array;
  },
): Uint8Array<ArrayBuffer> {
  const inner = concatBytes(Uint8Array.of(content.type), idToBytes(content.senderDevice), content.ciphertext);
  const sealed = recipientIdentityKey.seal(inner, LABELS.leg, legAad(address));
  return concatBytes(Uint8Array.of(LEG_VERSION, SUITES.signalPairwise), sealed);
}

/**
 * Opens a leg. @throws SessionError `undecryptable` when the seal does not hold, `malformed` for another
 * layout
 */
export function openLeg(address: LegAddress, ownIdentityKey: PrivateKey, leg: Uint8Array): OpenedLeg {
  if (leg[0] !== LEG_VERSION || leg[1] !== SUITES.signalPairwise) {
    throw new SessionError('malformed', 'a leg of an unknown version or suite');
  }
  const inner = unseal(address, ownIdentityKey, Uint8Array.from(leg.subarray(HEAD_BYTES)));
  const [type] = inner;
  const ciphertext = inner.slice(1 + ID_BYTES);
  const senderDevice = readDevice(inner.subarray(1, 1 + ID_BYTES));
  if (type === CiphertextMessageType.Whisper) return { senderDevice, type: 'message', ciphertext };
  if (type !== CiphertextMessageType.PreKey) {
    throw new SessionError('malformed', 'a leg with a ciphertext of an unknown type');
  }
  return { senderDevice, type: 'prekey', ciphertext, senderIdentityKey: identityKeyInside(ciphertext) };
}

function unseal(address: LegAddress, key: PrivateKey, sealed: Uint8Array<ArrayBuffer>) {
  try {
    return key.open(sealed, LABELS.leg, legAad(address));
  } catch (cause) {
    throw new SessionError('undecryptable', 'a leg that is not sealed to this device', { cause });
  }
}

function readDevice(bytes: Uint8Array): DeviceId {
  try {
    return idFromBytes('device', bytes);
  } catch (cause) {
    throw new SessionError('malformed', 'a leg without a sender device', { cause });
  }
}

function legAad(address: LegAddress): Uint8Array<ArrayBuffer> {
  return concatBytes(
    idToBytes(address.tenantId),
    idToBytes(address.recipientDevice),
    Uint8Array.of(address.class, SUITES.signalPairwise),
  );
}

const IDENTITY_KEY_FIELD = 3;
const IDENTITY_KEY_BYTES = 33;

/**
 * The identity key in a PreKeySignalMessage. libsignal's binding has no getter for it, so this reads the
 * outermost level of its serialisation: a version byte, then protobuf, where identity_key is field 3
 * (libsignal, wire.proto). libsignal reads the same bytes when it decrypts; a wrong reading here could only
 * refuse, never let through.
 */
function identityKeyInside(message: Uint8Array): Uint8Array<ArrayBuffer> {
  let at = 1;
  let found: Uint8Array<ArrayBuffer> | undefined;
  while (at < message.length) {
    const tag = varint();
    if ((tag & 7) === 0) {
      varint();
    } else if ((tag & 7) === 2) {
      const length = varint();
      if (length > message.length - at) throw notPrekeyMessage();
      if (tag >> 3 === IDENTITY_KEY_FIELD) found = Uint8Array.from(message.subarray(at, at + length));
      at += length;
    } else {
      throw notPrekeyMessage();
    }
  }
  if (found?.length !== IDENTITY_KEY_BYTES) throw notPrekeyMessage();
  return found;

  function varint(): number {
    let value = 0;
    for (let factor = 1; factor <= 2 ** 28; factor *= 128) {
      const byte = message[at++];
      if (byte === undefined) throw notPrekeyMessage();
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
    throw notPrekeyMessage();
  }
}

function notPrekeyMessage(): SessionError {
  return new SessionError('malformed', 'a leg whose ciphertext is no prekey message');
}
