/** Time and randomness are arguments (style.md), so that a test moves the clock and repeats a run by its seed. */
import { randomBytes } from 'node:crypto';

/** Where the server gets its time from. */
export interface Clock {
  /** Unix time in milliseconds. */
  nowMs(): number;
  /** Milliseconds from some fixed moment on; never steps back. For ages and timeouts. */
  monotonicMs(): number;
}

/** A source of unpredictable bytes. */
export type Random = (sizeBytes: number) => Uint8Array<ArrayBuffer>;

/** The clock of the machine. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
};

/** The randomness of the machine. */
export const systemRandom: Random = (sizeBytes) => Uint8Array.from(randomBytes(sizeBytes));
