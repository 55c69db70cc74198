/**
 * How much of a file goes into one request: as much as the line takes in some seconds, learned from what the pieces before took and kept for the
 * uploads after it. What fails goes on in smaller pieces, whatever the reason: a line that is too slow, or a proxy that takes no larger bodies.
 */
import { ATTACHMENT_LIMITS } from '@kuvert/protocol';

/** The first one holds a file of 1 MiB with all that sealing adds. */
const BYTES = { first: 1_310_720, min: 16_384, max: ATTACHMENT_LIMITS.pieceBytesMax } as const;
/** A piece that is nothing beside the largest. */
const LITTLE_BYTES = 1_048_576;
/** A piece is to take about so long. */
const PIECE_MS = 4_000;
const GROWTH_MAX = 4;
const FAILED_SHARE = 4;
/** After so many pieces that arrived, larger ones than what failed are tried again. */
const TRUST_AFTER = 16;

/** @see the top of this file */
export class PieceSize {
  #bytes: number = BYTES.first;
  #ceiling: number = BYTES.max;
  #arrived = 0;

  /** How much of what is left goes into the next piece. */
  of(leftBytes: number): number {
    if (leftBytes <= this.#bytes) return leftBytes;
    // A file of a round size is a little larger when it is sealed: the little goes first, while the rest is sealed, and the end waits for no piece before it.
    const little = leftBytes % BYTES.max;
    return this.#bytes === BYTES.max && little > 0 && little <= LITTLE_BYTES ? little : this.#bytes;
  }

  /** A piece has arrived. */
  arrived(count: number, tookMs: number): void {
    this.#arrived++;
    if (this.#arrived % TRUST_AFTER === 0) this.#ceiling = Math.min(this.#ceiling * 2, BYTES.max);
    const fitting = Math.floor((count / Math.max(tookMs, 1)) * PIECE_MS);
    if (tookMs > PIECE_MS) this.#bytes = Math.max(BYTES.min, Math.min(fitting, this.#bytes));
    else if (count >= this.#bytes) {
      this.#bytes = Math.max(this.#bytes, Math.min(fitting, this.#bytes * GROWTH_MAX, this.#ceiling));
    }
  }

  /** A piece of so many bytes did not arrive as a whole. */
  failed(count: number): void {
    // The rest of a file says nothing of what larger pieces would meet.
    if (count >= this.#bytes) this.#ceiling = Math.max(BYTES.min, Math.floor(count / 2));
    this.#bytes = Math.max(BYTES.min, Math.min(this.#bytes, Math.floor(count / FAILED_SHARE)));
  }
}
