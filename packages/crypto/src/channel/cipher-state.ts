/**
 * One direction of AES-256-GCM with a counter as nonce (Noise rev 34 §5.1, §12.3): 32 zero bits, then the
 * counter as 64 bits, big-endian. The counter is never sent, so a frame that was dropped, repeated or moved
 * does not open.
 */
import { type CipherGCM, createCipheriv, createDecipheriv } from 'node:crypto';
import { CHANNEL_LIMITS, sliceBytes } from '@kuvert/protocol';
import { ChannelError } from './channel-error.ts';

/** Bytes of the authentication tag behind each ciphertext. */
export const TAG_BYTES = 16;
/** The longest Noise message, handshake or transport, in bytes (Noise rev 34 §3). */
export const NOISE_MESSAGE_BYTES_MAX = CHANNEL_LIMITS.noiseMessageBytesMax;
/** The longest plaintext of a transport message, in bytes. */
export const NOISE_PLAINTEXT_BYTES_MAX = NOISE_MESSAGE_BYTES_MAX - TAG_BYTES;
/**
 * How many messages one key may protect. Noise would allow 2⁶⁴−1; at 2³² messages of the greatest length
 * AES-GCM still has a margin of 2⁴⁰, and no connection, which lives a day at most, comes near it.
 */
export const MESSAGES_PER_KEY_MAX = 2 ** 32;

const ALGORITHM = 'aes-256-gcm';
const OPTIONS = { authTagLength: TAG_BYTES } as const;
/** Where nonces are written for Node to copy: one for all, because an array of its own is 300 bytes of every connection. */
const NONCE = new Uint8Array(12);
/** Where a message is sealed that is copied at once. */
const SEALED = new Uint8Array(NOISE_MESSAGE_BYTES_MAX);

/**
 * A message that was sealed for the place of the next one before it was certain that it would be sent (docs/decisions/0016). Its bytes come out
 * only by taking that place, which one message does, once: whatever else was sealed for it stays in here.
 */
export class SealedAhead {
  readonly #sealed: Uint8Array<ArrayBuffer>;
  readonly #cipher: CipherState;
  readonly #counter: number;

  constructor(sealed: Uint8Array<ArrayBuffer>, cipher: CipherState, counter: number) {
    this.#sealed = sealed;
    this.#cipher = cipher;
    this.#counter = counter;
  }

  /** The message, to be sent as the next one of this cipher; undefined when another has its place, or it was sealed by another cipher. */
  take(cipher: CipherState): Uint8Array<ArrayBuffer> | undefined {
    return cipher === this.#cipher && cipher.takePlace(this.#counter) ? this.#sealed : undefined;
  }
}

/** A key and its counter. Every failure is final: the caller gives the whole channel up. */
export class CipherState {
  // Memory of their own: a slice of Node's pool would keep the whole pool as long as the connection lives.
  readonly #key: Uint8Array<ArrayBuffer>;
  #counter: number;

  /** @param counter number of the next message; other than 0 only in tests of the last one */
  constructor(key: Uint8Array, counter = 0) {
    this.#key = new Uint8Array(key);
    this.#counter = counter;
  }

  /** Ciphertext ‖ tag. */
  encrypt(plaintext: Uint8Array, associatedData?: Uint8Array): Uint8Array<ArrayBuffer> {
    const cipher = this.#cipherOf(this.#nextNonce());
    if (associatedData !== undefined) cipher.setAAD(associatedData);
    return finish(cipher, plaintext, sliceBytes(plaintext.length + TAG_BYTES));
  }

  /** Ciphertext ‖ tag of at most {@link NOISE_MESSAGE_BYTES_MAX}, in memory that the next message takes, of whichever cipher. */
  encryptShared(plaintext: Uint8Array): Uint8Array<ArrayBuffer> {
    const into = SEALED.subarray(0, plaintext.length + TAG_BYTES);
    return finish(this.#cipherOf(this.#nextNonce()), plaintext, into);
  }

  /** Seals for the place that is next now, and leaves it free; undefined when there is none any more. @see SealedAhead */
  encryptAhead(plaintext: Uint8Array): SealedAhead | undefined {
    const counter = this.#counter;
    if (counter >= MESSAGES_PER_KEY_MAX) return undefined;
    const into = sliceBytes(plaintext.length + TAG_BYTES);
    const sealed = finish(this.#cipherOf(nonceOf(counter)), plaintext, into);
    return new SealedAhead(sealed, this, counter);
  }

  /** Takes the place of this number if it is still the next one. @returns whether it was */
  takePlace(counter: number): boolean {
    if (this.#counter !== counter) return false;
    this.#counter++;
    return true;
  }

  #cipherOf(nonce: Uint8Array): CipherGCM {
    return createCipheriv(ALGORITHM, this.#key, nonce, OPTIONS);
  }

  /** The plaintext of ciphertext ‖ tag. @throws ChannelError `not_authentic` */
  decrypt(sealed: Uint8Array, associatedData?: Uint8Array): Uint8Array {
    const length = sealed.length - TAG_BYTES;
    if (length < 0) throw new ChannelError('malformed', 'a ciphertext is shorter than its tag');
    const decipher = createDecipheriv(ALGORITHM, this.#key, this.#nextNonce(), OPTIONS);
    if (associatedData !== undefined) decipher.setAAD(associatedData);
    decipher.setAuthTag(sealed.subarray(length));
    const plaintext = decipher.update(sealed.subarray(0, length));
    try {
      decipher.final();
    } catch (cause) {
      plaintext.fill(0);
      throw new ChannelError('not_authentic', 'a message is not authentic or not the next one', { cause });
    }
    // A plain view: Buffer.slice would share memory where callers expect a copy.
    return new Uint8Array(plaintext.buffer, plaintext.byteOffset, plaintext.length);
  }

  /** Overwrites the key. */
  wipe(): void {
    this.#key.fill(0);
    this.#counter = MESSAGES_PER_KEY_MAX;
  }

  #nextNonce(): Uint8Array {
    if (this.#counter >= MESSAGES_PER_KEY_MAX) {
      throw new ChannelError('exhausted', 'a channel key has protected all the messages it may');
    }
    return nonceOf(this.#counter++);
  }
}

/** Seals into these bytes, which are as many as it takes. */
function finish(
  cipher: CipherGCM,
  plaintext: Uint8Array,
  sealed: Uint8Array<ArrayBuffer>,
): Uint8Array<ArrayBuffer> {
  sealed.set(cipher.update(plaintext));
  cipher.final();
  sealed.set(cipher.getAuthTag(), plaintext.length);
  return sealed;
}

/** The nonce is only there until the next call, of whichever cipher: nobody keeps it. */
function nonceOf(counter: number): Uint8Array {
  NONCE[8] = counter >>> 24;
  NONCE[9] = (counter >>> 16) & 0xff;
  NONCE[10] = (counter >>> 8) & 0xff;
  NONCE[11] = counter & 0xff;
  return NONCE;
}
