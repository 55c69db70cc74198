/** Time and chance as features see them: arguments, so that a test can hold both still. */

/** The server's clock. */
export interface Clock {
  /** Unix milliseconds. */
  nowMs(): number;
}

/** A source of `size` random bytes that nobody can predict. */
export type RandomBytes = (size: number) => Uint8Array;
