import type { Context } from './context.ts';
import { loadRecord, VALUES } from './own-device.ts';

/** When the server has welcomed this profile last, by its clock; kept so that one that is put back from a copy knows how old it is. */
export interface LastWelcome {
  readonly atMs: number;
}

/**
 * This profile was put back from a copy (the server has seen a later state of it): its ratchets and chain numbers were used by the
 * state that is gone, so others would take what goes out under them for something they have seen. All sessions and chains begin anew,
 * what waits is made anew under the same content ids, and the person is told since when something may be missing.
 */
export function afterRestore({ store, own, historyMissed }: Context): void {
  const lastMet = loadRecord<LastWelcome>(store.values, VALUES.lastWelcome);
  const atMs = lastMet?.atMs ?? own.enrolledAtMs;
  store.transaction(() => {
    store.sessions.markAllForRenewal();
    store.chains.forgetOwn();
    store.outbox.unmakeWaiting();
    store.notices.add({ kind: 'profile_restored', atMs });
  });
  historyMissed();
}
