/**
 * Hashes of the Merkle tree of RFC 6962 §2.1: SHA-256, one prefix for leaves and another for nodes, so that neither can be passed off as
 * the other.
 */
import { createHash } from 'node:crypto';

/** 32 bytes. */
export type Hash = Uint8Array<ArrayBuffer>;

/** Bytes of a hash. */
export const HASH_BYTES = 32;

const LEAF = Uint8Array.of(0);
const NODE = Uint8Array.of(1);

/** The root of a tree without leaves. */
export function emptyRoot(): Hash {
  return Uint8Array.from(createHash('sha256').digest());
}

/** The hash of a leaf. @param entry what the log says there, any bytes */
export function leafHash(entry: Uint8Array): Hash {
  return Uint8Array.from(createHash('sha256').update(LEAF).update(entry).digest());
}

/** The hash of a node over its two children. */
export function nodeHash(left: Uint8Array, right: Uint8Array): Hash {
  return Uint8Array.from(createHash('sha256').update(NODE).update(left).update(right).digest());
}
