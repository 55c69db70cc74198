/**
 * Submits of one connection are committed in the order in which they came. Most find all they need in memory and are committed at
 * once; one that has to read first (after a start, or to somebody new) would otherwise be overtaken by those behind it, and
 * their reader would see them in the wrong order.
 */

/** The place of one submit among those of its connection. */
export interface Turn {
  /** True when nothing that came before is still to be handed to the store. */
  readonly isNext: boolean;
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
    return new OneTurn(this, this.#last);
  }

  /** @see Turn.isNext */
  isNext(number: number): boolean {
    return number <= this.#serving;
  }

  /** @see Turn.wait */
  wait(number: number): Promise<void> | undefined {
    if (this.isNext(number)) return undefined;
    return new Promise((resolve) => this.#waiting.set(number, resolve));
  }

  /** @see Turn.done */
  finish(number: number): void {
    if (number < this.#serving) return;
    if (number > this.#serving) {
      this.#done.add(number);
      return;
    }
    this.#serving += 1;
    while (this.#done.delete(this.#serving)) this.#serving += 1;
    if (this.#waiting.size === 0) return;
    this.#waiting.get(this.#serving)?.();
    this.#waiting.delete(this.#serving);
  }
}

class OneTurn implements Turn {
  readonly #order: SubmitOrder;
  readonly #number: number;

  constructor(order: SubmitOrder, number: number) {
    this.#order = order;
    this.#number = number;
  }

  get isNext(): boolean {
    return this.#order.isNext(this.#number);
  }

  wait(): Promise<void> | undefined {
    return this.#order.wait(this.#number);
  }

  done(): void {
    this.#order.finish(this.#number);
  }
}
