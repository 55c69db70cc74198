/** Which page of a conversation shows a place of it. Pages are read from the container, never the whole conversation. */
import type { Conversations, Entry } from '@kuvert/client-core';
import type { ConversationId } from '@kuvert/protocol';
import type { Place } from './model.ts';

const PAGE = 100;
const PAGE_MAX = 1_000;
/** How far back the first unread message is looked for. */
const UNREAD_PAGES_MAX = 200;

/** Entries, oldest first, and whether there is more on either side. */
export interface PlacePage {
  readonly entries: readonly Entry[];
  readonly hasOlder: boolean;
  readonly hasNewer: boolean;
  /** Nothing is at or after the time that was asked for; what is given is the end. */
  readonly isBeyondEnd: boolean;
}

type Reader = Pick<Conversations, 'entries' | 'get'>;

/** @see the top of this file */
export function readPlace(reader: Reader, id: ConversationId, place: Place): PlacePage {
  switch (place.at) {
    case 'end':
      return endOf(reader, id);
    case 'start':
      return from(reader, id, { ms: 0, limit: PAGE });
    case 'unread': {
      const ms = firstUnread(reader, id);
      return ms === undefined ? endOf(reader, id) : around(reader, id, { ms });
    }
    case 'around':
      return around(reader, id, place);
    case 'before':
      return before(reader, id, place);
    case 'after':
      return from(reader, id, { ...place, limit: PAGE, isBeyondKey: true });
    case 'again':
      return from(reader, id, { ms: place.ms, limit: Math.min(PAGE_MAX, place.count) });
  }
}

function endOf(reader: Reader, id: ConversationId): PlacePage {
  const page = reader.entries(id, { limit: PAGE });
  return { entries: page.entries, hasOlder: page.older !== undefined, hasNewer: false, isBeyondEnd: false };
}

/**
 * From a time on. Any number of entries may have one time, so pages are read until the entry of `key` is among them, and with
 * `isBeyondKey` until something comes after it: whoever asks for more gets more.
 */
function from(
  reader: Reader,
  id: ConversationId,
  place: { ms: number; limit: number; key?: string; isBeyondKey?: boolean },
): PlacePage {
  const { ms, limit, key, isBeyondKey = false } = place;
  let page = reader.entries(id, { aroundMs: ms, limit });
  const hasOlder = page.older !== undefined;
  const entries = [...page.entries];
  const isEnough = (): boolean => {
    const at =
      key === undefined ? entries.length : entries.findIndex(({ entryId }) => String(entryId) === key);
    // One that was deleted meanwhile is not found; other times than its own are enough then.
    if (at < 0) return entries.at(-1)?.atMs !== ms;
    return !isBeyondKey || key === undefined || at < entries.length - 1;
  };
  while (page.newer !== undefined && !isEnough()) {
    page = reader.entries(id, { after: page.newer, limit: PAGE_MAX });
    entries.push(...page.entries);
  }
  return { entries, hasOlder, hasNewer: page.newer !== undefined, isBeyondEnd: false };
}

/** What stands before the entry of `key`, and it: entries of one time do not fall between two pages. */
function before(reader: Reader, id: ConversationId, { ms, key }: { ms: number; key?: string }): PlacePage {
  let older = reader.entries(id, { aroundMs: ms + 1, limit: 1 }).older;
  let entries: readonly Entry[] = [];
  const isEnough = (): boolean => {
    const at = entries.findIndex(({ entryId }) => String(entryId) === key);
    return at < 0 ? entries.length > 0 && entries[0]?.atMs !== ms : at > 0;
  };
  for (let limit = PAGE; older !== undefined && !isEnough(); limit = PAGE_MAX) {
    const page = reader.entries(id, { before: older, limit });
    entries = [...page.entries, ...entries];
    older = page.older;
  }
  return { entries, hasOlder: older !== undefined, hasNewer: true, isBeyondEnd: false };
}

function around(reader: Reader, id: ConversationId, place: { ms: number; key?: string }): PlacePage {
  const after = from(reader, id, { ...place, limit: PAGE });
  if (after.entries.length === 0) return { ...endOf(reader, id), isBeyondEnd: true };
  const older = reader.entries(id, { aroundMs: place.ms, limit: 1 }).older;
  const earlier = older === undefined ? undefined : reader.entries(id, { before: older, limit: PAGE });
  return {
    entries: [...(earlier?.entries ?? []), ...after.entries],
    hasOlder: earlier?.older !== undefined,
    hasNewer: after.hasNewer,
    isBeyondEnd: false,
  };
}

/** When the oldest unread message came; pages are read back until all that are unread were seen. */
function firstUnread(reader: Reader, id: ConversationId): number | undefined {
  let left = reader.get(id).unread;
  let first: number | undefined;
  let page = reader.entries(id, { limit: PAGE });
  for (let pages = 0; left > 0 && pages < UNREAD_PAGES_MAX; pages += 1) {
    for (const entry of page.entries.toReversed()) {
      if (entry.direction !== 'in' || !entry.isUnread) continue;
      first = entry.atMs;
      left -= 1;
    }
    if (page.older === undefined) break;
    page = reader.entries(id, { before: page.older, limit: PAGE_MAX });
  }
  return first;
}
