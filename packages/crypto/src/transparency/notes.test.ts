import { expect, test } from 'vitest';
import { generateSigningKey } from '../identity/signing-key.ts';
import { cosign, cosignedAt, openCheckpoint, signCheckpoint } from './checkpoint.ts';
import { openLogPromise, signLogPromise } from './promise.ts';
import { formatNote, isSignedBy, NoteError, noteKeyId, parseNote, signNote } from './signed-note.ts';
import { appendLeaves, EMPTY_HEAD, headAt, proveConsistency, rootOf } from './tree.ts';
import { emptyRoot, type Hash, leafHash } from './tree-hash.ts';

const origin = 'kuvert.example/acme';
const key = generateSigningKey();
const signer = { name: origin, key };
const log = { name: origin, origin, publicKey: key.publicKey };

/** Heads of one growing log and the proofs between them. */
function logOf(count: number, seed = 0) {
  const leaves = Array.from({ length: count }, (_, i) => leafHash(Uint8Array.of(seed, i)));
  const { completed } = appendLeaves(EMPTY_HEAD, leaves);
  const stored = new Map(completed.map(({ level, index, hash }) => [`${level}/${index}`, hash]));
  const read = (level: number, index: number) => stored.get(`${level}/${index}`) as Hash;
  return {
    note: async (size: number) =>
      signCheckpoint({ origin, size, root: rootOf(await headAt(size, read)) }, signer),
    proof: (size1: number, size2: number) => proveConsistency(size1, size2, read),
  };
}

test('C7 a note signed elsewhere verifies, and only as it was', () => {
  // The example of golang.org/x/mod/sumdb/note.
  const [name, id, base64] = 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW'.split(
    '+',
  ) as [string, string, string];
  const verifier = { name, publicKey: Uint8Array.from(Buffer.from(base64, 'base64')) };
  expect(Buffer.from(noteKeyId(verifier, 1)).toString('hex')).toBe(id);
  const text =
    "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
  const line =
    '— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=';
  const note = `${text}\n${line}\n`;
  expect(isSignedBy(parseNote(note), verifier)).toBe(true);
  expect(formatNote(parseNote(note))).toBe(note);
  expect(isSignedBy(parseNote(note.replace('know', 'knew')), verifier)).toBe(false);
  expect(isSignedBy(parseNote(note), { ...verifier, name: 'PeterNewman' })).toBe(false);
});

test('C7 a note with other people’s lines is read, and one that is none is refused', () => {
  const others = generateSigningKey();
  const note = signNote('a\n\nb\n', [{ name: 'somebody', key: others }, signer]);
  expect(isSignedBy(parseNote(note), log)).toBe(true);
  for (const bad of [
    '',
    'a\n',
    'a\n\n',
    'a\n\n— x\n',
    'a\n\n- x AAAAAAAA\n',
    `${note} `,
    note.slice(0, -1),
  ]) {
    expect(() => parseNote(bad), JSON.stringify(bad)).toThrow(NoteError);
  }
  expect(() => signNote('no line feed', [signer])).toThrow(NoteError);
  expect(() => signNote('a\r\n', [signer])).toThrow(NoteError);
  expect(() => signNote('a\n', [{ name: 'two words', key }])).toThrow(NoteError);
});

test('C7 a checkpoint is that of its log, with its size and root, or it is refused', async () => {
  const note = await logOf(5).note(5);
  expect(openCheckpoint(note, log)).toMatchObject({ origin, size: 5 });
  expect(note.split('\n')[1]).toBe('5');
  expect(() => openCheckpoint(note.replace('\n5\n', '\n6\n'), log)).toThrow(NoteError);
  expect(() => openCheckpoint(note, { ...log, origin: 'kuvert.example/other' })).toThrow(NoteError);
  expect(() => openCheckpoint(note, { ...log, publicKey: generateSigningKey().publicKey })).toThrow(
    NoteError,
  );
  expect(() => openCheckpoint(signNote(`${origin}\n05\n${'A'.repeat(43)}=\n`, [signer]), log)).toThrow(
    NoteError,
  );
});

test('C7 a witness follows a log that grows and refuses one that goes back or forks', async () => {
  const witness = { name: 'witness.example', key: generateSigningKey() };
  const honest = logOf(9);
  const forked = logOf(9, 1);
  const nowMs = Date.UTC(2026, 0, 2);
  const ask = async (note: string, seen?: ReturnType<typeof openCheckpoint>, proof: Hash[] = []) =>
    cosign({ note, log, seen, proof, witness, nowMs });

  const first = await ask(await honest.note(4));
  const verifier = { name: witness.name, publicKey: witness.key.publicKey };
  expect(cosignedAt(first.note, verifier)).toBe(nowMs / 1_000);
  expect(openCheckpoint(first.note, log).size).toBe(4);
  expect(cosignedAt(await honest.note(4), verifier)).toBeUndefined();
  expect(cosignedAt(first.note.replace('\n4\n', '\n3\n'), verifier)).toBeUndefined();

  const seen = first.checkpoint;
  const second = await ask(await honest.note(9), seen, await honest.proof(4, 9));
  expect(second.checkpoint.size).toBe(9);
  expect((await ask(await honest.note(4), seen)).checkpoint.size).toBe(4);
  await expect(ask(await honest.note(9), seen)).rejects.toThrow(NoteError);
  await expect(ask(await forked.note(9), seen, await forked.proof(4, 9))).rejects.toThrow(NoteError);
  await expect(ask(await honest.note(4), second.checkpoint, await honest.proof(4, 9))).rejects.toThrow(
    NoteError,
  );
  const emptied = signCheckpoint({ origin, size: 0, root: emptyRoot() }, signer);
  await expect(ask(emptied, seen)).rejects.toThrow(NoteError);
  expect((await ask(emptied)).checkpoint.size).toBe(0);
});

test('C7 a promise holds for its leaf and its log, and does not pass for anything else', () => {
  const leaf = leafHash(Uint8Array.of(1));
  const promise = { origin, leaf, madeAtMs: 1_000, inTreeByMs: 61_000 };
  const signed = signLogPromise(promise, key);
  expect(openLogPromise(signed, key.publicKey)).toEqual(promise);
  expect(openLogPromise(signed, generateSigningKey().publicKey)).toBeUndefined();
  const changed = signed.bytes.map((byte, i) => (i === signed.bytes.length - 1 ? byte ^ 1 : byte));
  expect(openLogPromise({ ...signed, bytes: changed }, key.publicKey)).toBeUndefined();
});
