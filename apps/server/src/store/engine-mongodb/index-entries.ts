/**
 * Index entries as MongoDB holds them. An entry is a tuple (tuple-codec.ts) or a blind entry. Ids, integers and booleans stay what they are, so
 * that ranges over them work; of texts and byte strings only a keyed hash is kept, so that equality works and nobody who reads the
 * database learns anything but which rows have the same value. A range *over* texts therefore cannot be asked of MongoDB:
 * {@link translateBounds} says so, and range.ts then sorts the opened rows itself.
 */
import { hiddenPart, indexPartKey } from '@kuvert/crypto/sealing';
import { concatBytes } from '@kuvert/protocol';
import { afterPrefix, splitTuple, type TuplePart } from '../tuple-codec.ts';

/** Hides the entries of one space. */
export class EntryHider {
  readonly #spaceKey: Uint8Array;
  readonly #keys = new Map<string, Uint8Array>();

  constructor(spaceKey: Uint8Array) {
    this.#spaceKey = spaceKey;
  }

  /** The bytes that stand in the index for some leading parts of an entry. */
  hide(
    place: { readonly collection: string; readonly index: string },
    parts: readonly TuplePart[],
  ): Uint8Array {
    const key = this.#keyOf(place);
    return concatBytes(
      ...parts.map(({ bytes, isOrdered }) =>
        isOrdered ? bytes : concatBytes(bytes.subarray(0, 1), hiddenPart(key, bytes)),
      ),
    );
  }

  #keyOf({ collection, index }: { readonly collection: string; readonly index: string }): Uint8Array {
    const name = `${collection}/${index}`;
    let key = this.#keys.get(name);
    if (key === undefined) {
      key = indexPartKey(this.#spaceKey, collection, index);
      this.#keys.set(name, key);
    }
    return key;
  }
}

/** The bounds of a range by their parts. */
export interface TranslatedBounds {
  /** Leading parts that all rows of the range have in common. */
  readonly equal: readonly TuplePart[];
  /** Parts of the lower bound, and of the upper one; undefined for the end of what has `equal` in front. */
  readonly from: readonly TuplePart[];
  readonly before: readonly TuplePart[] | undefined;
}

/** Undefined when the bounds cut through texts, so that MongoDB cannot find their rows in order. */
export function translateBounds(
  from: Uint8Array,
  before: Uint8Array | undefined,
): TranslatedBounds | undefined {
  const lower = splitTuple(from);
  if (lower === undefined) return undefined;
  if (before === undefined) return lower.some(isHidden) ? undefined : { equal: [], from: lower, before };
  for (let count = lower.length; count >= 0; count--) {
    const equal = lower.slice(0, count);
    const end = afterPrefix(concatBytes(...equal.map((part) => part.bytes)));
    if (end === undefined || Buffer.compare(end, before) !== 0) continue;
    return lower.slice(count).some(isHidden) ? undefined : { equal, from: lower, before: undefined };
  }
  const upper = splitTuple(before);
  if (upper === undefined) return undefined;
  let count = 0;
  while (count < lower.length && count < upper.length && isSame(lower[count], upper[count])) count++;
  if ([...lower.slice(count), ...upper.slice(count)].some(isHidden)) return undefined;
  return { equal: lower.slice(0, count), from: lower, before: upper };
}

function isHidden(part: TuplePart): boolean {
  return !part.isOrdered;
}

function isSame(one: TuplePart | undefined, other: TuplePart | undefined): boolean {
  return one !== undefined && other !== undefined && Buffer.compare(one.bytes, other.bytes) === 0;
}
