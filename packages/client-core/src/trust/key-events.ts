/** What people are told in a conversation when the other side's keys or devices change (B6): never nothing. */
import type { KeyChangeKind } from '@kuvert/crypto/identity';
import { equalBytes } from '@kuvert/protocol';
import type { Context } from '../context.ts';
import type { KnownAccount } from '../store.ts';
import { effectiveSetting } from '../ticks/settings.ts';

/** Tells what is different in what was verified of another person. Runs in the transaction that keeps it. */
export function tellKeyChanges(
  context: Context,
  before: KnownAccount,
  after: KnownAccount,
  keyChange: KeyChangeKind | undefined,
): void {
  const { store, own, clock } = context;
  const { personId } = after;
  if (personId === own.personId) return;
  const atMs = clock.now();
  const accountKey = Uint8Array.from(after.pin.accountKey);
  if (!equalBytes(before.pin.accountKey, accountKey)) {
    const { verifiedKey } = store.trust.get(personId);
    const wasVerified = verifiedKey !== undefined && equalBytes(verifiedKey, before.pin.accountKey);
    store.trust.setChanged(personId, accountKey);
    // Who vouches for the new key is as much news as that there is one.
    if (keyChange === 'reset') store.notices.add({ kind: 'key_reset', atMs, personId });
    if (wasVerified) store.notices.add({ kind: 'verification_lost', atMs, personId });
    else if (keyChange !== 'reset') store.notices.add({ kind: 'keys_changed', atMs, personId });
  }
  if (effectiveSetting(context, 'deviceChanges', personId).value === 'off') return;
  const idsOf = (account: KnownAccount) => new Set(account.list.devices.map(({ device }) => device));
  const [were, are] = [idsOf(before), idsOf(after)];
  for (const deviceId of are) {
    if (!were.has(deviceId)) store.notices.add({ kind: 'person_device_added', atMs, personId, deviceId });
  }
  for (const deviceId of were) {
    if (!are.has(deviceId)) store.notices.add({ kind: 'person_device_removed', atMs, personId, deviceId });
  }
}
