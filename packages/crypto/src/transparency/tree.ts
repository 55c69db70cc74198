/**
 * A Merkle tree that grows at its right end. Only roots of whole subtrees are kept, each written once and never changed: the subtree at
 * (level, index) covers the leaves from index·2^level on. Whoever stores them gives a {@link ReadHash}; everything else is computed
 * (RFC 6962 §2.1).
 */
import { emptyRoot, type Hash, nodeHash } from './tree-hash.ts';

/** The root of a whole subtree. Level 0 are the leaves. */
export interface Subtree {
  readonly level: number;
  readonly index: number;
  readonly hash: Hash;
}

/** Gives the root of a whole subtree that was stored. */
export type ReadHash = (level: number, index: number) => Promise<Uint8Array> | Uint8Array;

/** A tree as it is, as far as appending to it needs: the roots of its largest whole subtrees, from left to right. */
export interface TreeHead {
  readonly size: number;
  readonly edge: readonly Hash[];
}

/** The head of a tree without leaves. */
export const EMPTY_HEAD: TreeHead = { size: 0, edge: [] };

/**
 * Appends leaves.
 * @param leaves their hashes (`leafHash`)
 * @returns the new head and every subtree that became whole, leaves included: what is to be stored
 */
export function appendLeaves(
  head: TreeHead,
  leaves: readonly Hash[],
): { readonly head: TreeHead; readonly completed: readonly Subtree[] } {
  const edge = [...head.edge];
  const completed: Subtree[] = [];
  let { size } = head;
  for (const leaf of leaves) {
    let hash = leaf;
    let index = size;
    completed.push({ level: 0, index, hash });
    // As in binary counting: each carry joins two whole subtrees.
    for (let level = 1; index % 2 === 1; level++) {
      hash = nodeHash(edge.pop() as Hash, hash);
      index = (index - 1) / 2;
      completed.push({ level, index, hash });
    }
    edge.push(hash);
    size++;
  }
  return { head: { size, edge }, completed };
}

/** The root of a tree. */
export function rootOf({ edge }: TreeHead): Hash {
  return edge.length === 0 ? emptyRoot() : edge.reduceRight((right, left) => nodeHash(left, right));
}

/** The head of the tree of the first `size` leaves. */
export async function headAt(size: number, read: ReadHash): Promise<TreeHead> {
  const edge = await Promise.all(wholeSubtrees(0, size).map(({ level, index }) => read(level, index)));
  return { size, edge: edge.map((hash) => Uint8Array.from(hash)) };
}

/** The inclusion proof of the leaf at `index` in the tree of the first `size` leaves. @throws RangeError */
export async function proveInclusion(index: number, size: number, read: ReadHash): Promise<Hash[]> {
  checkRange(index, size - 1);
  return inclusionPath(index, 0, size, read);
}

/**
 * The proof that the tree of `size2` leaves begins with that of `size1`; empty where that needs none.
 * @throws RangeError unless 0 < size1 ≤ size2
 */
export async function proveConsistency(size1: number, size2: number, read: ReadHash): Promise<Hash[]> {
  checkRange(size1 - 1, size2 - 1);
  return size1 === size2 ? [] : consistencyPath(size1, 0, size2, true, read);
}

/** PATH(m, D[n]) of RFC 6962 §2.1.1, for the leaves from `begin` to `end`. */
async function inclusionPath(index: number, begin: number, end: number, read: ReadHash): Promise<Hash[]> {
  if (end - begin === 1) return [];
  const middle = begin + largestPowerUpTo(end - begin - 1);
  return index < middle
    ? [...(await inclusionPath(index, begin, middle, read)), await rootBetween(middle, end, read)]
    : [...(await inclusionPath(index, middle, end, read)), await rootBetween(begin, middle, read)];
}

/** SUBPROOF(m, D[n], b) of RFC 6962 §2.1.2; `isKnown`: the one who checks has this subtree's root already. */
async function consistencyPath(
  size1: number,
  begin: number,
  end: number,
  isKnown: boolean,
  read: ReadHash,
): Promise<Hash[]> {
  if (size1 === end) return isKnown ? [] : [await rootBetween(begin, end, read)];
  const middle = begin + largestPowerUpTo(end - begin - 1);
  return size1 <= middle
    ? [...(await consistencyPath(size1, begin, middle, isKnown, read)), await rootBetween(middle, end, read)]
    : [...(await consistencyPath(size1, middle, end, false, read)), await rootBetween(begin, middle, read)];
}

async function rootBetween(begin: number, end: number, read: ReadHash): Promise<Hash> {
  const parts = wholeSubtrees(begin, end);
  const hashes = await Promise.all(parts.map(({ level, index }) => read(level, index)));
  return Uint8Array.from(hashes.reduceRight((right, left) => nodeHash(left, right)));
}

/** The largest whole subtrees that the leaves from `begin` to `end` fall into, from left to right; `begin` is where one of them may begin. */
function wholeSubtrees(begin: number, end: number): { level: number; index: number }[] {
  const parts: { level: number; index: number }[] = [];
  for (let at = begin; at < end; ) {
    const leaves = largestPowerUpTo(end - at);
    parts.push({ level: Math.log2(leaves), index: at / leaves });
    at += leaves;
  }
  return parts;
}

/** The largest power of two that is at most `count`. The logarithm of a large number is rounded, perhaps upwards. */
function largestPowerUpTo(count: number): number {
  const power = 2 ** Math.floor(Math.log2(count));
  return power > count ? power / 2 : power;
}

function checkRange(value: number, most: number): void {
  if (!Number.isSafeInteger(value) || !Number.isSafeInteger(most) || value < 0 || value > most) {
    throw new RangeError('no such leaf or tree');
  }
}
