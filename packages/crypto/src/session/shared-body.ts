/**
 * How a frame travels (wire.md §4). A small frame goes through the ratchet itself; a large one is sealed once
 * under a one-time key and the ratchet carries the reference, so that a message to many devices is uploaded
 * once.
 *
 *   inline plaintext:    0x01 | frame
 *   reference plaintext: 0x02 | one-time key 32 | SHA-256 of the sealed body 32
 *   sealed body:         0x01 | AES-256-GCM(one-time key, nonce 0¹², aad "kuvert/shared-body/1", frame) | tag 16
 *
 * The nonce may be zero because a one-time key seals one body. The hash in the reference, which the ratchet
 * authenticates, commits to the body's bytes: AES-GCM alone does not (two keys can open one ciphertext).
 */
import { createCipheriv, createDecipheriv, createHash } from 'node:crypto';
import { concatBytes, equalBytes, LABELS, utf8 } from '@kuvert/protocol';
import { SessionError } from './session-error.ts';

/** Frames up to this size go inside the leg; larger ones become a shared body. */
export const INLINE_FRAME_BYTES_MAX = 2_560;

const INLINE = 1;
const REFERENCE = 2;
const BODY_VERSION = 1;
const KEY_BYTES = 32;
const HASH_BYTES = 32;
const TAG_BYTES = 16;
const NONCE = new Uint8Array(12);

/** What goes through the ratchet, and what is sealed once beside it. */
export interface PackedFrame {
  /** Plaintext for every leg. */
  readonly plaintext: Uint8Array<ArrayBuffer>;
  /** `Submit.body`, when the frame was too large for the legs. */
  readonly body?: Uint8Array<ArrayBuffer>;
}

/** Packs a frame. `oneTimeKey` is 32 random bytes, never used before; a small frame leaves it unused. */
export function packFrame(frame: Uint8Array, oneTimeKey: Uint8Array): PackedFrame {
  if (frame.length <= INLINE_FRAME_BYTES_MAX) {
    return { plaintext: concatBytes(Uint8Array.of(INLINE), frame) };
  }
  const cipher = createCipheriv('aes-256-gcm', oneTimeKey, NONCE, { authTagLength: TAG_BYTES });
  cipher.setAAD(utf8(LABELS.sharedBody));
  const sealed = [cipher.update(frame), cipher.final(), cipher.getAuthTag()];
  const body = concatBytes(Uint8Array.of(BODY_VERSION), ...sealed);
  return { plaintext: concatBytes(Uint8Array.of(REFERENCE), oneTimeKey, sha256(body)), body };
}

/**
 * The frame of a decrypted leg and the body delivered with it.
 * @throws SessionError `malformed` when the body is missing, superfluous or not the one that the leg names
 */
export function unpackFrame(plaintext: Uint8Array, body: Uint8Array | undefined): Uint8Array<ArrayBuffer> {
  if (plaintext[0] === INLINE) {
    if (body !== undefined) throw new SessionError('malformed', 'a body beside a frame that is inline');
    if (plaintext.length > 1 + INLINE_FRAME_BYTES_MAX)
      throw new SessionError('malformed', 'a frame too large');
    return Uint8Array.from(plaintext.subarray(1));
  }
  if (plaintext[0] !== REFERENCE || plaintext.length !== 1 + KEY_BYTES + HASH_BYTES) {
    throw new SessionError('malformed', 'a plaintext that is neither frame nor reference');
  }
  if (body === undefined) throw new SessionError('malformed', 'a reference to a body that is not there');
  const key = plaintext.subarray(1, 1 + KEY_BYTES);
  if (!equalBytes(sha256(body), plaintext.subarray(1 + KEY_BYTES))) {
    throw new SessionError('malformed', 'another body than the leg names');
  }
  return openBody(key, body);
}

function openBody(key: Uint8Array, body: Uint8Array): Uint8Array<ArrayBuffer> {
  if (body[0] !== BODY_VERSION || body.length < 1 + TAG_BYTES) {
    throw new SessionError('malformed', 'a body of an unknown version');
  }
  try {
    const decipher = createDecipheriv('aes-256-gcm', key, NONCE, { authTagLength: TAG_BYTES });
    decipher.setAAD(utf8(LABELS.sharedBody));
    decipher.setAuthTag(body.subarray(body.length - TAG_BYTES));
    const frame = decipher.update(body.subarray(1, body.length - TAG_BYTES));
    return concatBytes(frame, decipher.final());
  } catch (cause) {
    throw new SessionError('malformed', 'a body that does not open', { cause });
  }
}

function sha256(bytes: Uint8Array): Uint8Array {
  return createHash('sha256').update(bytes).digest();
}
