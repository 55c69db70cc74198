import type { EntriesOptions, Entry, EntryCursor, EntryPage } from '@kuvert/client-core';
import type { ConversationId } from '@kuvert/protocol';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readPlace } from './entry-pages.ts';

const ID = 'co' as ConversationId;

/** A conversation whose entries have these times, in order; its cursors are positions. */
function reader(times: readonly number[], unread = 0) {
  const all = times.map(
    (atMs, index) =>
      ({ entryId: index, atMs, direction: 'in', isUnread: index >= times.length - unread }) as Entry,
  );
  const entries = (_: ConversationId, options: EntriesOptions = {}): EntryPage => {
    const { before, after, aroundMs, limit = 50 } = options;
    const first = all.findIndex(({ atMs }) => aroundMs !== undefined && atMs >= aroundMs);
    let from = Math.max(0, (before === undefined ? all.length : Number(before)) - limit);
    let to = before === undefined ? all.length : Number(before);
    if (aroundMs !== undefined) from = first < 0 ? all.length : first;
    if (after !== undefined) from = Number(after);
    if (aroundMs !== undefined || after !== undefined) to = Math.min(all.length, from + limit);
    const cursor = (at: number) => String(at) as EntryCursor;
    return {
      entries: all.slice(from, to),
      older: from > 0 ? cursor(from) : undefined,
      newer: to < all.length ? cursor(to) : undefined,
    };
  };
  return { entries, get: () => ({ unread }) } as unknown as Parameters<typeof readPlace>[0];
}

const keys = (page: { entries: readonly Entry[] }) => page.entries.map(({ entryId }) => entryId);

test('A8 every page brings something new, also when thousands of entries have one time', () => {
  const times = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 700 });
  fc.assert(
    fc.property(times, (unsorted) => {
      const sorted = unsorted.toSorted((a, b) => a - b);
      const source = reader(sorted);
      const seen = new Set(keys(readPlace(source, ID, { at: 'end' })));
      for (let first = Math.min(...seen); first > 0; first = Math.min(...seen)) {
        const place = { at: 'before', ms: sorted[first] ?? 0, key: String(first) } as const;
        for (const key of keys(readPlace(source, ID, place))) seen.add(key);
        expect(Math.min(...seen)).toBeLessThan(first);
      }
      expect(seen.size).toBe(sorted.length);
      const down = new Set(keys(readPlace(source, ID, { at: 'start' })));
      for (let last = Math.max(...down); last < sorted.length - 1; last = Math.max(...down)) {
        const place = { at: 'after', ms: sorted[last] ?? 0, key: String(last) } as const;
        for (const key of keys(readPlace(source, ID, place))) down.add(key);
        expect(Math.max(...down)).toBeGreaterThan(last);
      }
      expect(down.size).toBe(sorted.length);
    }),
  );
});

test('A8 a place is shown with what stands around it, and a day after the end shows the end', () => {
  const source = reader(Array.from({ length: 1_000 }, (_, index) => index * 10));
  const page = readPlace(source, ID, { at: 'around', ms: 5_000 });
  expect(keys(page)[0]).toBe(400);
  expect(page).toMatchObject({ hasOlder: true, hasNewer: true, isBeyondEnd: false });
  expect(readPlace(source, ID, { at: 'around', ms: 50_000 })).toMatchObject({
    isBeyondEnd: true,
    hasNewer: false,
  });
});

test('A8 a conversation opens at its first unread message, however far back that is', () => {
  const source = reader(
    Array.from({ length: 5_000 }, (_, index) => index),
    4_000,
  );
  expect(keys(readPlace(source, ID, { at: 'unread' }))).toContain(1_000);
  expect(keys(readPlace(reader([1, 2, 3]), ID, { at: 'unread' }))).toEqual([0, 1, 2]);
});
