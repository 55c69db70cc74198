/**
 * Checking proofs of a Merkle log (RFC 6962 §2.1.1–2.1.2; the algorithms of RFC 9162 §2.1.3.2 and §2.1.4.2). Whoever checks needs
 * nothing but hashes. Sizes and indexes are numbers up to 2⁵³; anything else proves nothing.
 */
import { equalBytes } from '@kuvert/protocol';
import { HASH_BYTES, nodeHash } from './tree-hash.ts';

const TWO = 2;

/** That a leaf stands at `index` in the tree of `size` leaves with that root. */
export interface InclusionClaim {
  readonly index: number;
  readonly size: number;
  readonly leaf: Uint8Array;
  readonly root: Uint8Array;
}

/** That the tree of `size2` leaves begins with all leaves of the tree of `size1`. */
export interface ConsistencyClaim {
  readonly size1: number;
  readonly size2: number;
  readonly root1: Uint8Array;
  readonly root2: Uint8Array;
}

/** @returns whether `proof` shows the claim */
export function verifyInclusion(claim: InclusionClaim, proof: readonly Uint8Array[]): boolean {
  const { index, size, leaf, root } = claim;
  if (!isCount(index) || !isCount(size) || index >= size || !areHashes([leaf, root, ...proof])) return false;
  let [node, last] = [index, size - 1];
  let hash: Uint8Array = leaf;
  for (const sibling of proof) {
    if (last === 0) return false;
    if (isOdd(node) || node === last) {
      hash = nodeHash(sibling, hash);
      // A node at the right edge has no sibling for some levels; it goes up unchanged.
      while (!isOdd(node) && node !== 0) [node, last] = [half(node), half(last)];
    } else {
      hash = nodeHash(hash, sibling);
    }
    [node, last] = [half(node), half(last)];
  }
  return last === 0 && equalBytes(hash, root);
}

/** @returns whether `proof` shows the claim. Trees of one size need their roots equal and an empty proof. */
export function verifyConsistency(claim: ConsistencyClaim, proof: readonly Uint8Array[]): boolean {
  const { size1, size2, root1, root2 } = claim;
  if (!isCount(size1) || !isCount(size2) || size1 > size2) return false;
  // The empty tree is the beginning of every tree, which shows nothing.
  if (size1 === 0) return false;
  if (size1 === size2) return proof.length === 0 && equalBytes(root1, root2);
  if (!areHashes([root1, root2, ...proof])) return false;
  let [node, last] = [size1 - 1, size2 - 1];
  while (isOdd(node)) [node, last] = [half(node), half(last)];
  // Where the smaller tree is a whole subtree of the larger, its root is known and left out of the proof.
  const path = node === 0 ? [root1, ...proof] : [...proof];
  const start = path.shift();
  if (start === undefined) return false;
  let [hash1, hash2] = [start, start];
  for (const sibling of path) {
    if (last === 0) return false;
    if (isOdd(node) || node === last) {
      hash1 = nodeHash(sibling, hash1);
      hash2 = nodeHash(sibling, hash2);
      while (!isOdd(node) && node !== 0) [node, last] = [half(node), half(last)];
    } else {
      hash2 = nodeHash(hash2, sibling);
    }
    [node, last] = [half(node), half(last)];
  }
  return last === 0 && equalBytes(hash1, root1) && equalBytes(hash2, root2);
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

function areHashes(values: readonly Uint8Array[]): boolean {
  return values.every((value) => value.length === HASH_BYTES);
}

function isOdd(value: number): boolean {
  return value % TWO === 1;
}

/** Shifts of JavaScript are of 32 bits, trees are not. */
function half(value: number): number {
  return Math.floor(value / TWO);
}
