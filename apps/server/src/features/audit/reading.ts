/** Reading audit logs: searching them, and exporting them as files that prove themselves. */
import { signAuditExport, verifierKeyText } from '@kuvert/crypto/transparency';
import { type AuditEntryId, KuvertError } from '@kuvert/protocol';
import {
  type AuditEntryView,
  type AuditExportFormat,
  type ExportedEntry,
  type ExportedPart,
  readingOf,
  renderAuditExport,
  renderSignature,
} from '@kuvert/protocol/admin';
import type { RowOf, Store } from '../../store/index.ts';
import type { AuditTables } from './collections.ts';
import { decodePart } from './drafts.ts';
import type { LogKey } from './log-keys.ts';
import { type LogPlace, placeOfLog } from './logs.ts';
import type { AuditProofs } from './proofs.ts';
import type { LogName } from './records.ts';

type Row = RowOf<AuditTables['entries']>;

/** What is looked for; all of it together. Times in Unix milliseconds. */
export interface AuditFilter {
  readonly actor?: string | undefined;
  readonly action?: string | undefined;
  readonly object?: string | undefined;
  readonly fromMs?: number | undefined;
  readonly beforeMs?: number | undefined;
}

/** Rows that one search looks at; then the caller goes on with the cursor. */
const LOOKED_AT_MAX = 2_000;

/** @see the head of this file */
export class AuditReading {
  readonly #store: Store;
  readonly #proofs: AuditProofs;
  readonly #key: LogKey;

  constructor(deps: { readonly store: Store; readonly proofs: AuditProofs; readonly key: LogKey }) {
    this.#store = deps.store;
    this.#proofs = deps.proofs;
    this.#key = deps.key;
  }

  /** A log's key as text. */
  keyText(log: LogName): string {
    return verifierKeyText({ name: this.#proofs.origin(log), publicKey: this.#key.key.publicKey });
  }

  /** A page of a search. It may be short, or empty, and still have a next one. @throws KuvertError `cursor_invalid` */
  async search(
    log: LogName,
    filter: AuditFilter,
    page: { readonly order: 'asc' | 'desc'; readonly limit: number; readonly cursor?: string | undefined },
  ): Promise<{ entries: AuditEntryView[]; next: string | null }> {
    // What was committed before the search is found by it, also where it was still on its way here.
    if (page.cursor === undefined) await this.#proofs.checkpoint(log);
    const place = placeOfLog(this.#store, log);
    const found: Row[] = [];
    let cursor = page.cursor;
    for (let looked = 0; looked < LOOKED_AT_MAX && found.length < page.limit; ) {
      const limit = page.limit - found.length;
      const { rows, next } = await place.scope.list(place.tables.entries, {
        ...indexFor(filter),
        ...(filter.fromMs === undefined ? {} : { from: filter.fromMs }),
        ...(filter.beforeMs === undefined ? {} : { before: filter.beforeMs }),
        order: page.order,
        limit,
        ...(cursor === undefined ? {} : { cursor }),
      });
      found.push(...rows.filter((row) => isMatch(row, filter)));
      looked += Math.max(rows.length, limit);
      cursor = next;
      if (next === undefined) break;
    }
    return {
      entries: await Promise.all(found.map((row) => this.#view(place, row))),
      next: cursor ?? null,
    };
  }

  /** One entry with its proof. @throws KuvertError `not_found` */
  async get(log: LogName, entryId: AuditEntryId): Promise<{ entry: AuditEntryView; export: string }> {
    const place = placeOfLog(this.#store, log);
    const { size, note } = await this.#proofs.checkpoint(log);
    const row = await place.scope.get(place.tables.entries, entryId);
    const { value: index } = await place.scope.get(place.tables.placeOf, entryId);
    const entry = await this.#exported(log, place, { index, size });
    const file = await this.#file(log, place, { note, entries: [entry], format: 'json' });
    return { entry: await this.#view(place, row), export: file };
  }

  /**
   * A file of the log from a place on, or of what a filter finds there.
   * @returns the file, how many entries it has, its checkpoint, and where the next one begins
   * @throws KuvertError `not_found` for a `since` that the log has not reached
   */
  async exportFrom(
    log: LogName,
    asked: {
      readonly filter: AuditFilter;
      readonly format: AuditExportFormat;
      readonly start: number;
      readonly limit: number;
      readonly since?: number | undefined;
    },
  ): Promise<{ file: string; entries: number; checkpoint: string; next: number | null }> {
    const place = placeOfLog(this.#store, log);
    const { size, note } = await this.#proofs.checkpoint(log);
    const isSearch = Object.values(asked.filter).some((value) => value !== undefined);
    const entries: ExportedEntry[] = [];
    let index = Math.min(asked.start, size);
    const until = Math.min(size, index + asked.limit);
    for (; index < until; index++) {
      const row = await this.#rowAt(place, index);
      if (isSearch && (row === undefined || !isMatch(row, asked.filter))) continue;
      entries.push(await this.#exported(log, place, { index, size }));
    }
    const { since } = asked;
    const consistency =
      since === undefined || since === 0
        ? null
        : { from: since, hashes: await this.#proofs.consistency(log, since, size) };
    const complete = isSearch ? null : { from: Math.min(asked.start, size), to: until };
    const file = await this.#file(log, place, {
      note,
      entries,
      format: asked.format,
      complete,
      consistency,
    });
    return { file, entries: entries.length, checkpoint: note, next: until < size ? until : null };
  }

  async #file(
    log: LogName,
    place: LogPlace,
    content: {
      readonly note: string;
      readonly entries: readonly ExportedEntry[];
      readonly format: AuditExportFormat;
      readonly complete?: { from: number; to: number } | null;
      readonly consistency?: { from: number; hashes: readonly Uint8Array[] } | null;
    },
  ): Promise<string> {
    const { note, entries, format, complete = null, consistency = null } = content;
    const ids = new Set<string>();
    for (const { kept } of entries) {
      if (kept === null) continue;
      const { actor, object } = readingOf(kept);
      ids.add(actor);
      if (object !== null) ids.add(object);
    }
    const names: Record<string, string> = {};
    for (const id of [...ids].sort()) {
      const name = await nameOf(place, id);
      if (name !== null) names[id] = name;
    }
    const body = renderAuditExport(
      {
        origin: this.#proofs.origin(log),
        key: this.keyText(log),
        checkpoint: note,
        complete,
        consistency,
        names,
        entries,
      },
      format,
    );
    return body + renderSignature(signAuditExport(body, this.#key.key), format);
  }

  async #rowAt({ scope, tables }: LogPlace, index: number): Promise<Row | undefined> {
    const { value: entryId } = await scope.get(tables.places, index);
    return scope.find(tables.entries, entryId);
  }

  async #exported(
    log: LogName,
    place: LogPlace,
    { index, size }: { index: number; size: number },
  ): Promise<ExportedEntry> {
    const row = await this.#rowAt(place, index);
    const leaf = await this.#proofs.leaf(log, index);
    const proof = await this.#proofs.inclusion(log, index, size);
    const kept = row && {
      entry: row.entry,
      salt: row.salt,
      origin: await partOf(place, 'origin', row.entryId),
      detail: await partOf(place, 'detail', row.entryId),
    };
    return { index, leaf, proof, kept: kept ?? null };
  }

  async #view(place: LogPlace, row: Row): Promise<AuditEntryView> {
    const { scope, tables } = place;
    const { entryId, entry, salt } = row;
    const read = readingOf({
      entry,
      salt,
      origin: await partOf(place, 'origin', entryId),
      detail: await partOf(place, 'detail', entryId),
    });
    return {
      entryId,
      index: (await scope.find(tables.placeOf, entryId))?.value ?? null,
      ...read,
      actorName: await nameOf(place, read.actor),
      objectName: read.object === null ? null : await nameOf(place, read.object),
      before: read.before as AuditEntryView['before'],
      after: read.after as AuditEntryView['after'],
    };
  }
}

/** What narrows most is looked up, the rest is compared. */
function indexFor({ object, actor, action }: AuditFilter) {
  if (object !== undefined) return { index: 'byObject' as const, equals: [object] as const };
  if (actor !== undefined) return { index: 'byActor' as const, equals: [actor] as const };
  if (action !== undefined) return { index: 'byAction' as const, equals: [action] as const };
  return { index: 'byTime' as const };
}

function isMatch(row: Row, { object, actor, action, fromMs, beforeMs }: AuditFilter): boolean {
  return (
    (object === undefined || row.object === object) &&
    (actor === undefined || row.actor === actor) &&
    (action === undefined || row.action === action) &&
    (fromMs === undefined || row.at >= fromMs) &&
    (beforeMs === undefined || row.at < beforeMs)
  );
}

async function partOf(
  { scope, tables }: LogPlace,
  part: 'origin' | 'detail',
  entryId: AuditEntryId,
): Promise<ExportedPart> {
  const encoded = await unlessDestroyed(async () =>
    part === 'origin'
      ? (await scope.find(tables.origins, entryId))?.origin
      : (await scope.find(tables.details, entryId))?.detail,
  );
  if (encoded === undefined) return null;
  const { salt, entry } = decodePart(encoded);
  return { salt, bytes: entry };
}

async function nameOf({ scope, tables }: LogPlace, id: string): Promise<string | null> {
  return (await unlessDestroyed(async () => (await scope.find(tables.identities, id))?.name)) ?? null;
}

/** A key that was destroyed makes the field it sealed one that is not there. */
async function unlessDestroyed<T>(read: () => Promise<T | undefined>): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof KuvertError && error.code === 'not_found') return undefined;
    throw error;
  }
}
