/**
 * Commits under way that may carry freshly wrapped data keys. Rotation of the wrapping key waits for those that began under
 * the old version; without that, a slow one could commit a key wrapped under a version that has just been destroyed.
 */
export class NewKeyCommits {
  readonly #running = new Set<Promise<unknown>>();

  /** Runs work that wraps data keys and commits them. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    const running = work();
    const settled = running.then(
      () => undefined,
      () => undefined,
    );
    this.#running.add(settled);
    try {
      return await running;
    } finally {
      this.#running.delete(settled);
    }
  }

  /** Resolves when all that is running now has ended. */
  async drained(): Promise<void> {
    await Promise.all(this.#running);
  }
}
