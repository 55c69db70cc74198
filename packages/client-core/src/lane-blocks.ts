import type { KuvertError } from '@kuvert/protocol';
import type { Clock } from './ports.ts';

/** A pause up to this long is worth waiting for; a longer one means that nothing can be done now. */
const SHORT_PAUSE_MS = 15_000;
/** Pause of a lane whose recipient cannot be written to for a reason that does not pass quickly. */
export const LONG_PAUSE_MS = 10 * 60_000;
/** From here on a pause is news. */
const TELLING_PAUSE_MS = 30_000;

/** How long a lane waits after a refusal, in milliseconds. */
export function pauseAfter(error: KuvertError): number {
  if (error.retry.kind === 'now') return 1_000;
  return error.retry.kind === 'after' ? error.retry.ms : LONG_PAUSE_MS;
}

/** A short hiccup of the server is no news; what holds a message up for longer is. */
export function isWorthTelling(error: KuvertError): boolean {
  return error.retry.kind !== 'after' || error.retry.ms >= TELLING_PAUSE_MS;
}

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
