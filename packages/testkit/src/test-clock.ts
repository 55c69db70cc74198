/** Time and chance that a test holds in its hands. */
import { createHash } from 'node:crypto';

/** A clock that moves when the test moves it. */
export class TestClock {
  #nowMs: number;
  #monotonicMs = 0;

  /** @param startMs Unix milliseconds */
  constructor(startMs: number = Date.now()) {
    this.#nowMs = startMs;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  monotonicMs(): number {
    return this.#monotonicMs;
  }

  /** Lets time pass. */
  advance(ms: number): void {
    this.#nowMs += ms;
    this.#monotonicMs += ms;
  }

  /** Sets the wall clock, also back, as an administrator might. */
  jump(ms: number): void {
    this.#nowMs += ms;
  }
}

/** Bytes that follow from a seed: SHA-256 of seed and a counter. For repeatable tests only. */
export function seededRandom(seed: string): (sizeBytes: number) => Uint8Array<ArrayBuffer> {
  let counter = 0;
  return (sizeBytes) => {
    const bytes = new Uint8Array(sizeBytes);
    for (let at = 0; at < sizeBytes; at += 32) {
      const block = createHash('sha256').update(`${seed} ${counter}`).digest();
      counter += 1;
      bytes.set(block.subarray(0, Math.min(32, sizeBytes - at)), at);
    }
    return bytes;
  };
}

/** Numbers that follow from a seed, from 0 up to but not including `below`. */
export function seededChoices(seed: string): (below: number) => number {
  const random = seededRandom(seed);
  return (below) => Buffer.from(random(6)).readUIntBE(0, 6) % below;
}
