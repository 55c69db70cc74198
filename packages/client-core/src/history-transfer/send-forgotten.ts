/**
 * A device that was put back from a copy has forgotten what it sent since: nobody can ask it again for what they could not open, and whoever was
 * put back too may never have had it. Another device of its person has given those messages back as history, so what nobody is known to have goes
 * out once more under its old content id: its reader drops it where it is there already, and acknowledges it either way (P1).
 */
import { CLASSES, encodeContent, LIFETIME_MS } from '@kuvert/protocol';
import { isGroupLane } from '../chains/own-chain.ts';
import type { Context } from '../context.ts';
import { shownOf } from '../conversations/shown.ts';

/** What is older has run out in every mailbox, and its readers were told so. */
const SENT_AGAIN_MS = LIFETIME_MS[1];

/**
 * Queues what this device has forgotten and nobody is known to have. To a group it is not sent again: other members have it, and what they have
 * acknowledged is known for each of them alone. Has to run in a transaction.
 */
export function sendForgotten({ store, own, serverOffset, changes }: Context): void {
  for (const row of store.transfers.listForgottenSent(own.deviceId, serverOffset.now() - SENT_AGAIN_MS)) {
    const { contentId, conversationId, chain, writtenAtMs, timerMs } = row;
    const to = store.conversations.get(conversationId)?.personId;
    const content = shownOf(row);
    if (to === undefined || to === own.personId || isGroupLane(to) || content === undefined) continue;
    const isHad = chain !== undefined && store.receipts.furthest(to, chain.id, chain.seq) !== undefined;
    if (isHad) continue;
    store.outbox.add({
      contentId,
      kind: content.kind,
      class: CLASSES.message,
      toMail: undefined,
      toPerson: to,
      content: encodeContent(timerMs === undefined ? content : { ...content, timerMs }),
      sentAtMs: writtenAtMs,
    });
    changes.entriesOf(conversationId);
  }
}
