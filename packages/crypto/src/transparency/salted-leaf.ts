/**
 * What a log says about an entry: a salted commitment. Entry and salt are kept beside the log and may be destroyed; the leaf stays, so every root and
 * proof goes on to hold, and without the salt nobody can find out by trying what the entry was.
 */
import { createHash, randomBytes } from 'node:crypto';
import { equalBytes, LABELS, utf8 } from '@kuvert/protocol';
import { type Hash, leafHash } from './tree-hash.ts';

/** Bytes of a salt. */
export const LEAF_SALT_BYTES = 32;

/** An entry with the salt that its leaf was made with. */
export interface SaltedEntry {
  readonly salt: Uint8Array<ArrayBuffer>;
  readonly entry: Uint8Array;
}

/** A salt for one entry. */
export function newLeafSalt(): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(randomBytes(LEAF_SALT_BYTES));
}

/** The leaf of an entry, 32 bytes: SHA-256(label ‖ salt ‖ entry). @throws RangeError for a salt of another length */
export function saltedLeaf({ salt, entry }: SaltedEntry): Hash {
  if (salt.length !== LEAF_SALT_BYTES) throw new RangeError('a salt has 32 bytes');
  const hash = createHash('sha256').update(utf8(LABELS.logLeaf)).update(salt).update(entry);
  return Uint8Array.from(hash.digest());
}

/**
 * The commitment to a part of an entry that is kept beside it and may be destroyed before it, 32 bytes: SHA-256(label ‖ salt ‖ bytes).
 * @throws RangeError for a salt of another length
 */
export function partCommitment({ salt, entry }: SaltedEntry): Hash {
  if (salt.length !== LEAF_SALT_BYTES) throw new RangeError('a salt has 32 bytes');
  return Uint8Array.from(
    createHash('sha256').update(utf8(LABELS.logPart)).update(salt).update(entry).digest(),
  );
}

/** Whether a leaf hash of the tree is that of this entry. */
export function isLeafOf(hash: Uint8Array, salted: SaltedEntry): boolean {
  return salted.salt.length === LEAF_SALT_BYTES && equalBytes(hash, leafHash(saltedLeaf(salted)));
}
