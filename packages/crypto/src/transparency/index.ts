/** Merkle logs that show when something in them was changed, left out or told differently to others (design.md §7, §8; RFC 6962, C2SP). */
export {
  type Checkpoint,
  checkpointText,
  cosign,
  cosignedAt,
  openCheckpoint,
  signCheckpoint,
} from './checkpoint.ts';
export { type LogPromise, openLogPromise, type SignedLogPromise, signLogPromise } from './promise.ts';
export { type ConsistencyClaim, type InclusionClaim, verifyConsistency, verifyInclusion } from './proofs.ts';
export {
  isLeafOf,
  LEAF_SALT_BYTES,
  newLeafSalt,
  partCommitment,
  type SaltedEntry,
  saltedLeaf,
} from './salted-leaf.ts';
export {
  formatNote,
  isSignedBy,
  type Note,
  NoteError,
  type NoteSignature,
  type NoteSigner,
  type NoteVerifier,
  noteKeyId,
  parseNote,
  signNote,
} from './signed-note.ts';
export {
  appendLeaves,
  EMPTY_HEAD,
  headAt,
  proveConsistency,
  proveInclusion,
  type ReadHash,
  rootOf,
  type Subtree,
  type TreeHead,
} from './tree.ts';
export { emptyRoot, HASH_BYTES, type Hash, leafHash, nodeHash } from './tree-hash.ts';
export {
  type ExportProblem,
  type ExportVerdict,
  parseVerifierKey,
  signAuditExport,
  verifierKeyText,
  verifyAuditExport,
} from './verify-export.ts';
