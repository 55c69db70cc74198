/**
 * Submits of one connection are committed in the order in which they came. Most find all they need in memory and are committed at
 * once; one that has to read first (after a start, or to somebody new) would otherwise be overtaken by those behind it, and
 * their reader would see them in the wrong order.
 */

/** The place of one submit among those of its connection. */
export interface Turn {
  /** Resolves when all that came before have been handed to the store or refused; undefined when they have already. */
  wait(): Promise<void> | undefined;
  /** Lets the next one go on. May be called more than once. */
  done(): void;
}

/** Gives out turns. */
export class SubmitOrder {
  #last = 0;
  #serving = 1;
  readonly #done = new Set<number>();
  readonly #waiting = new Map<number, () => void>();

  /** To be called as a submit comes, before anything else is awaited. */
  take(): Turn {
    this.#last += 1;
    const number = this.#last;
    return {
      wait: () => {
        if (number <= this.#serving) return undefined;
        return new Promise((resolve) => this.#waiting.set(number, resolve));
      },
      done: () => this.#finish(number),
    };
  }

  #finish(number: number): void {
    if (number < this.#serving) return;
    this.#done.add(number);
    while (this.#done.delete(this.#serving)) this.#serving += 1;
    this.#waiting.get(this.#serving)?.();
    this.#waiting.delete(this.#serving);
  }
}
