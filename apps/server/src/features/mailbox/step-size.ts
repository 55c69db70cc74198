/**
 * How many rows are removed in one commit, so that others wait for it no longer than they would not notice: a row with a large body takes a
 * thousand times as long as a small one (SQLite walks through its pages), so the last step says how large the next one may be.
 */
import type { Clock } from '../../clock.ts';

/** What a step should take, its wait for the writer and its commit included. */
const STEP_MS = 5;
/** Rows of the first step, and of the largest. */
const ROWS_MAX = 32;

/** Sizes the steps of one kind of removal. */
export class StepSize {
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  #rows = 1;

  constructor(clock: Pick<Clock, 'monotonicMs'>) {
    this.#clock = clock;
  }

  /** How many rows the next step may have. */
  get rows(): number {
    return this.#rows;
  }

  /** Takes a step of so many rows and learns from it. */
  async take<T>(count: number, step: () => Promise<T>): Promise<T> {
    const beganMs = this.#clock.monotonicMs();
    const result = await step();
    const tookMs = this.#clock.monotonicMs() - beganMs;
    if (tookMs > STEP_MS) this.#rows = Math.max(1, Math.floor((count * STEP_MS) / tookMs));
    // A step that had few rows says nothing about larger ones.
    else if (count >= this.#rows) this.#rows = Math.min(ROWS_MAX, this.#rows * 2);
    return result;
  }
}
