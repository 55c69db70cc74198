/** A request that was handed to a writer thread, and who waits for its answer. */
import { KuvertError } from '@kuvert/protocol';
import type { Unpacker } from './packing.ts';

/** @see the top of this file */
export class Waiting {
  readonly needsRoom: boolean;
  #isRefused = false;
  readonly #read: (reader: Unpacker) => unknown;
  readonly #resolve: (value: unknown) => void;
  readonly #reject: (error: unknown) => void;

  constructor(
    read: (reader: Unpacker) => unknown,
    resolve: (value: unknown) => void,
    reject: (error: unknown) => void,
    needsRoom: boolean,
  ) {
    this.needsRoom = needsRoom;
    this.#read = read;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  /** Tells that it was refused; what its thread says of it later is not told again. */
  refuse(error: unknown): void {
    this.#isRefused = true;
    this.#reject(error);
  }

  /** Tells what the thread answered. @returns whether it hears only now that there was no room for it */
  answer(reader: Unpacker): boolean {
    try {
      this.#resolve(this.#read(reader));
      return false;
    } catch (error) {
      const isNews = !this.#isRefused;
      this.refuse(error);
      return isNews && error instanceof KuvertError && error.code === 'disk_full';
    }
  }
}
