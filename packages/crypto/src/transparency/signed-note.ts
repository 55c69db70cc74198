/**
 * Signed notes (C2SP signed-note): a text that people can read, then lines `— name base64(key id ‖ signature)`. Anybody may add a line;
 * lines of keys that one does not know are passed over. The format and what is signed come from C2SP and carry no label of ours, so a key
 * that signs notes signs nothing else.
 */
import { createHash } from 'node:crypto';
import { concatBytes, utf8 } from '@kuvert/protocol';
import { type SigningKey, signBytes, verifyBytes } from '../identity/signing-key.ts';

/** What a key signs, as the byte in its id says. */
export const NOTE_ALGORITHMS = {
  /** Ed25519 over the text. */
  ed25519: 1,
  /** Ed25519 over the text with a time (C2SP tlog-cosignature). */
  cosignature: 4,
} as const;
type Algorithm = (typeof NOTE_ALGORITHMS)[keyof typeof NOTE_ALGORITHMS];

/** One who signs, as others know them: a name without spaces or `+`, and the public key (33 bytes, see `SigningKey`). */
export interface NoteVerifier {
  readonly name: string;
  readonly publicKey: Uint8Array;
}

/** One who signs. */
export interface NoteSigner {
  readonly name: string;
  readonly key: SigningKey;
}

/** A line below a note. */
export interface NoteSignature {
  readonly name: string;
  /** 4 bytes. */
  readonly keyId: Uint8Array;
  /** 64 bytes; with a time of 8 bytes before it for a cosignature. */
  readonly signature: Uint8Array;
}

/** A note in its parts; nothing of it is verified. */
export interface Note {
  /** The text, with the line feed at its end. */
  readonly text: string;
  readonly signatures: readonly NoteSignature[];
}

/** Bytes that are no note. */
export class NoteError extends Error {
  override name = 'NoteError';
}

const KEY_ID_BYTES = 4;
const SIGNATURES_MAX = 100;
const NOTE_CHARS_MAX = 1_000_000;
// A name has no spaces and no plus sign; the Unicode dash begins a line.
const SIGNATURE_LINE = /^— ([^\s+]+) ([A-Za-z0-9+/]+={0,2})$/u;

/** The key id that stands before a signature: the first 4 bytes of SHA-256(name ‖ LF ‖ algorithm ‖ key). */
export function noteKeyId({ name, publicKey }: NoteVerifier, algorithm: Algorithm): Uint8Array<ArrayBuffer> {
  const raw = publicKey.subarray(1);
  const hash = createHash('sha256').update(`${name}\n`).update(Uint8Array.of(algorithm)).update(raw);
  return Uint8Array.from(hash.digest().subarray(0, KEY_ID_BYTES));
}

/** Signs a text. @throws NoteError when the text cannot be a note */
export function signNote(text: string, signers: readonly NoteSigner[]): string {
  checkText(text);
  const signatures = signers.map(({ name, key }) => ({
    name,
    keyId: noteKeyId({ name, publicKey: key.publicKey }, NOTE_ALGORITHMS.ed25519),
    signature: signBytes(key.privateKey, utf8(text)),
  }));
  return formatNote({ text, signatures });
}

/** Writes a note down. @throws NoteError */
export function formatNote({ text, signatures }: Note): string {
  checkText(text);
  if (signatures.length === 0) throw new NoteError('a note without signatures');
  const lines = signatures.map(({ name, keyId, signature }) => {
    const line = `— ${name} ${Buffer.from(concatBytes(keyId, signature)).toString('base64')}`;
    if (!SIGNATURE_LINE.test(line)) throw new NoteError('a name that no note can carry');
    return line;
  });
  return `${text}\n${lines.join('\n')}\n`;
}

/** Takes a note apart. @throws NoteError */
export function parseNote(note: string): Note {
  if (note.length > NOTE_CHARS_MAX || !note.endsWith('\n')) throw new NoteError('not a note');
  const split = note.lastIndexOf('\n\n');
  if (split < 0) throw new NoteError('a note without signatures');
  const text = note.slice(0, split + 1);
  checkText(text);
  const lines = note.slice(split + 2, -1).split('\n');
  if (lines.length > SIGNATURES_MAX) throw new NoteError('too many signatures');
  return { text, signatures: lines.map(parseLine) };
}

/** Whether `verifier` has signed the note. A line of theirs that does not verify counts as if it were not there. */
export function isSignedBy(note: Note, verifier: NoteVerifier): boolean {
  const text = utf8(note.text);
  return linesOf(note, verifier, NOTE_ALGORITHMS.ed25519).some(({ signature }) =>
    verifyBytes(verifier.publicKey, text, signature),
  );
}

/** The lines that name a key. */
export function linesOf(note: Note, verifier: NoteVerifier, algorithm: Algorithm): NoteSignature[] {
  const keyId = Buffer.from(noteKeyId(verifier, algorithm));
  return note.signatures.filter(({ name, keyId: other }) => name === verifier.name && keyId.equals(other));
}

function parseLine(line: string): NoteSignature {
  const match = SIGNATURE_LINE.exec(line);
  const bytes = Buffer.from(match?.[2] ?? '', 'base64');
  if (match?.[1] === undefined || bytes.length <= KEY_ID_BYTES || bytes.toString('base64') !== match[2]) {
    throw new NoteError('a line that is no signature');
  }
  return {
    name: match[1],
    keyId: Uint8Array.from(bytes.subarray(0, KEY_ID_BYTES)),
    signature: Uint8Array.from(bytes.subarray(KEY_ID_BYTES)),
  };
}

/** A text ends with a line feed and has no other control characters, so that what people see is what is signed. */
function checkText(text: string): void {
  const controls = /[\p{Cc}]/u;
  if (!text.endsWith('\n') || !text.isWellFormed() || controls.test(text.replaceAll('\n', ''))) {
    throw new NoteError('a text that no note can carry');
  }
}
