/**
 * What one's own devices tell each other: a lane to oneself, whose rows go to all own devices but this one. To somebody with one
 * device there is nobody to tell, and the row is gone when its turn comes.
 */
import {
  CLASSES,
  type ContentId,
  encodeContent,
  type KnownContent,
  type SubmitClass,
} from '@kuvert/protocol';
import { type Context, newId } from './context.ts';

/**
 * Queues content for all other devices of one's own. Call it in the transaction of what it tells, and kick the sender afterwards.
 * @param entry.contentId a fresh one unless given
 * @param entry.class `control` (no chain number, for what is no message) unless given
 */
export function queueForOwnDevices(
  context: Context,
  entry: { readonly content: KnownContent; readonly class?: SubmitClass; readonly contentId?: ContentId },
): ContentId {
  const { store, own, clock } = context;
  const contentId = entry.contentId ?? newId(context, 'content');
  store.outbox.add({
    contentId,
    kind: entry.content.kind,
    class: entry.class ?? CLASSES.control,
    toMail: undefined,
    toPerson: own.personId,
    content: encodeContent(entry.content),
    sentAtMs: clock.now(),
  });
  return contentId;
}

/** True when there is another device to be kept in step. */
export function hasOtherDevices({ store, own }: Context): boolean {
  const account = store.directory.getAccount(own.personId);
  return account?.list.devices.some(({ device }) => device !== own.deviceId) ?? false;
}
