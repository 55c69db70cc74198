/** A file that comes in one request, with its SHA-256 behind its last byte: whoever seals it knows the hash only then. */
import { UPLOAD_HASH_BYTES } from '@kuvert/protocol';

/** @see the top of this file */
export class HashedBody {
  /** What came behind the file; zeros where nothing did. */
  readonly sha256 = new Uint8Array(UPLOAD_HASH_BYTES);
  readonly #body: AsyncIterable<Uint8Array>;
  readonly #sizeBytes: number;
  readonly #over = Promise.withResolvers<void>();
  #hashBytes = 0;

  /** @param sizeBytes of the file without its hash */
  constructor(body: AsyncIterable<Uint8Array>, sizeBytes: number) {
    this.#body = body;
    this.#sizeBytes = sizeBytes;
  }

  /** Resolves when {@link HashedBody.bytes} has given all that it will. */
  get over(): Promise<void> {
    return this.#over.promise;
  }
  /** The hash has come as a whole. */
  get isWhole(): boolean {
    return this.#hashBytes === UPLOAD_HASH_BYTES;
  }

  /** The file without its hash. To be asked for once; each part is good until the next is asked for. */
  async *bytes(): AsyncGenerator<Uint8Array> {
    let at = 0;
    try {
      for await (const part of this.#body) {
        const ofFile = part.subarray(0, Math.max(0, this.#sizeBytes - at));
        at += ofFile.length;
        const behind = part.subarray(ofFile.length, ofFile.length + UPLOAD_HASH_BYTES - this.#hashBytes);
        this.sha256.set(behind, this.#hashBytes);
        this.#hashBytes += behind.length;
        if (ofFile.length > 0) yield ofFile;
      }
    } finally {
      this.#over.resolve();
    }
  }
}
