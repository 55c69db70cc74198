/**
 * Checkpoints (C2SP tlog-checkpoint): the head of a log as a signed note, co-signed by witnesses (C2SP tlog-cosignature), who saw that
 * it goes on from the head they saw before.
 */
import { concatBytes, utf8 } from '@kuvert/protocol';
import { signBytes, verifyBytes } from '../identity/signing-key.ts';
import { verifyConsistency } from './proofs.ts';
import {
  formatNote,
  isSignedBy,
  linesOf,
  NOTE_ALGORITHMS,
  type Note,
  NoteError,
  type NoteSigner,
  type NoteVerifier,
  noteKeyId,
  parseNote,
  signNote,
} from './signed-note.ts';
import { emptyRoot, HASH_BYTES } from './tree-hash.ts';

/** The head of a log. */
export interface Checkpoint {
  /** Names the log; one line. */
  readonly origin: string;
  readonly size: number;
  readonly root: Uint8Array;
}

const TIME_BYTES = 8;

/** The text of a checkpoint. @throws NoteError */
export function checkpointText({ origin, size, root }: Checkpoint): string {
  if (origin === '' || origin.includes('\n') || !Number.isSafeInteger(size) || size < 0) {
    throw new NoteError('not a checkpoint');
  }
  if (root.length !== HASH_BYTES) throw new NoteError('a root is 32 bytes');
  return `${origin}\n${size}\n${Buffer.from(root).toString('base64')}\n`;
}

/** Signs the head of a log under its own name; by C2SP a log signs with its origin as the name. */
export function signCheckpoint(checkpoint: Checkpoint, signer: NoteSigner): string {
  return signNote(checkpointText(checkpoint), [signer]);
}

/**
 * Reads a checkpoint that `log` has signed. Lines after the root are allowed and passed over, as C2SP wants.
 * @throws NoteError when it is none, not signed by that log, or of another log
 */
export function openCheckpoint(note: string, log: NoteVerifier & { readonly origin: string }): Checkpoint {
  const parsed = parseNote(note);
  if (!isSignedBy(parsed, log)) throw new NoteError('not signed by the log');
  const checkpoint = parseCheckpoint(parsed.text);
  if (checkpoint.origin !== log.origin) throw new NoteError('a checkpoint of another log');
  return checkpoint;
}

/**
 * A witness: co-signs what goes on from what it co-signed before. The caller keeps `seen` and stores the new head before it hands the
 * co-signature out, since two heads that both got one would be a split view.
 * @param seen the head co-signed last; undefined before the first
 * @param proof consistency from `seen`; empty for a first, an equal or a first non-empty one
 * @returns the note with the co-signature added
 * @throws NoteError when the log went back, forked, or the proof does not hold
 */
export function cosign(input: {
  readonly note: string;
  readonly log: NoteVerifier & { readonly origin: string };
  readonly seen: Checkpoint | undefined;
  readonly proof: readonly Uint8Array[];
  readonly witness: NoteSigner;
  readonly nowMs: number;
}): { readonly note: string; readonly checkpoint: Checkpoint } {
  const checkpoint = openCheckpoint(input.note, input.log);
  const { seen } = input;
  const isEmpty = checkpoint.size === 0 && !Buffer.from(checkpoint.root).equals(emptyRoot());
  if (isEmpty) throw new NoteError('an empty log has a known root');
  if (seen !== undefined && seen.size > 0) {
    const claim = { size1: seen.size, root1: seen.root, size2: checkpoint.size, root2: checkpoint.root };
    if (!verifyConsistency(claim, input.proof)) throw new NoteError('not consistent with what was seen');
  }
  const parsed = parseNote(input.note);
  const seconds = Math.floor(input.nowMs / 1_000);
  const signed = signBytes(input.witness.key.privateKey, cosignedBytes(parsed, seconds));
  const { name } = input.witness;
  const keyId = noteKeyId({ name, publicKey: input.witness.key.publicKey }, NOTE_ALGORITHMS.cosignature);
  const signature = concatBytes(timeBytes(seconds), signed);
  const signatures = [...parsed.signatures, { name, keyId, signature }];
  return { note: formatNote({ text: parsed.text, signatures }), checkpoint };
}

/** When a witness co-signed a note, as Unix seconds; undefined when it has not. */
export function cosignedAt(note: string, witness: NoteVerifier): number | undefined {
  const parsed = parseNote(note);
  for (const { signature } of linesOf(parsed, witness, NOTE_ALGORITHMS.cosignature)) {
    if (signature.length <= TIME_BYTES) continue;
    const seconds = Number(Buffer.from(signature).readBigUInt64BE(0));
    const bytes = cosignedBytes(parsed, seconds);
    if (verifyBytes(witness.publicKey, bytes, signature.subarray(TIME_BYTES))) return seconds;
  }
  return undefined;
}

function parseCheckpoint(text: string): Checkpoint {
  const [origin = '', size = '', root = ''] = text.split('\n');
  const bytes = Buffer.from(root, 'base64');
  const isCount = /^(0|[1-9]\d{0,15})$/.test(size) && Number.isSafeInteger(Number(size));
  const isRoot = bytes.length === HASH_BYTES && bytes.toString('base64') === root;
  if (origin === '' || !isCount || !isRoot) throw new NoteError('not a checkpoint');
  return { origin, size: Number(size), root: Uint8Array.from(bytes) };
}

function cosignedBytes({ text }: Note, seconds: number): Uint8Array {
  return utf8(`cosignature/v1\ntime ${seconds}\n${text}`);
}

function timeBytes(seconds: number): Uint8Array {
  const bytes = Buffer.alloc(TIME_BYTES);
  bytes.writeBigUInt64BE(BigInt(seconds));
  return bytes;
}
