/**
 * All of a collection, row by row, with the entries of its indexes: for copying and backup. The file has no such question, so entries are
 * first collected index by index; one is some tens of bytes, and collections with indexes are those of people and devices, not of messages.
 */
import type { CollectionLayout, RangeQuery, ScannedRow, StoredRow } from '../engine.ts';

const PAGE_ROWS = 1_000;

/** @param range asks one collection of one space */
export async function* scanRows(
  collection: number,
  layout: CollectionLayout,
  range: (query: RangeQuery) => Promise<StoredRow[]>,
): AsyncGenerator<ScannedRow[]> {
  const whole: RangeQuery = {
    collection,
    index: undefined,
    from: new Uint8Array(0),
    before: undefined,
    after: undefined,
    descending: false,
    limit: PAGE_ROWS,
  };
  const entries: Map<string, Uint8Array>[] = [];
  for (const index of layout.indexes.keys()) {
    const byKey = new Map<string, Uint8Array>();
    for await (const page of pages({ ...whole, index }, range)) {
      for (const row of page) byKey.set(keyText(row.key), row.entry.slice());
    }
    entries.push(byKey);
  }
  for await (const page of pages(whole, range)) {
    yield page.map(({ key, doc, expiresAt }) => ({
      key,
      doc,
      expiresAt,
      entries: entries.map((byKey) => byKey.get(keyText(key)) ?? null),
    }));
  }
}

async function* pages(
  query: RangeQuery,
  range: (query: RangeQuery) => Promise<StoredRow[]>,
): AsyncGenerator<StoredRow[]> {
  let after: RangeQuery['after'];
  for (;;) {
    const page = await range({ ...query, after });
    if (page.length > 0) yield page;
    const last = page[page.length - 1];
    if (last === undefined || page.length < query.limit) return;
    after = { entry: last.entry.slice(), key: last.key.slice() };
  }
}

function keyText(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString('latin1');
}
