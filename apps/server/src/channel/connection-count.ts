/** Counts connections, all and by address, so that one peer cannot take all the room. */
import { isLoopback } from '../loopback.ts';

/** A number of connections with a limit for all and one for each address. */
export class ConnectionCount {
  readonly #max: number;
  readonly #perAddressMax: number;
  readonly #byAddress = new Map<string, number>();
  #all = 0;

  constructor(max: number, perAddressMax: number) {
    this.#max = max;
    this.#perAddressMax = perAddressMax;
  }

  hasRoom(address: string): boolean {
    if (this.#all >= this.#max) return false;
    return isOwnAddress(address) || (this.#byAddress.get(address) ?? 0) < this.#perAddressMax;
  }

  /** Counts one in; the returned function counts it out and may be called twice. */
  enter(address: string): () => void {
    this.#all++;
    this.#byAddress.set(address, (this.#byAddress.get(address) ?? 0) + 1);
    let inside = true;
    return () => {
      if (!inside) return;
      inside = false;
      this.#all--;
      const left = (this.#byAddress.get(address) ?? 1) - 1;
      if (left === 0) this.#byAddress.delete(address);
      else this.#byAddress.set(address, left);
    };
  }
}

/** An address of this machine itself, where a proxy or a test stands for many peers. */
function isOwnAddress(address: string): boolean {
  return isLoopback(address.replace(/^::ffff:/, ''));
}
