/**
 * Room for what makes room. Deletes are written to SQLite's log before they free anything, so a disk that somebody filled to
 * the last byte would keep us from acknowledging, and from deleting, for ever. A file `reserve` of a few MiB is given up in that
 * moment, and made again when there is space.
 */
import { closeSync, existsSync, openSync, rmSync, statfsSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';

/** How long a look at the free space is believed while there is enough of it. */
const BELIEVED_MS = 100;
const CHUNK_BYTES = 1024 * 1024;

export class DiskReserve {
  readonly #folder: string;
  readonly #file: string;
  readonly #bytes: number;
  #seenAt = Number.NEGATIVE_INFINITY;
  #tight = false;

  /** @param bytes size of the reserve, and the free space below which the disk counts as full */
  constructor(folder: string, bytes: number) {
    this.#folder = folder;
    this.#file = join(folder, 'reserve');
    this.#bytes = bytes;
    if (!this.#isHeld() && this.#free() > 2 * bytes) this.#take();
  }

  /** Several threads share the reserve, so what one of them remembers may be out of date. */
  #isHeld(): boolean {
    return statSync(this.#file, { throwIfNoEntry: false })?.size === this.#bytes;
  }

  #free(): number {
    const { bavail, bsize } = statfsSync(this.#folder);
    return bavail * bsize;
  }

  /** True while only what shrinks the data should be written. */
  isTight(): boolean {
    const now = performance.now();
    if (this.#tight || now - this.#seenAt > BELIEVED_MS) {
      const free = this.#free();
      this.#tight = free < this.#bytes;
      this.#seenAt = now;
      if (free > 2 * this.#bytes && !this.#isHeld()) this.#take();
    }
    return this.#tight;
  }

  /** Gives the reserve up. @returns false when there was none. */
  release(): boolean {
    this.#tight = true;
    const isThere = existsSync(this.#file);
    rmSync(this.#file, { force: true });
    return isThere;
  }

  /** Not fsynced: space counts as taken once it is written, and a reserve lost in a power cut is made again. */
  #take(): void {
    try {
      const file = openSync(this.#file, 'w', 0o600);
      try {
        const zeros = new Uint8Array(CHUNK_BYTES);
        for (let at = 0; at < this.#bytes; at += CHUNK_BYTES)
          writeSync(file, zeros, 0, Math.min(CHUNK_BYTES, this.#bytes - at));
      } finally {
        closeSync(file);
      }
    } catch {
      // Somebody else was quicker; a part of a reserve is none.
      rmSync(this.#file, { force: true });
    }
  }
}
