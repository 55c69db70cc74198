/** Messages that have arrived and fit into their chain, taken into their conversations. */
import type { FrameHeader } from '@kuvert/crypto/session';
import {
  type ChangeContent,
  type Content,
  decodeContent,
  encodeCbor,
  encodeContent,
  InvalidContentError,
  isChange,
  isShown,
  type KnownContent,
  type ShownContent,
} from '@kuvert/protocol';
import type { ChainSender } from '../chains/follow.ts';
import type { Context } from '../context.ts';
import { settleEdits, takeChange } from './amending.ts';
import { takeBack } from './deleting.ts';
import { startTimers } from './disappearing.ts';
import { conversationWith } from './known.ts';
import { takeSetting } from './settings.ts';
import { storedForm } from './shown.ts';
import type { NewEntry } from './store.ts';
import { noteTimerOf } from './timers.ts';

/** Kinds that travel as messages, with a number in the chain. */
export type MessageContent =
  | ShownContent
  | ChangeContent
  | Extract<Content, { kind: 'too-new' | 'timer' | 'delete' | 'sent' }>;
const OTHER_KINDS: readonly string[] = ['too-new', 'timer', 'delete', 'sent'];

/** True for what travels as a message. */
export function isMessageContent(content: Content): content is MessageContent {
  return isShown(content) || isChange(content) || OTHER_KINDS.includes(content.kind);
}

/** A sender's clock is believed within this of the server's. */
const CLOCK_TOLERANCE_MS = 5 * 60_000;
const NOTHING = new Uint8Array();

/** A message that was checked. */
export interface ArrivedMessage {
  readonly header: FrameHeader;
  readonly content: MessageContent;
  readonly acceptedAtMs: number;
}

/** Keeps a message. True when there is something new to show. Has to run in a transaction. */
export function keepArrived(context: Context, sender: ChainSender, arrived: ArrivedMessage): boolean {
  const { store, changes } = context;
  const { header, content, acceptedAtMs } = arrived;
  const conversationId =
    content.kind === 'sent' || header.group !== undefined
      ? header.conversation
      : conversationWith(context, sender.personId);
  changes.entriesOf(conversationId);
  if (header.group !== undefined && sender.personId === context.own.personId) {
    keepOwn(context, sender, { ...arrived, conversationId });
    return false;
  }
  const chain = header.chain && { id: header.chain.id, seq: header.chain.seq };
  const base = {
    conversationId,
    senderDevice: sender.device,
    senderPerson: sender.personId,
    contentId: header.contentId,
    writtenAtMs: header.sentAtMs,
    acceptedAtMs,
    chain,
  };
  const atMs = clamp(header.sentAtMs, acceptedAtMs);
  const seen = {
    ...base,
    direction: 'in',
    atMs,
    isUnread: false,
    isPrinted: true,
    timerMs: undefined,
  } as const;
  if (isChange(content)) {
    const { device, personId: who } = sender;
    const isTaken = takeChange(context, {
      conversationId,
      who,
      device,
      contentId: header.contentId,
      atMs,
      content,
    });
    // No entry of its own, but `inbox` tells of it.
    const bytes = isTaken ? encodeContent(content) : NOTHING;
    return store.entries.add({ ...seen, kind: 'removed', content: bytes, isPrinted: !isTaken });
  }
  if (isShown(content) || content.kind === 'too-new') {
    const isRemoved = store.entries.takeEarlyDeletion(header.contentId, sender.device);
    const isTakenBack = store.entries.takeEarlyDeletion(header.contentId, sender.personId);
    if (isRemoved || isTakenBack) {
      store.changes.forget(header.contentId, sender.personId);
      return store.entries.add({ ...seen, kind: isRemoved ? 'removed' : 'deleted', content: NOTHING });
    }
    const timerMs = content.kind === 'too-new' ? undefined : content.timerMs;
    const readAtMs = store.reading.findReadAt(header.contentId, chain);
    const message = { ...base, sentAtMs: atMs, ...keptForm(content), timerMs };
    const isNew = store.messages.add({ ...message, isRead: readAtMs !== undefined });
    if (!isNew) return false;
    if (isShown(content)) noteTimerOf(context, { conversationId, timerMs, atMs });
    const rows = store.entries.find(header.contentId, sender.device);
    for (const row of rows) settleEdits(context, row);
    if (readAtMs !== undefined) startTimers(context, rows, readAtMs);
    return true;
  }
  switch (content.kind) {
    case 'timer':
      return store.entries.add({ ...seen, ...keepTimer(context, sender, conversationId, content) });
    case 'delete':
      takeBack(context, sender.personId, content.messages);
      return store.entries.add({ ...seen, kind: 'removed', content: NOTHING });
    case 'sent':
      keepSentElsewhere(context, sender, content);
      return store.entries.add({ ...seen, kind: 'removed', content: NOTHING });
  }
}

/** How content is kept, also such as only a newer release can show. */
function keptForm(content: ShownContent | Extract<Content, { kind: 'too-new' }>) {
  if (content.kind !== 'too-new') return storedForm(content) as { kind: 'text' | 'content'; content: Bytes };
  return { kind: content.kind, content: Uint8Array.from(content.bytes) };
}

type Bytes = Uint8Array<ArrayBuffer>;
type Sent = Extract<KnownContent, { kind: 'sent' }>;

/** A copy of what another device of one's own has sent. */
function keepSentElsewhere(context: Context, sender: ChainSender, sent: Sent): void {
  const { changes } = context;
  const content = decodeInner(sent.content);
  if (content === undefined) return;
  const conversationId = conversationWith(context, sent.to);
  changes.entriesOf(conversationId);
  keepOut(context, sender, { ...sent, conversationId, content });
}

/** What another device of one's own has written into a group. */
function keepOwn(
  context: Context,
  sender: ChainSender,
  arrived: ArrivedMessage & { readonly conversationId: NewEntry['conversationId'] },
): void {
  const { header, content, acceptedAtMs, conversationId } = arrived;
  if (content.kind === 'sent') return;
  keepOut(context, sender, {
    conversationId,
    content,
    contentId: header.contentId,
    sentAt: header.sentAtMs,
    acceptedAt: acceptedAtMs,
    chain: header.chain && { chain: header.chain.id, seq: header.chain.seq },
  });
}

/** A message that another device of one's own has sent, as an entry. */
function keepOut(
  context: Context,
  sender: ChainSender,
  sent: Pick<Sent, 'contentId' | 'sentAt' | 'acceptedAt'> & {
    readonly chain?: Sent['chain'] | undefined;
    readonly conversationId: NewEntry['conversationId'];
    readonly content: Content;
  },
): void {
  const { store, own } = context;
  const { content, conversationId } = sent;
  const entry: Omit<NewEntry, 'kind' | 'content' | 'timerMs'> = {
    conversationId,
    direction: 'out',
    contentId: sent.contentId,
    senderDevice: sender.device,
    senderPerson: own.personId,
    atMs: sent.sentAt,
    writtenAtMs: sent.sentAt,
    acceptedAtMs: sent.acceptedAt,
    chain: sent.chain && { id: sent.chain.chain, seq: sent.chain.seq },
    isUnread: false,
    isPrinted: true,
  };
  const isRemoved = store.entries.takeEarlyDeletion(sent.contentId, sender.device);
  const isGone = store.entries.takeEarlyDeletion(sent.contentId, own.personId) || isRemoved;
  if (isGone) {
    const kind = isRemoved ? 'removed' : 'deleted';
    store.entries.add({ ...entry, kind, content: NOTHING, timerMs: undefined });
    store.changes.forget(sent.contentId, own.personId);
  } else if (isShown(content) || content.kind === 'too-new') {
    const timerMs = content.kind === 'too-new' ? undefined : content.timerMs;
    store.entries.add({ ...entry, ...keptForm(content), timerMs });
    if (isShown(content)) noteTimerOf(context, { conversationId, timerMs, atMs: sent.sentAt });
    const rows = store.entries.find(sent.contentId, sender.device);
    for (const row of rows) settleEdits(context, row);
    startTimers(context, rows, sent.acceptedAt);
  } else if (isChange(content)) {
    const { contentId } = sent;
    const from = { conversationId, who: own.personId, device: sender.device, contentId, atMs: sent.sentAt };
    takeChange(context, { ...from, content });
    store.entries.add({ ...entry, kind: 'removed', content: NOTHING, timerMs: undefined });
  } else if (content.kind === 'timer') {
    store.entries.add({ ...entry, ...keepTimer(context, sender, conversationId, content) });
  } else if (content.kind === 'delete') {
    takeBack(context, own.personId, content.messages);
    store.entries.add({ ...entry, kind: 'removed', content: NOTHING, timerMs: undefined });
  }
}

function decodeInner(bytes: Uint8Array): Content | undefined {
  try {
    return decodeContent(bytes);
  } catch (error) {
    if (error instanceof InvalidContentError) return undefined;
    throw error;
  }
}

/** Takes a setting. @returns how it stands in the conversation: what was told once more, and was known, not at all */
function keepTimer(
  context: Context,
  sender: ChainSender,
  conversationId: NewEntry['conversationId'],
  { timerMs, stamp, isAgain }: Extract<KnownContent, { kind: 'timer' }>,
): Pick<NewEntry, 'kind' | 'content' | 'timerMs'> {
  const isNews = takeSetting(context, {
    conversationId,
    name: 'timer',
    value: encodeCbor(timerMs),
    stampMs: stamp,
    device: sender.device,
  });
  const isShown = isNews || isAgain !== true;
  return isShown
    ? { kind: 'timer', content: NOTHING, timerMs: timerMs || undefined }
    : { kind: 'removed', content: NOTHING, timerMs: undefined };
}

function clamp(sentAtMs: number, acceptedAtMs: number): number {
  return Math.min(Math.max(sentAtMs, acceptedAtMs - CLOCK_TOLERANCE_MS), acceptedAtMs + CLOCK_TOLERANCE_MS);
}
