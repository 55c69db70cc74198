/** What a search over all conversations finds, as the chat shows it. */
import type { Profile } from '@kuvert/client-core/node';
import type { SearchHit } from './model.ts';

/** Found messages that are shown; more words narrow it down. */
const HITS_MAX = 200;

/** The newest messages that fit what was typed, with whom they were written. */
export function searchHits({ conversations }: Profile, query: string): SearchHit[] {
  const { found } = conversations.search(query, { limit: HITS_MAX });
  const names = new Map(conversations.list().map(({ conversationId, peer }) => [conversationId, peer]));
  return found.map(({ entry, matches }) => {
    const peer = names.get(entry.conversationId);
    const name = peer?.name ?? peer?.mail ?? '';
    return {
      conversationId: entry.conversationId,
      key: String(entry.entryId),
      name,
      author: entry.sender?.name ?? name,
      isOwn: entry.direction === 'out',
      atMs: entry.atMs,
      text: entry.text,
      matches,
    };
  });
}
