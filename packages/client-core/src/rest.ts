/** Those who wait until nothing more can be done now. */

/** @see the top of this file */
export class Rest {
  readonly #isAtRest: () => boolean;
  readonly #waiting = new Set<{ resolve: () => void; reject: (reason: unknown) => void }>();

  /** @param isAtRest hurries what waits for company, and says whether nothing is under way; asked only while somebody waits */
  constructor(isAtRest: () => boolean) {
    this.#isAtRest = isAtRest;
  }

  /** Resolves at rest; rejects when {@link Rest.ended} comes first. */
  wait(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#waiting.add({ resolve, reject });
    this.look();
    return promise;
  }

  /** Something may have come to rest. */
  look(): void {
    if (this.#waiting.size === 0 || !this.#isAtRest()) return;
    for (const waiting of this.#waiting) waiting.resolve();
    this.#waiting.clear();
  }

  /** There is no connection any more. */
  ended(reason: unknown): void {
    for (const waiting of this.#waiting) waiting.reject(reason);
    this.#waiting.clear();
  }
}
