/** Versions of gates, which are asked for with every submit: nobody else writes the file, so what was seen holds until it is written. */
import { textOf } from './young-rows.ts';

type Bytes = Uint8Array<ArrayBuffer>;

/** Versions that are remembered of one collection. */
const SEEN_MAX = 8_192;

/** @see the top of this file */
export class SeenVersions {
  /** By number of collection, then by key as text. */
  readonly #seen: (Map<string, number> | undefined)[] = [];

  /** The version of a row, which `find` reads where it was not seen yet; undefined when there is none. */
  get(collection: number, key: Bytes, find: () => number | undefined): number | undefined {
    let seen = this.#seen[collection];
    if (seen === undefined) {
      seen = new Map();
      this.#seen[collection] = seen;
    }
    const text = textOf(key);
    const known = seen.get(text);
    if (known !== undefined) return known;
    const found = find();
    if (found === undefined) return undefined;
    if (seen.size >= SEEN_MAX) seen.clear();
    seen.set(text, found);
    return found;
  }

  hasOf(collection: number): boolean {
    return this.#seen[collection] !== undefined;
  }

  /** The row is written or removed. */
  changed(collection: number, key: Bytes): void {
    this.#seen[collection]?.delete(textOf(key));
  }

  /** Nothing of it counts any more: a transaction or a part of it was rolled back. */
  forget(): void {
    this.#seen.length = 0;
  }
}
