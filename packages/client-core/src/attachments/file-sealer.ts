/**
 * The computing of a sealed file: segments, and the hashes of what was before and of what comes out. It knows nothing of files and does not wait,
 * so it runs in this thread or in another one. It imports little: whoever starts that other thread waits for it.
 */
import { createHash } from 'node:crypto';
import { attachmentCipher, attachmentLayout, paddedBytes } from '@kuvert/crypto/attachments';

/** What is sealed, hashed and written at once, sealed: a segment of a small file, so that its sending begins early, and four of a large one. */
export const BATCH_BYTES = { small: 262_144, large: 1_048_576 } as const;
const SEGMENT_BYTES = 262_144;
/** From here on a file is large. */
export const LARGE_BYTES_MIN = 12 * 1_048_576;

/** What is sealed, and under what. */
export interface SealingOrder {
  readonly key: Uint8Array;
  /** The first bytes of the sealed file. */
  readonly header: Uint8Array;
  /** Of the file, without its padding. */
  readonly sizeBytes: number;
}

/** The two hashes of a sealed file. */
export interface FileHashes {
  readonly sha256: Uint8Array<ArrayBuffer>;
  readonly sealedSha256: Uint8Array<ArrayBuffer>;
}

/** Segments that follow each other. */
export interface Batch {
  readonly first: number;
  /** Exclusive. */
  readonly end: number;
  /** What the file has for it; the rest is padding. */
  readonly fileBytes: number;
  /** With the padding. */
  readonly plainBytes: number;
  /** With the header, where the batch is the first. */
  readonly sealedBytes: number;
}

/** Memory for a batch, before and after it was sealed. */
export interface BatchMemory {
  readonly plain: Uint8Array<ArrayBuffer>;
  readonly sealed: Uint8Array<ArrayBuffer>;
}

/** Of the batches of a file. */
export function batchBytesOf(sizeBytes: number): number {
  return sizeBytes >= LARGE_BYTES_MIN ? BATCH_BYTES.large : BATCH_BYTES.small;
}

/** All batches of a file, in order. */
export function* batchesOf(sizeBytes: number): Generator<Batch> {
  const layout = attachmentLayout(paddedBytes(sizeBytes));
  const segments = batchBytesOf(sizeBytes) / SEGMENT_BYTES;
  for (let first = 0; first < layout.segmentCount; first += segments) {
    const end = Math.min(first + segments, layout.segmentCount);
    const { plainStart, sealedStart } = layout.segment(first);
    const { plainEnd, sealedEnd } = layout.segment(end - 1);
    const fileBytes = Math.max(0, Math.min(plainEnd, sizeBytes) - plainStart);
    const sealedBytes = sealedEnd - (first === 0 ? 0 : sealedStart);
    yield { first, end, fileBytes, plainBytes: plainEnd - plainStart, sealedBytes };
  }
}

/** Seals one file, batch by batch in their order. */
export class FileSealer {
  readonly #order: SealingOrder;
  readonly #cipher: ReturnType<typeof attachmentCipher>;
  readonly #layout: ReturnType<typeof attachmentLayout>;
  readonly #plainHash = createHash('sha256');
  readonly #sealedHash = createHash('sha256');

  constructor(order: SealingOrder) {
    this.#order = order;
    this.#cipher = attachmentCipher(order.key, order.header);
    this.#layout = attachmentLayout(paddedBytes(order.sizeBytes));
  }

  /** @param memory has the batch with its padding, and takes it sealed */
  seal({ first, end, fileBytes, plainBytes, sealedBytes }: Batch, memory: BatchMemory): void {
    const plain = memory.plain.subarray(0, plainBytes);
    const into = memory.sealed.subarray(0, sealedBytes);
    this.#plainHash.update(plain.subarray(0, fileBytes));
    let at = 0;
    if (first === 0) {
      into.set(this.#order.header);
      at = this.#order.header.length;
    }
    const { plainStart } = this.#layout.segment(first);
    for (let index = first; index < end; index++) {
      const place = this.#layout.segment(index);
      const segment = plain.subarray(place.plainStart - plainStart, place.plainEnd - plainStart);
      at += this.#cipher.seal(place, segment, into.subarray(at));
    }
    this.#sealedHash.update(into.subarray(0, at));
  }

  /** After the last batch. */
  finish(): FileHashes {
    return {
      sha256: Uint8Array.from(this.#plainHash.digest()),
      sealedSha256: Uint8Array.from(this.#sealedHash.digest()),
    };
  }

  /** Overwrites what it knows of the key. */
  wipe(): void {
    this.#cipher.wipe();
  }
}
