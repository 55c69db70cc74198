/** What a step of removing expired rows should take, its commit included. */
const STEP_MS = 5;
const ROWS_FIRST = 32;
/** However slow the disk is. */
const ROWS_MIN = 16;
const ROWS_MAX = 1_000;

/**
 * How many expired rows to remove at once. How many fit into {@link STEP_MS} depends on their size, on where they lie and on the disk, most of
 * it in the commit, so each step says how large the next one may be.
 */
export class ExpireStep {
  #rows = ROWS_FIRST;
  #removed = { count: 0, tookMs: 0 };

  get rows(): number {
    return this.#rows;
  }

  removed(count: number, tookMs: number): void {
    this.#removed = { count, tookMs };
  }

  /** To be called after its commit. */
  committed(commitMs: number): void {
    const { count, tookMs } = this.#removed;
    const factor = STEP_MS / (tookMs + commitMs);
    // A step that had few rows says nothing about larger ones, unless it took long already.
    if (count < this.#rows && factor > 1) return;
    this.#rows = Math.min(ROWS_MAX, Math.max(ROWS_MIN, Math.floor(count * Math.min(2, factor))));
  }
}
