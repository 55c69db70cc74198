/**
 * One operation after another. Whatever reads ratchet state and commits what follows from it runs in here: two
 * operations that overlap would take the same message key, and the second message would be lost as a duplicate.
 */
export class OperationQueue {
  #last: Promise<unknown> = Promise.resolve();
  #turn = 0;

  /** Counts operations: within one, its own number. What was read in one is as it was as long as the next number is the next. */
  get turn(): number {
    return this.#turn;
  }

  /** Runs `operation` when all that were handed in before have ended, however they ended. */
  run<T>(operation: () => T | Promise<T>): Promise<T> {
    const result = this.#last.then(() => {
      this.#turn++;
      return operation();
    });
    this.#last = result.catch(() => undefined);
    return result;
  }
}
