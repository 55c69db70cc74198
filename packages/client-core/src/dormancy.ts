import type { EventData } from '@kuvert/protocol';
import type { Context } from './context.ts';
import { findNameless } from './nameless-notice.ts';
import { hasOtherDevices } from './own-lane.ts';

/**
 * The server says that this device was away for too long and that it gave up what was meant for it (wire.md §4). The other devices of the
 * person are asked for it; without any, the notice says what is missing. It excuses no gap: a server could say so of anything, so what
 * does not come back is still named by the chains (P3).
 */
export function takeDormancy(context: Context, told: EventData<'dormant'>): void {
  const { store, historyMissed } = context;
  store.transaction(() => {
    const kind = hasOtherDevices(context) ? 'was_dormant' : 'was_dormant_alone';
    const before = findNameless(context, kind);
    const count = (before?.count ?? 0) + told.count;
    store.notices.add({ kind, atMs: Math.min(before?.atMs ?? told.fromMs, told.fromMs), count });
  });
  historyMissed();
}
