/**
 * Files of any size, sealed segment by segment, so that memory stays flat and nobody ever reads a byte that was not checked. The
 * construction is STREAM (Hoang, Reyhanitabar, Rogaway, Vizár: Online Authenticated-Encryption and its Nonce-Reuse Misuse-Resistance,
 * CRYPTO 2015) in the layout of Tink's AES-GCM-HKDF streaming AEAD, so its published vectors hold for this code:
 *
 *   header  = header length u8 | salt (as long as the derived key) | nonce prefix 7
 *   key     = HKDF(file key, salt, associated data)
 *   segment = AES-GCM(key, nonce = prefix | segment number u32 | 1 for the last segment, else 0) | tag 16
 *
 * The first segment is shorter by the header, so that every segment but the last ends at a multiple of the segment size. Number and last
 * flag are in the nonce: what was moved, repeated, cut off or appended does not open. One file key seals one file.
 */
import { createCipheriv, createDecipheriv, hkdfSync } from 'node:crypto';
import { discardBytes } from '@kuvert/protocol/bytes';
import { AttachmentError } from './attachment-error.ts';

const PREFIX_BYTES = 7;
const TAG_BYTES = 16;
const UPDATE_BYTES = 65_536;

/** What two sides have to agree on beforehand. */
export interface StreamingParameters {
  /** Size of a sealed segment, tag included, and for the first one header included. */
  readonly segmentBytes: number;
  readonly derivedKeyBytes: 16 | 32;
  readonly hkdfHash: 'sha1' | 'sha256' | 'sha512';
  readonly associatedData: Uint8Array;
}

/** Where a segment lies. `end`s are exclusive. */
export interface SegmentPlace {
  readonly index: number;
  readonly isLast: boolean;
  readonly plainStart: number;
  readonly plainEnd: number;
  /** In the sealed file; the header, before the first segment, belongs to none. */
  readonly sealedStart: number;
  readonly sealedEnd: number;
}

/** Sizes of a sealed file of `plainBytes`. */
export class StreamingLayout {
  readonly headerBytes: number;
  readonly segmentCount: number;
  readonly sealedBytes: number;
  readonly #plainBytes: number;
  readonly #first: number;
  readonly #further: number;

  constructor(plainBytes: number, parameters: Pick<StreamingParameters, 'segmentBytes' | 'derivedKeyBytes'>) {
    this.headerBytes = 1 + parameters.derivedKeyBytes + PREFIX_BYTES;
    this.#plainBytes = plainBytes;
    this.#first = parameters.segmentBytes - TAG_BYTES - this.headerBytes;
    this.#further = parameters.segmentBytes - TAG_BYTES;
    const rest = Math.max(0, plainBytes - this.#first);
    this.segmentCount = 1 + Math.ceil(rest / this.#further);
    this.sealedBytes = this.headerBytes + plainBytes + this.segmentCount * TAG_BYTES;
  }

  /** @param index 0 to `segmentCount` - 1 */
  segment(index: number): SegmentPlace {
    if (!Number.isInteger(index) || index < 0 || index >= this.segmentCount) {
      throw new AttachmentError('malformed', 'there is no such segment');
    }
    const plainStart = index === 0 ? 0 : this.#first + (index - 1) * this.#further;
    const plainEnd = Math.min(this.#plainBytes, this.#first + index * this.#further);
    const sealedStart = this.headerBytes + plainStart + index * TAG_BYTES;
    const isLast = index === this.segmentCount - 1;
    const sealedEnd = sealedStart + plainEnd - plainStart + TAG_BYTES;
    return { index, isLast, plainStart, plainEnd, sealedStart, sealedEnd };
  }

  /** How many whole segments the first `sealedBytes` of a sealed file hold: where a download goes on. */
  segmentsIn(sealedBytes: number): number {
    if (sealedBytes >= this.sealedBytes) return this.segmentCount;
    return Math.max(0, Math.floor(sealedBytes / (this.#further + TAG_BYTES)));
  }
}

/** Seals and opens the segments of one file, in any order. */
export class StreamingCipher {
  readonly header: Uint8Array<ArrayBuffer>;
  readonly #key: Uint8Array;
  readonly #algorithm: 'aes-128-gcm' | 'aes-256-gcm';
  readonly #prefix: Uint8Array;

  /**
   * @param header the first bytes of a sealed file, or for a new one {@link newHeader}
   * @throws AttachmentError `malformed` for another header
   */
  constructor(fileKey: Uint8Array, header: Uint8Array, parameters: StreamingParameters) {
    const { derivedKeyBytes, hkdfHash, associatedData } = parameters;
    const length = 1 + derivedKeyBytes + PREFIX_BYTES;
    if (header.length !== length || header[0] !== length) {
      throw new AttachmentError('malformed', 'this is not the header of a sealed file');
    }
    const salt = header.subarray(1, 1 + derivedKeyBytes);
    this.header = Uint8Array.from(header);
    this.#prefix = this.header.subarray(1 + derivedKeyBytes);
    this.#key = new Uint8Array(hkdfSync(hkdfHash, fileKey, salt, associatedData, derivedKeyBytes));
    this.#algorithm = derivedKeyBytes === 32 ? 'aes-256-gcm' : 'aes-128-gcm';
  }

  /**
   * Writes ciphertext and tag to the beginning of `into`, and nothing behind them.
   * @returns how many bytes
   */
  seal(place: Pick<SegmentPlace, 'index' | 'isLast'>, plaintext: Uint8Array, into: Uint8Array): number {
    const cipher = createCipheriv(this.#algorithm, this.#key, this.#nonce(place), {
      authTagLength: TAG_BYTES,
    });
    // Each result is memory of its own, which the next one uses again.
    for (let at = 0; at < plaintext.length; at += UPDATE_BYTES) {
      const sealed = cipher.update(plaintext.subarray(at, at + UPDATE_BYTES));
      into.set(sealed, at);
      discardBytes(sealed);
    }
    cipher.final();
    into.set(cipher.getAuthTag(), plaintext.length);
    return plaintext.length + TAG_BYTES;
  }

  /** The plaintext of a sealed segment. @throws AttachmentError `not_authentic` */
  open(place: Pick<SegmentPlace, 'index' | 'isLast'>, sealed: Uint8Array): Uint8Array {
    const length = sealed.length - TAG_BYTES;
    if (length < 0) throw new AttachmentError('malformed', 'a segment is shorter than its tag');
    const decipher = createDecipheriv(this.#algorithm, this.#key, this.#nonce(place), {
      authTagLength: TAG_BYTES,
    });
    decipher.setAuthTag(sealed.subarray(length));
    const plaintext = decipher.update(sealed.subarray(0, length));
    try {
      decipher.final();
    } catch (cause) {
      plaintext.fill(0);
      throw new AttachmentError('not_authentic', 'a segment was changed, moved or cut off', { cause });
    }
    return plaintext;
  }

  /** Overwrites the key. */
  wipe(): void {
    this.#key.fill(0);
  }

  #nonce({ index, isLast }: Pick<SegmentPlace, 'index' | 'isLast'>): Uint8Array {
    const nonce = new Uint8Array(12);
    nonce.set(this.#prefix);
    new DataView(nonce.buffer).setUint32(PREFIX_BYTES, index);
    nonce[11] = isLast ? 1 : 0;
    return nonce;
  }
}

/** A header for a file that is to be sealed. @param random fresh random bytes, never used before */
export function newHeader(
  random: (count: number) => Uint8Array,
  derivedKeyBytes = 32,
): Uint8Array<ArrayBuffer> {
  const length = 1 + derivedKeyBytes + PREFIX_BYTES;
  const header = new Uint8Array(length);
  header[0] = length;
  header.set(random(length - 1), 1);
  return header;
}
