import { type EventData, LIFETIME_MS } from '@kuvert/protocol';
import { keepTombstone } from './chains/gaps.ts';
import type { Context } from './context.ts';
import { findNameless } from './nameless-notice.ts';

/** No envelope expires sooner after it was accepted. */
const LIFETIME_SHORTEST_MS = Math.min(...Object.values(LIFETIME_MS));

/**
 * The server says that messages have expired. Believed only when their time can have run out (wire.md §4): a server that calls
 * withheld messages expired is told apart by that.
 */
export function takeExpired(context: Context, told: EventData<'expired'>): void {
  const { store, clock, serverOffset } = context;
  const isPossible = serverOffset.now() >= told.toMs + LIFETIME_SHORTEST_MS;
  const kind = isPossible ? 'messages_expired' : 'refused';
  store.transaction(() => {
    const before = isPossible ? (findNameless(context, kind)?.count ?? 0) : 0;
    store.notices.add({ kind, atMs: clock.now(), ...(isPossible && { count: before + told.count }) });
    if (isPossible) {
      keepTombstone(context, told);
      context.historyMissed();
    }
  });
}
