/** Whether messages to a person wait until their keys were compared or accepted: when policy or the sender asks for that (B6). */
import { equalBytes, type PersonId } from '@kuvert/protocol';
import type { Context } from '../context.ts';
import type { KnownAccount } from '../store.ts';
import { effectiveSetting } from '../ticks/settings.ts';

/** True while nothing may go out under these keys. */
export function awaitsConfirmation(
  context: Context,
  account: Pick<KnownAccount, 'personId' | 'pin'>,
): boolean {
  const { personId } = account;
  if (personId === context.own.personId) return false;
  const { value } = effectiveSetting(context, 'askBeforeSending', personId);
  if (value === 'never') return false;
  const { verifiedKey, acceptedKey, changedKey } = context.store.trust.get(personId);
  const isPresent = (key: Uint8Array | undefined) =>
    key !== undefined && equalBytes(key, account.pin.accountKey);
  if (isPresent(verifiedKey) || isPresent(acceptedKey)) return false;
  return value === 'unverified' || isPresent(changedKey);
}

/** True when even somebody who was never written to is to be confirmed first. */
export function isAskedAtFirst(context: Context, personId: PersonId): boolean {
  const isOwn = personId === context.own.personId;
  return !isOwn && effectiveSetting(context, 'askBeforeSending', personId).value === 'unverified';
}
