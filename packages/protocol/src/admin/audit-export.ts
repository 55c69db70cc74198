/**
 * Audit logs as files that prove themselves: JSON or CSV, each complete in itself. What people read stands beside the bytes that the leaf commits to, and must follow from
 * them; the last line is a signature over everything before it. One function renders and one reads, so that server and verifier cannot differ.
 */
import { concatBytes, utf8 } from '../bytes.ts';
import { type CborValue, decodeCbor } from '../cbor.ts';
import { LABELS } from '../labels.ts';
import { type AuditEntry, decodeAuditEntry } from './audit-entry.ts';

/** Part of an entry that stands beside it: with its salt, or destroyed. */
export type ExportedPart = { readonly salt: Uint8Array; readonly bytes: Uint8Array } | null;

/** A place in the tree. Without `entry` its term is over, and only the leaf is left. */
export interface ExportedEntry {
  readonly index: number;
  /** Hash of the leaf. */
  readonly leaf: Uint8Array;
  readonly proof: readonly Uint8Array[];
  readonly kept: {
    readonly entry: Uint8Array;
    readonly salt: Uint8Array;
    readonly origin: ExportedPart;
    readonly detail: ExportedPart;
  } | null;
}

/** What an export holds. */
export interface AuditExport {
  readonly origin: string;
  /** C2SP verifier key of the log. */
  readonly key: string;
  /** The signed checkpoint that all proofs lead to. */
  readonly checkpoint: string;
  /** Places from (inclusive) and to (exclusive) that are all there; null for what a search found. */
  readonly complete: { readonly from: number; readonly to: number } | null;
  /** That the tree goes on from an earlier one. */
  readonly consistency: { readonly from: number; readonly hashes: readonly Uint8Array[] } | null;
  /** Names behind ids, as far as they are not erased. No leaf commits to them. */
  readonly names: { readonly [id: string]: string };
  readonly entries: readonly ExportedEntry[];
}

export const AUDIT_EXPORT_FORMATS = ['json', 'csv'] as const;
export type AuditExportFormat = (typeof AUDIT_EXPORT_FORMATS)[number];

const FORMAT = 'kuvert-audit-export/1';

/** A text that is no export. The message says which part of it. */
export class AuditExportError extends Error {
  override name = 'AuditExportError';
}

/** What people read of an entry. */
export interface AuditReading {
  readonly time: string;
  readonly action: string;
  readonly outcome: AuditEntry['outcome'];
  readonly actor: string;
  readonly object: string | null;
  readonly via: string | null;
  readonly requestId: string | null;
  readonly address: string | null;
  readonly before: Json | null;
  readonly after: Json | null;
}
type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json };

/** What people read of an entry and its parts. @throws InvalidCborError, ZodError */
export function readingOf(kept: NonNullable<ExportedEntry['kept']>): AuditReading {
  const entry = decodeAuditEntry(kept.entry);
  const origin = kept.origin === null ? {} : (decodeCbor(kept.origin.bytes) as { address?: string });
  const detail =
    kept.detail === null ? {} : (decodeCbor(kept.detail.bytes) as { before?: CborValue; after?: CborValue });
  return {
    time: new Date(entry.at).toISOString(),
    action: entry.action,
    outcome: entry.outcome,
    actor: entry.actor,
    object: entry.object,
    via: entry.via,
    requestId: entry.requestId,
    address: origin.address ?? null,
    before: jsonOf(detail.before ?? null),
    after: jsonOf(detail.after ?? null),
  };
}

/** Byte strings become hex; everything else is the same in JSON. */
function jsonOf(value: CborValue): Json {
  if (value instanceof Uint8Array) return hex(value);
  if (Array.isArray(value)) return value.map(jsonOf);
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, jsonOf(one ?? null)]));
  return value as Json;
}

/** The bytes that the signature of an export is over. @param sha256 of everything before its last line */
export function auditExportSigned(sha256: Uint8Array): Uint8Array<ArrayBuffer> {
  return concatBytes(utf8(LABELS.auditExport), sha256);
}

/** An export without its last line. */
export function renderAuditExport(content: AuditExport, format: AuditExportFormat): string {
  return format === 'json' ? renderJson(content) : renderCsv(content);
}

/** The last line. */
export function renderSignature(signature: Uint8Array, format: AuditExportFormat): string {
  return format === 'json' ? `"signature":"${hex(signature)}"}\n` : `signature,${hex(signature)}\r\n`;
}

/** An export taken apart; nothing of it is verified but that it is written as this file writes it. */
export interface ParsedAuditExport {
  readonly content: AuditExport;
  /** What the signature is over the hash of. */
  readonly body: string;
  readonly signature: Uint8Array;
}

/** @throws AuditExportError */
export function parseAuditExport(text: string): ParsedAuditExport {
  const format: AuditExportFormat = text.startsWith('{') ? 'json' : 'csv';
  const last = format === 'json' ? /"signature":"([0-9a-f]{128})"\}\n$/ : /signature,([0-9a-f]{128})\r\n$/;
  const match = last.exec(text);
  if (match?.[1] === undefined) throw new AuditExportError('signature');
  const body = text.slice(0, match.index);
  let content: AuditExport;
  try {
    content = format === 'json' ? parseJson(text) : parseCsv(body);
    // What is not written exactly so could say something else to whoever reads it with other eyes.
    if (renderAuditExport(content, format) !== body) throw new AuditExportError('form');
  } catch (cause) {
    throw new AuditExportError('form', { cause });
  }
  return { content, body, signature: bytesOf(match[1]) };
}

// ---- JSON ----

type JsonEntry = Record<string, unknown> & { index: number; leaf: string; proof: string[] };

function renderJson(content: AuditExport): string {
  const { origin, key, checkpoint, complete, consistency, names, entries } = content;
  const head = {
    format: FORMAT,
    origin,
    key,
    checkpoint,
    complete,
    consistency: consistency && { from: consistency.from, hashes: consistency.hashes.map(hex) },
    names,
  };
  const lines = entries.map((one) => JSON.stringify(jsonEntry(one)));
  return `${JSON.stringify(head).slice(0, -1)},\n"entries":[\n${lines.join(',\n')}\n],\n`;
}

function jsonEntry({ index, leaf, proof, kept }: ExportedEntry): JsonEntry {
  const proved = { leaf: hex(leaf), proof: proof.map(hex) };
  if (kept === null) return { index, ...proved };
  const part = (one: ExportedPart) => one && { salt: hex(one.salt), bytes: hex(one.bytes) };
  const { entry, salt, origin, detail } = kept;
  return {
    index,
    ...readingOf(kept),
    ...proved,
    entry: hex(entry),
    salt: hex(salt),
    origin: part(origin),
    detail: part(detail),
  };
}

function parseJson(text: string): AuditExport {
  const all = JSON.parse(text) as Record<string, unknown>;
  const consistency = all.consistency as { from: number; hashes: string[] } | null;
  return {
    origin: String(all.origin),
    key: String(all.key),
    checkpoint: String(all.checkpoint),
    complete: all.complete as AuditExport['complete'],
    consistency: consistency && { from: consistency.from, hashes: consistency.hashes.map(bytesOf) },
    names: all.names as AuditExport['names'],
    entries: (all.entries as JsonEntry[]).map((one) => {
      const part = (value: unknown): ExportedPart => {
        if (value === null) return null;
        const { salt, bytes } = value as { salt: string; bytes: string };
        return { salt: bytesOf(salt), bytes: bytesOf(bytes) };
      };
      return {
        index: one.index,
        leaf: bytesOf(one.leaf),
        proof: one.proof.map(bytesOf),
        kept:
          one.entry === undefined
            ? null
            : {
                entry: bytesOf(one.entry as string),
                salt: bytesOf(one.salt as string),
                origin: part(one.origin),
                detail: part(one.detail),
              },
      };
    }),
  };
}

// ---- CSV (RFC 4180) ----

const COLUMNS = [
  'index',
  'time',
  'action',
  'outcome',
  'actor',
  'actor name',
  'object',
  'object name',
  'via',
  'request',
  'address',
  'before',
  'after',
  'leaf',
  'proof',
  'entry',
  'salt',
  'origin salt',
  'origin bytes',
  'detail salt',
  'detail bytes',
] as const;

function renderCsv(content: AuditExport): string {
  const { origin, key, checkpoint, complete, consistency, names, entries } = content;
  const rows: (readonly string[])[] = [COLUMNS, ...entries.map((one) => csvCells(one, names))];
  rows.push(['format', FORMAT], ['origin', origin], ['key', key], ['checkpoint', checkpoint]);
  rows.push(['complete', ...(complete === null ? [] : [String(complete.from), String(complete.to)])]);
  rows.push([
    'consistency',
    ...(consistency === null ? [] : [String(consistency.from), ...consistency.hashes.map(hex)]),
  ]);
  rows.push(...Object.entries(names).map(([id, name]) => ['name', id, name]));
  return rows.map((cells) => `${cells.map(csvCell).join(',')}\r\n`).join('');
}

function csvCells(one: ExportedEntry, names: AuditExport['names']): string[] {
  const { index, leaf, proof, kept } = one;
  const proved = [hex(leaf), proof.map(hex).join(' ')];
  if (kept === null) return [String(index), ...Array.from({ length: 12 }, () => ''), ...proved];
  const read = readingOf(kept);
  const nameOf = (id: string | null) => (id === null ? '' : (names[id] ?? ''));
  const json = (value: Json | null) => (value === null ? '' : JSON.stringify(value));
  const part = (value: ExportedPart) => (value === null ? ['', ''] : [hex(value.salt), hex(value.bytes)]);
  return [
    String(index),
    read.time,
    read.action,
    read.outcome,
    read.actor,
    nameOf(read.actor),
    read.object ?? '',
    nameOf(read.object),
    read.via ?? '',
    read.requestId ?? '',
    read.address ?? '',
    json(read.before),
    json(read.after),
    ...proved,
    hex(kept.entry),
    hex(kept.salt),
    ...part(kept.origin),
    ...part(kept.detail),
  ];
}

/** A table program takes a cell that begins so for a formula; behind an apostrophe it is text (OWASP, CSV injection). */
const FORMULA = /^['=+\-@\t\r\n＝＋－＠]/;

function csvCell(text: string): string {
  const harmless = FORMULA.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless;
}

function parseCsv(body: string): AuditExport {
  const rows = csvRows(body);
  const entries: ExportedEntry[] = [];
  const rest = new Map<string, string[]>();
  const names: Record<string, string> = {};
  for (const [first = '', ...cells] of rows.slice(1)) {
    if (/^\d{1,16}$/.test(first)) entries.push(entryOfCells([first, ...cells]));
    else if (first === 'name') Object.assign(names, { [cells[0] ?? '']: cells[1] ?? '' });
    else rest.set(first, cells);
  }
  const [from, ...hashes] = rest.get('consistency') ?? [];
  const complete = rest.get('complete') ?? [];
  return {
    origin: rest.get('origin')?.[0] ?? '',
    key: rest.get('key')?.[0] ?? '',
    checkpoint: rest.get('checkpoint')?.[0] ?? '',
    complete: complete.length === 2 ? { from: Number(complete[0]), to: Number(complete[1]) } : null,
    consistency: from === undefined ? null : { from: Number(from), hashes: hashes.map(bytesOf) },
    names,
    entries,
  };
}

function entryOfCells(cells: readonly string[]): ExportedEntry {
  const cell = (column: (typeof COLUMNS)[number]) => cells[COLUMNS.indexOf(column)] ?? '';
  const part = (salt: string, bytes: string): ExportedPart =>
    salt === '' ? null : { salt: bytesOf(salt), bytes: bytesOf(bytes) };
  const proof = cell('proof');
  return {
    index: Number(cell('index')),
    leaf: bytesOf(cell('leaf')),
    proof: proof === '' ? [] : proof.split(' ').map(bytesOf),
    kept:
      cell('entry') === ''
        ? null
        : {
            entry: bytesOf(cell('entry')),
            salt: bytesOf(cell('salt')),
            origin: part(cell('origin salt'), cell('origin bytes')),
            detail: part(cell('detail salt'), cell('detail bytes')),
          },
  };
}

/** Cells as they were before {@link csvCell}. */
function csvRows(text: string): string[][] {
  const rows: string[][] = [];
  let cells: string[] = [];
  const CELL = /("(?:[^"]|"")*"|[^",\r\n]*)(,|\r\n)/y;
  while (CELL.lastIndex < text.length) {
    const match = CELL.exec(text);
    if (match === null) throw new AuditExportError('form');
    const [, raw = '', end] = match;
    const plain = raw.startsWith('"') ? raw.slice(1, -1).replaceAll('""', '"') : raw;
    cells.push(plain.startsWith("'") ? plain.slice(1) : plain);
    if (end === ',') continue;
    rows.push(cells);
    cells = [];
  }
  return rows;
}

const DIGITS = '0123456789abcdef';

function hex(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += `${DIGITS[byte >> 4]}${DIGITS[byte & 15]}`;
  return text;
}

function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  if (!/^(?:[0-9a-f]{2})*$/.test(text)) throw new AuditExportError('form');
  return Uint8Array.from({ length: text.length / 2 }, (_, i) =>
    Number.parseInt(text.slice(2 * i, 2 * i + 2), 16),
  );
}
