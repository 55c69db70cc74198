/** What a person writes, checked as those who read it will check it, and put into the outbox. */
import {
  CHANGE_SCHEMAS,
  type ChangeContent,
  type ContentId,
  type ConversationId,
  KuvertError,
  type Mention,
  READER_VERSION,
  SHOWN_SCHEMAS,
  type ShownContent,
  TEXT_LIMITS,
  utf8,
} from '@kuvert/protocol';
import type { Context } from '../context.ts';
import { takeChange } from './amending.ts';
import { detailsOf } from './details.ts';
import { queueMessage, queueShown, recipientOf } from './outgoing.ts';
import { captionOf, shownOf } from './shown.ts';
import type { EntryRow } from './store.ts';

type Distribute<T> = T extends unknown ? Omit<T, 'minReader' | 'timerMs'> : never;

/** Content as a person gives it: without what is filled in for them. */
export type Draft = Distribute<ShownContent>;

/** @throws KuvertError `text_not_utf8`, `text_too_long`, also for what is said about a file */
function checkText(text: string): string {
  if (!text.isWellFormed()) throw new KuvertError('text_not_utf8');
  // A string has at most as many code points as code units, so most texts need no count.
  if (text.length > TEXT_LIMITS.codePointsMax) {
    let codePoints = 0;
    for (const _ of text) codePoints++;
    if (codePoints > TEXT_LIMITS.codePointsMax) throw new KuvertError('text_too_long');
  }
  if (text.length > TEXT_LIMITS.bytesMax / 3 && utf8(text).length > TEXT_LIMITS.bytesMax) {
    throw new KuvertError('text_too_long');
  }
  return text;
}

/** The content of a draft. @throws KuvertError `content_invalid` with {field}, `text_too_long`, `text_not_utf8` */
export function contentOf(draft: Draft): ShownContent {
  if ('text' in draft && draft.text !== undefined) checkText(draft.text);
  // Nobody could tell what a vote for one of two equal answers means. What others have made so is shown all the same.
  if ('options' in draft && new Set(draft.options).size < draft.options.length) throw invalid('options');
  const content = { ...draft, minReader: READER_VERSION };
  return checked(SHOWN_SCHEMAS, content) as ShownContent;
}

/** @see Conversations.write. Has to run in a transaction, like all below. */
export function writeDraft(context: Context, conversationId: ConversationId, draft: Draft): ContentId {
  return queueShown(context, conversationId, contentOf(draft));
}

/** @see Conversations.edit */
export function editMessage(
  context: Context,
  row: EntryRow,
  text: string,
  mentions: readonly Mention[] | undefined,
): ContentId {
  const content = ownContent(context, row);
  if (captionOf(content) === undefined) throw new KuvertError('not_editable');
  // Who wants nothing to stand there deletes it, so that others see that there was something.
  if (content.kind === 'text' && text === '') throw invalid('text');
  checkText(text);
  const stamp = nextStamp(context, row, 'edit');
  return queueChange(context, row, {
    kind: 'edit',
    minReader: READER_VERSION,
    message: row.contentId,
    text,
    ...(mentions && { mentions: [...mentions] }),
    stamp,
  });
}

/** @see Conversations.react */
export function reactTo(context: Context, row: EntryRow, emoji: string): ContentId {
  shownContent(row);
  // A sign or one word; who has more to say answers.
  if (/\s/u.test(emoji)) throw invalid('emoji');
  const stamp = nextStamp(context, row, 'reaction');
  return queueChange(context, row, {
    kind: 'reaction',
    minReader: READER_VERSION,
    to: refTo(row),
    emoji,
    stamp,
  });
}

/** @see Conversations.vote */
export function voteIn(context: Context, row: EntryRow, choices: readonly number[]): ContentId {
  const content = shownContent(row);
  const { poll } = detailsOf(context, row, content);
  if (content.kind !== 'poll' || poll === undefined) throw invalid('poll');
  if (poll.endedAtMs !== undefined) throw new KuvertError('poll_over');
  const isThere = (choice: number) =>
    Number.isInteger(choice) && choice >= 0 && choice < content.options.length;
  if (!choices.every(isThere) || (!content.isMultiple && choices.length > 1)) throw invalid('choices');
  const stamp = nextStamp(context, row, 'vote');
  const to = refTo(row);
  return queueChange(context, row, {
    kind: 'vote',
    minReader: READER_VERSION,
    to,
    choices: [...new Set(choices)],
    stamp,
  });
}

/** @see Conversations.endPoll */
export function endPoll(context: Context, row: EntryRow): ContentId {
  if (ownContent(context, row).kind !== 'poll') throw invalid('poll');
  const stamp = nextStamp(context, row, 'poll-end');
  return queueChange(context, row, {
    kind: 'poll-end',
    minReader: READER_VERSION,
    message: row.contentId,
    stamp,
  });
}

/** The message as others name it. */
function refTo(row: Pick<EntryRow, 'contentId' | 'senderPerson'>) {
  return { message: row.contentId, author: row.senderPerson };
}

function queueChange(context: Context, row: EntryRow, change: ChangeContent): ContentId {
  const { own } = context;
  const content = checked(CHANGE_SCHEMAS, change) as ChangeContent;
  const { conversationId } = row;
  const contentId = queueMessage(context, {
    ...recipientOf(context, conversationId),
    content,
    entry: { kind: 'removed', content: new Uint8Array(), timerMs: undefined },
  });
  const atMs = Math.floor(context.serverOffset.now());
  takeChange(context, { conversationId, who: own.personId, device: own.deviceId, contentId, atMs, content });
  return contentId;
}

function shownContent(row: EntryRow): ShownContent {
  const content = shownOf(row);
  if (content === undefined)
    throw new KuvertError(row.kind === 'too-new' ? 'message_too_new' : 'message_unknown');
  return content;
}

function ownContent({ own }: Context, row: EntryRow): ShownContent {
  const content = shownContent(row);
  if (row.senderPerson !== own.personId) throw new KuvertError('not_own_message');
  return content;
}

/** Later than all that this person has said of it, so that what is done last holds although clocks differ. */
function nextStamp(
  { store, own, serverOffset }: Context,
  row: EntryRow,
  kind: ChangeContent['kind'],
): number {
  const before = store.changes
    .list(row.contentId, row.senderPerson)
    .filter((change) => change.kind === kind && change.who === own.personId)
    .map(({ stampMs }) => stampMs);
  return Math.max(Math.floor(serverOffset.now()), ...before.map((stamp) => stamp + 1));
}

function checked(
  schemas: readonly (typeof SHOWN_SCHEMAS)[number][] | readonly (typeof CHANGE_SCHEMAS)[number][],
  content: { readonly kind: string },
): unknown {
  const schema = schemas.find(({ shape }) => shape.kind.value === content.kind);
  const parsed = schema?.safeParse(content);
  if (!parsed?.success) throw invalid(String(parsed?.error.issues[0]?.path.join('.') ?? 'kind'));
  return parsed.data;
}

function invalid(field: string): KuvertError {
  return new KuvertError('content_invalid', { details: { field } });
}
