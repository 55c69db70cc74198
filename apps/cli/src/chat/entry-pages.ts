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
      return from(reader, id, 0, PAGE);
    case 'unread': {
      const ms = firstUnread(reader, id);
      return ms === undefined ? endOf(reader, id) : around(reader, id, ms);
    }
    case 'around':
      return around(reader, id, place.ms);
    case 'before':
      return before(reader, id, place.ms);
    case 'after':
      return from(reader, id, place.ms, PAGE);
    case 'again':
      return from(reader, id, place.ms, Math.min(PAGE_MAX, place.count));
  }
}

function endOf(reader: Reader, id: ConversationId): PlacePage {
  const page = reader.entries(id, { limit: PAGE });
  return { entries: page.entries, hasOlder: page.older !== undefined, hasNewer: false, isBeyondEnd: false };
}

/** From a time on. */
function from(reader: Reader, id: ConversationId, aroundMs: number, limit: number): PlacePage {
  const page = reader.entries(id, { aroundMs, limit });
  const hasOlder = page.older !== undefined;
  return { entries: page.entries, hasOlder, hasNewer: page.newer !== undefined, isBeyondEnd: false };
}

/** Up to and with a time: several entries may have the same, and none of them may fall between two pages. */
function before(reader: Reader, id: ConversationId, ms: number): PlacePage {
  const after = reader.entries(id, { aroundMs: ms + 1, limit: 1 });
  if (after.older === undefined) return { entries: [], hasOlder: false, hasNewer: true, isBeyondEnd: false };
  const page = reader.entries(id, { before: after.older, limit: PAGE });
  return { entries: page.entries, hasOlder: page.older !== undefined, hasNewer: true, isBeyondEnd: false };
}

function around(reader: Reader, id: ConversationId, ms: number): PlacePage {
  const after = reader.entries(id, { aroundMs: ms, limit: PAGE });
  if (after.entries.length === 0) return { ...endOf(reader, id), isBeyondEnd: true };
  const earlier =
    after.older === undefined ? undefined : reader.entries(id, { before: after.older, limit: PAGE });
  return {
    entries: [...(earlier?.entries ?? []), ...after.entries],
    hasOlder: earlier?.older !== undefined,
    hasNewer: after.newer !== undefined,
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
