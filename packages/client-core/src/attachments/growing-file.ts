/** How far the sealing of a file has come, told by whoever seals to whoever sends. */
export class GrowingFile {
  #bytes = 0;
  #isGivenUp = false;
  #wake: (() => void) | undefined;
  #onGivenUp: (() => void) | undefined;

  /** What can be read. */
  get bytes(): number {
    return this.#bytes;
  }
  /** It was not sealed to its end, and never will be. */
  get isGivenUp(): boolean {
    return this.#isGivenUp;
  }

  /** So much can be read now. */
  grewTo(bytes: number): void {
    this.#bytes = bytes;
    this.#wake?.();
  }
  /** Nothing is added any more, although it is not whole. */
  giveUp(): void {
    this.#isGivenUp = true;
    this.#wake?.();
    this.#onGivenUp?.();
  }
  /** Calls `listener` when it is given up, for one listener. */
  whenGivenUp(listener: () => void): void {
    this.#onGivenUp = listener;
  }

  /** Waits until so much can be read, or it was given up. For one waiter at a time. @returns how much can be read */
  async reaches(bytes: number): Promise<number> {
    while (this.#bytes < bytes && !this.#isGivenUp) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.#bytes;
  }
}
