/** How far a message of one's own has come. */
import { CLASSES, type ContentId, type DeviceId, KuvertError } from '@kuvert/protocol';
import type { Context } from './context.ts';
import type { Conversations } from './conversations/conversations.ts';
import { stateOf } from './history.ts';
import type { OutboxRow } from './store.ts';
import type { SendResult } from './types.ts';

/** Also of one that another device of one's own has sent. @throws KuvertError `message_unknown` */
export function statusOf(
  context: Context,
  conversations: Conversations,
  messageId: ContentId,
): Omit<SendResult, 'messageId'> {
  const row = context.store.outbox.findByContentId(messageId);
  if (row === undefined) return statusElsewhere(conversations, messageId);
  if (row.class !== CLASSES.message) throw new KuvertError('message_unknown');
  const dormant = leftOut(context, row);
  return {
    state: stateOf(context, row),
    ...(row.problem && { problem: row.problem }),
    ...(dormant.length > 0 && { dormant }),
  };
}

/** Not those that are out of the list: nothing is meant for them. */
function leftOut({ store: { outbox, directory } }: Context, { seq, toPerson }: OutboxRow): DeviceId[] {
  const listed = toPerson && directory.getAccount(toPerson)?.list.devices;
  return outbox.listLeftOut(seq).filter((id) => listed?.some(({ device }) => device === id));
}

/** Of a message that another device of one's own has sent. */
function statusElsewhere(conversations: Conversations, messageId: ContentId): Omit<SendResult, 'messageId'> {
  const sent = conversations.find(messageId).find(({ direction }) => direction === 'out');
  if (sent?.state === undefined) throw new KuvertError('message_unknown');
  return { state: sent.state };
}
