/**
 * Linking a device (wire.md §2): what the signer answers is sealed twice, under a key of the secret in the code that the new device shows,
 * so that it comes from somebody who has seen that very code, and to the new device's identity key, so that nobody else who has seen it
 * can read it. Both keys depend on every byte of the code.
 */
import { createHash, scryptSync } from 'node:crypto';
import { type DeviceId, encodeLinkCode, idToBytes, LABELS, type LinkOffer, utf8 } from '@kuvert/protocol';
import { PrivateKey, PublicKey } from '@signalapp/libsignal-client';
import { aeadOpen, aeadSeal, hkdf, KEY_BYTES, NONCE_BYTES, NotOpenedError } from '../sealing/primitives.ts';
import { SessionError } from './session-error.ts';

type Bytes = Uint8Array<ArrayBuffer>;

const LINK_ID_BYTES = 16;
/** The key under the secret is for one answer, so one nonce does. */
const NONCE = new Uint8Array(NONCE_BYTES);
/** 32 MiB and about a tenth of a second: too slow to find another code with the same numbers within ten minutes. */
const STRETCHING = { N: 2 ** 15, r: 8, p: 1, maxmem: 64 * 1_048_576 } as const;
const NUMBERS = 12;

/** Under which name the answer lies on the server: known to those who have seen the code, and telling nothing of it. */
export function linkIdOf({ secret }: LinkOffer): Bytes {
  return hkdf(secret, { salt: new Uint8Array(0), info: utf8(LABELS.linkId), bytes: LINK_ID_BYTES });
}

/** The numbers that both devices show, `1234 5678 9012`: of the whole code, so two codes have the same only by chance. */
export function linkNumbers(offer: LinkOffer): string {
  const bytes = scryptSync(transcriptOf(offer), LABELS.linkCode, 8, STRETCHING);
  const digits = (bytes.readBigUInt64BE() % 10n ** BigInt(NUMBERS)).toString().padStart(NUMBERS, '0');
  return `${digits.slice(0, 4)} ${digits.slice(4, 8)} ${digits.slice(8)}`;
}

/** Seals an answer to the device that has made the offer. */
export function sealLinkAnswer(offer: LinkOffer, answer: Uint8Array): Bytes {
  const inner = aeadSeal(keyOf(offer), NONCE, linkIdOf(offer), answer);
  const recipient = PublicKey.deserialize(offer.identityKey);
  return Uint8Array.from(recipient.seal(inner, LABELS.linkAnswer, linkIdOf(offer)));
}

/** Opens an answer. @throws SessionError `undecryptable` for one that is not for this device or not by somebody who has seen its code */
export function openLinkAnswer(offer: LinkOffer, identityPrivateKey: Bytes, sealed: Bytes): Bytes {
  try {
    const key = PrivateKey.deserialize(identityPrivateKey);
    const inner = key.open(sealed, LABELS.linkAnswer, linkIdOf(offer));
    return aeadOpen(keyOf(offer), NONCE, linkIdOf(offer), inner);
  } catch (cause) {
    const why = cause instanceof NotOpenedError ? 'another code' : 'another device';
    throw new SessionError('undecryptable', `a link answer for ${why}`, { cause });
  }
}

/** Seals the private half of an account key for another device of the same person that may sign. */
export function sealAccountKey(identityKey: Bytes, device: DeviceId, privateKey: Bytes): Bytes {
  const recipient = PublicKey.deserialize(identityKey);
  return Uint8Array.from(recipient.seal(privateKey, LABELS.accountKeyCopy, idToBytes(device)));
}

/** Opens what {@link sealAccountKey} made. @throws SessionError `undecryptable` */
export function openAccountKey(identityPrivateKey: Bytes, device: DeviceId, sealed: Bytes): Bytes {
  try {
    const key = PrivateKey.deserialize(identityPrivateKey);
    return Uint8Array.from(key.open(sealed, LABELS.accountKeyCopy, idToBytes(device)));
  } catch (cause) {
    throw new SessionError('undecryptable', 'an account key for another device', { cause });
  }
}

/** True for an identity key that can be sealed to. */
export function isIdentityKey(bytes: Bytes): boolean {
  try {
    PublicKey.deserialize(bytes);
    return true;
  } catch {
    return false;
  }
}

function transcriptOf(offer: LinkOffer): Buffer {
  return createHash('sha256').update(LABELS.linkCode).update(encodeLinkCode(offer)).digest();
}

function keyOf(offer: LinkOffer): Bytes {
  const { secret } = offer;
  return hkdf(secret, { salt: transcriptOf(offer), info: utf8(LABELS.linkAnswer), bytes: KEY_BYTES });
}
