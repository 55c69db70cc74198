/**
 * Checking an exported audit log on a machine that knows nothing but the file, and better also the key of the log and a checkpoint that was kept from earlier. Nothing in the file is believed that does
 * not follow from the signed checkpoint.
 */
import { createHash } from 'node:crypto';
import { equalBytes } from '@kuvert/protocol';
import {
  type AuditExport,
  AuditExportError,
  auditExportSigned,
  decodeAuditEntry,
  type ExportedEntry,
  type ExportedPart,
  type ParsedAuditExport,
  parseAuditExport,
} from '@kuvert/protocol/admin';
import { type SigningKey, signBytes, verifyBytes } from '../identity/signing-key.ts';
import { type Checkpoint, openCheckpoint } from './checkpoint.ts';
import { verifyConsistency, verifyInclusion } from './proofs.ts';
import { isLeafOf, partCommitment } from './salted-leaf.ts';
import { NOTE_ALGORITHMS, type NoteVerifier, noteKeyId } from './signed-note.ts';
import { appendLeaves, EMPTY_HEAD, rootOf } from './tree.ts';
import type { Hash } from './tree-hash.ts';

/** What is wrong with an export, as a code word, with the place in the log where there is one. */
export interface ExportProblem {
  readonly code:
    | 'not-an-export'
    | 'signature'
    | 'other-key'
    | 'checkpoint'
    | 'changed'
    | 'proof'
    | 'gap'
    | 'order'
    | 'earlier-checkpoint'
    | 'cut-off'
    | 'forked'
    | 'not-compared';
  readonly index?: number;
}

/** @see verifyAuditExport */
export interface ExportVerdict {
  /** Empty: everything holds. */
  readonly problems: readonly ExportProblem[];
  readonly content: AuditExport | undefined;
  readonly checkpoint: Checkpoint | undefined;
}

/** A log's key in the text form of C2SP. */
export function verifierKeyText(verifier: NoteVerifier): string {
  const id = Buffer.from(noteKeyId(verifier, NOTE_ALGORITHMS.ed25519)).toString('hex');
  return `${verifier.name}+${id}+${Buffer.from(verifier.publicKey).toString('base64')}`;
}

/** Reads the text form of a key. @returns undefined for one that is none */
export function parseVerifierKey(text: string): NoteVerifier | undefined {
  // Base64 may hold the character that stands between the parts.
  const [, name, base64] = /^([^\s+]+)\+[0-9a-f]{8}\+([A-Za-z0-9+/]+=*)$/.exec(text) ?? [];
  if (name === undefined || base64 === undefined) return undefined;
  const verifier = { name, publicKey: Uint8Array.from(Buffer.from(base64, 'base64')) };
  return verifierKeyText(verifier) === text ? verifier : undefined;
}

/** Signs an export. @param body everything before its last line */
export function signAuditExport(body: string, key: SigningKey): Uint8Array<ArrayBuffer> {
  return signBytes(key.privateKey, signedOf(body));
}

function signedOf(body: string): Uint8Array {
  return auditExportSigned(createHash('sha256').update(body).digest());
}

/**
 * Checks an export.
 * @param known.key the log's key as it was noted down before; without it only the key in the file, which whoever made the file could have made
 * @param known.earlier a checkpoint of the same log that was kept
 */
export function verifyAuditExport(
  text: string,
  known: { readonly key?: string | undefined; readonly earlier?: string | undefined } = {},
): ExportVerdict {
  const problems: ExportProblem[] = [];
  const verdict = (content?: AuditExport, checkpoint?: Checkpoint): ExportVerdict => ({
    problems,
    content,
    checkpoint,
  });
  let parsed: ParsedAuditExport;
  try {
    parsed = parseAuditExport(text);
  } catch (error) {
    if (!(error instanceof AuditExportError)) throw error;
    problems.push({ code: 'not-an-export' });
    return verdict();
  }
  const { content, body, signature } = parsed;
  const verifier = parseVerifierKey(content.key);
  if (verifier === undefined || (known.key !== undefined && known.key.trim() !== content.key)) {
    problems.push({ code: 'other-key' });
    return verdict(content);
  }
  if (!verifyBytes(verifier.publicKey, signedOf(body), signature)) problems.push({ code: 'signature' });
  const log = { ...verifier, origin: content.origin };
  const checkpoint = opened(content.checkpoint, log);
  if (checkpoint === undefined) {
    problems.push({ code: 'checkpoint' });
    return verdict(content);
  }
  for (const entry of content.entries) problems.push(...problemsOfEntry(entry, checkpoint));
  problems.push(...problemsOfOrder(content, checkpoint));
  if (known.earlier !== undefined) problems.push(...problemsOfPast(known.earlier, log, content, checkpoint));
  return verdict(content, checkpoint);
}

function opened(note: string, log: NoteVerifier & { readonly origin: string }): Checkpoint | undefined {
  try {
    return openCheckpoint(note, log);
  } catch {
    return undefined;
  }
}

function problemsOfEntry(
  { index, leaf, proof, kept }: ExportedEntry,
  { size, root }: Checkpoint,
): ExportProblem[] {
  if (!verifyInclusion({ index, size, leaf, root }, proof)) return [{ code: 'proof', index }];
  if (kept === null) return [];
  if (!isLeafOf(leaf, { salt: Uint8Array.from(kept.salt), entry: kept.entry }))
    return [{ code: 'changed', index }];
  const entry = decodeAuditEntry(kept.entry);
  const isWhole = fits(kept.origin, entry.origin) && fits(kept.detail, entry.detail);
  return isWhole ? [] : [{ code: 'changed', index }];
}

/** A part that is not there was destroyed, which the entry allows; one that is there must be the one. */
function fits(part: ExportedPart, commitment: Uint8Array | null): boolean {
  if (part === null) return true;
  if (commitment === null || part.salt.length !== 32) return false;
  return equalBytes(partCommitment({ salt: Uint8Array.from(part.salt), entry: part.bytes }), commitment);
}

function problemsOfOrder({ complete, entries }: AuditExport, checkpoint: Checkpoint): ExportProblem[] {
  const problems: ExportProblem[] = [];
  let next = complete?.from ?? 0;
  for (const { index } of entries) {
    if (index < next) problems.push({ code: 'order', index });
    if (index > next && complete !== null) problems.push({ code: 'gap', index: next });
    next = index + 1;
  }
  if (complete !== null && (next !== complete.to || complete.to > checkpoint.size))
    problems.push({ code: 'gap', index: next });
  return problems;
}

function problemsOfPast(
  earlier: string,
  log: NoteVerifier & { readonly origin: string },
  content: AuditExport,
  checkpoint: Checkpoint,
): ExportProblem[] {
  const before = opened(earlier, log);
  if (before === undefined) return [{ code: 'earlier-checkpoint' }];
  if (before.size > checkpoint.size) return [{ code: 'cut-off', index: checkpoint.size }];
  if (before.size === 0) return [];
  const claim = { size1: before.size, root1: before.root, size2: checkpoint.size, root2: checkpoint.root };
  const { consistency, complete, entries } = content;
  if (before.size === checkpoint.size) return verifyConsistency(claim, []) ? [] : [{ code: 'forked' }];
  if (consistency?.from === before.size)
    return verifyConsistency(claim, consistency.hashes) ? [] : [{ code: 'forked' }];
  if (complete?.from === 0 && complete.to >= before.size && entries.length >= before.size) {
    const leaves = entries.slice(0, before.size).map(({ leaf }): Hash => Uint8Array.from(leaf));
    const root = rootOf(appendLeaves(EMPTY_HEAD, leaves).head);
    return equalBytes(root, before.root) ? [] : [{ code: 'forked' }];
  }
  // Neither a proof nor all leaves: nothing shows that the log goes on from there.
  return [{ code: 'not-compared' }];
}
