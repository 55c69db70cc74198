import type { Clock } from './ports.ts';

/** A pause up to this long is worth waiting for; a longer one means that nothing can be done now. */
const SHORT_PAUSE_MS = 15_000;

/**
 * Lanes (one per recipient) that wait for a while, because the server said so or because what it says cannot be used.
 * One lane that waits holds up no other.
 */
export class LaneBlocks<K> {
  readonly #clock: Clock;
  readonly #onEnd: () => void;
  readonly #blocks = new Map<K, { readonly isShort: boolean; readonly cancel: () => void }>();

  constructor(clock: Clock, onEnd: () => void) {
    this.#clock = clock;
    this.#onEnd = onEnd;
  }

  block(lane: K, pauseMs: number): void {
    this.#blocks.get(lane)?.cancel();
    const cancel = this.#clock.after(pauseMs, () => {
      this.#blocks.delete(lane);
      this.#onEnd();
    });
    this.#blocks.set(lane, { isShort: pauseMs <= SHORT_PAUSE_MS, cancel });
  }
  unblock(lane: K): void {
    this.#blocks.get(lane)?.cancel();
    this.#blocks.delete(lane);
  }
  has(lane: K): boolean {
    return this.#blocks.has(lane);
  }
  keys(): Iterable<K> {
    return this.#blocks.keys();
  }
  hasShort(): boolean {
    return [...this.#blocks.values()].some((block) => block.isShort);
  }
  clear(): void {
    for (const block of this.#blocks.values()) block.cancel();
    this.#blocks.clear();
  }
}
