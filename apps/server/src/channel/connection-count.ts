/** Counts connections, all and by address, so that one peer cannot take all the room. */
import { isOwnAddress } from '../loopback.ts';

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

  /** True when there is room for nobody. */
  get isFull(): boolean {
    return this.#all >= this.#max;
  }

  hasRoom(address: string): boolean {
    if (this.isFull) return false;
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
