import type { Context } from './context.ts';

/**
 * This profile was put back from a copy (the server has seen a later state of it): its ratchets and chain numbers were used by the
 * state that is gone, so others would take what goes out under them for something they have seen. All sessions and chains begin anew,
 * what waits is made anew under the same content ids, and the person is told.
 */
export function afterRestore({ store, clock, historyMissed }: Context): void {
  store.transaction(() => {
    store.sessions.markAllForRenewal();
    store.chains.forgetOwn();
    store.outbox.unmakeWaiting();
    store.notices.add({ kind: 'profile_restored', atMs: clock.now() });
  });
  historyMissed();
}
