/**
 * Acknowledgements between devices (wire.md §4): sealed, cumulative, never shown and never acknowledged themselves. One says
 * of all devices of a person how far their chains have arrived here; the sender's outbox lives by it.
 */
import { conversationIdFor } from '@kuvert/crypto/session';
import {
  type AckContent,
  CLASSES,
  type ContentId,
  decodeContent,
  encodeContent,
  equalBytes,
  type PersonId,
  READER_VERSION,
  type Receipt,
} from '@kuvert/protocol';
import { type ChainSender, takeToldHead } from './chains/follow.ts';
import { isGroupLane, tellHead } from './chains/own-chain.ts';
import { type Context, newId } from './context.ts';
import { tellOutgoing } from './conversations/outgoing.ts';
import { takeAccepted } from './conversations/own-state.ts';
import { type AcknowledgedChains, isFor } from './groups/ticks.ts';
import { joinReceipts, takeDueReceipt, takeReceipt } from './ticks/receipts.ts';

type Ack = (typeof AckContent)['_zod']['output'];

const CHAINS_MAX = 64;
const CONTENT_IDS_MAX = 256;

/** Queues all acknowledgements that are due. True when there were any. Runs in the operation queue. */
export function queueDueAcks(context: Context): boolean {
  const { store } = context;
  const due = store.messages.listAcksDue();
  if (due.length === 0) return false;
  store.transaction(() => {
    for (const personId of due) queueAck(context, personId);
  });
  return true;
}

function queueAck(context: Context, personId: PersonId): void {
  const { store, own, clock } = context;
  const chains: Ack['chains'] = [];
  const also: ContentId[] = [];
  for (const { state } of store.chains.listFollowed(personId, CHAINS_MAX)) {
    // Beyond a gap that was given up only single messages can be acknowledged: the number would cover the gap.
    const isWhole = state.lost.length === 0;
    if (isWhole && state.seq > 0) chains.push({ chain: state.id, seq: state.seq, link: state.link });
    const after = isWhole ? state.seq : (state.lost[0]?.from ?? 1) - 1;
    const room = CONTENT_IDS_MAX - also.length;
    if (!isWhole || state.ahead.length > 0)
      also.push(...store.messages.listContentIdsBeyond(state.id, after, room));
  }
  store.messages.clearAckDue(personId);
  if (chains.length === 0 && also.length === 0) return;
  const chain = store.chains.getOwn(conversationIdFor(own.tenantId, own.personId, personId));
  const head = tellHead(context, chain);
  const receipt = joinReceipts([
    ...store.outbox.takeUnsealed(personId, 'ack').map((content) => receiptIn(content)),
    takeDueReceipt(context, personId),
  ]);
  store.outbox.add({
    contentId: newId(context, 'content'),
    kind: 'ack',
    class: CLASSES.control,
    toMail: undefined,
    toPerson: personId,
    content: encodeContent({
      kind: 'ack',
      minReader: READER_VERSION,
      chains,
      also,
      ...(head && { head }),
      ...(receipt && { receipt }),
    }),
    sentAtMs: clock.now(),
  });
}

/** The receipt that an acknowledgement carries which was not sealed yet and is replaced. */
function receiptIn(bytes: Uint8Array): Receipt | undefined {
  const content = decodeContent(bytes);
  return content.kind === 'ack' ? content.receipt : undefined;
}

/**
 * Takes an acknowledgement of a verified device. False when it contradicts what was sent.
 * @param inGroups gets the chains to groups that it is about, for `GroupSettling`
 */
export function takeAck(
  context: Context,
  sender: ChainSender,
  { ack, inGroups }: { readonly ack: Ack; readonly inGroups: AcknowledgedChains },
): boolean {
  const { store, clock } = context;
  let isConsistent = ack.head === undefined || takeToldHead(context, sender, ack.head);
  for (const { chain, seq, link } of ack.chains) {
    const own = store.chains.findOwn(chain);
    // Chains of other devices of ours stand in the same acknowledgement.
    if (own === undefined || !isFor(context, own, sender.personId) || seq === 0) continue;
    const row = store.outbox.findByChain(chain, seq);
    if (row?.chain === undefined || !equalBytes(row.chain.linkAfter, link)) {
      isConsistent = false;
      continue;
    }
    if (isGroupLane(own.personId)) {
      store.groups.putAck(chain, sender.device, seq);
      inGroups.set(chain, own.personId);
    } else store.outbox.acknowledgeChain(chain, seq, sender.device, clock.now());
  }
  if (ack.receipt !== undefined) takeReceipt(context, sender, ack.receipt);
  for (const contentId of ack.also) store.outbox.acknowledgeContent(contentId, sender.device, clock.now());
  takeAccepted(context);
  tellOutgoing(context, sender.personId);
  return isConsistent;
}
