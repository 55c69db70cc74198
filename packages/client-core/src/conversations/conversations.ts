/**
 * Conversations as a screen shows them: the list, the entries of one, what is unread, and what a person sets. Everything reads from
 * and writes to the container, at once; nothing here waits for a network. {@link Conversations.onChanged} says when to read again.
 */

import { memberOf } from '@kuvert/crypto/groups';
import {
  type ContentId,
  type ConversationId,
  type GroupId,
  KuvertError,
  type Mention,
  type PersonId,
  TEXT_LIMITS,
  utf8,
} from '@kuvert/protocol';
import { isGroupLane } from '../chains/own-chain.ts';
import type { Context } from '../context.ts';
import { type SearchOptions, type SearchPage, searchMessages } from '../search/search.ts';
import { type Draft, editMessage, endPoll, reactTo, voteIn, writeDraft } from './composing.ts';
import { deleteMessages } from './deleting.ts';
import { versionsOf } from './details.ts';
import { viewOf } from './entry-view.ts';
import { conversationAt, conversationWith } from './known.ts';
import { readUpTo } from './reading.ts';
import { DRAFT_MAX, readSettings, type SettingName, type SettingValues, writeSetting } from './settings.ts';
import type { ConversationRow, EntryPlace, EntryRow, ListedEntry } from './store.ts';
import { changeTimer } from './timers.ts';
import {
  type ConversationChanges,
  type ConversationSummary,
  type DeletionScope,
  type EntriesOptions,
  type Entry,
  type EntryCursor,
  type EntryId,
  type EntryPage,
  type MessageEntry,
  type MessageVersion,
  MUTED_FOR_EVER_MS,
  type Peer,
} from './types.ts';

const CONVERSATIONS_MAX = 100_000;
const PAGE_DEFAULT = 50;
const PAGE_MAX = 1_000;
const PREVIEW_CHARACTERS = 200;

/** @see the top of this file */
export class Conversations {
  readonly #context: Context;
  readonly #onOutgoing: () => void;

  /** @param onOutgoing something was put into the outbox */
  constructor(context: Context, onOutgoing: () => void) {
    this.#context = context;
    this.#onOutgoing = onOutgoing;
  }

  /** All conversations: pinned ones first, then those with the newest entries. */
  list(): ConversationSummary[] {
    const { store, serverOffset } = this.#context;
    const unread = store.conversations.countUnread();
    const settings = readSettings(store.conversations.listSettings());
    const problems = new Set(
      store.conversations.listWithProblem().flatMap(({ personId, mail }) => [personId, mail]),
    );
    const nowMs = serverOffset.now();
    const summaries = store.conversations.list(CONVERSATIONS_MAX).map((row): ConversationSummary => {
      const { conversationId } = row;
      const [newest] = store.entries.list(conversationId, { from: 'end' }, 1);
      const last = newest && cutPreview(viewOf(this.#context, newest));
      const values = settings.get(conversationId);
      const mutedUntilMs = values?.mutedUntil ?? 0;
      return {
        conversationId,
        ...this.#sideOf(row),
        last,
        lastAtMs: last?.atMs ?? row.createdAtMs,
        unread: unread.get(conversationId) ?? 0,
        isPinned: values?.pinned ?? false,
        mutedUntilMs: mutedUntilMs > nowMs ? this.#localTime(mutedUntilMs) : undefined,
        draft: values?.draft ?? '',
        timerMs: values?.timer || undefined,
        hasProblem: problems.has(row.personId ?? row.mail),
      };
    });
    return summaries.sort(
      (a, b) =>
        Number(b.isPinned) - Number(a.isPinned) ||
        b.lastAtMs - a.lastAtMs ||
        (a.conversationId < b.conversationId ? -1 : 1),
    );
  }

  /** One conversation as it stands in the list. @throws KuvertError `not_found` */
  get(conversationId: ConversationId): ConversationSummary {
    const found = this.list().find((summary) => summary.conversationId === conversationId);
    if (found === undefined) throw new KuvertError('not_found');
    return found;
  }

  /** The conversation with an address, also before anything was written; sending to it makes the same one. */
  withMail(mail: string): ConversationId {
    return this.#context.store.transaction(() => conversationAt(this.#context, mail));
  }
  /** @see Conversations.withMail */
  withPerson(personId: PersonId): ConversationId {
    return this.#context.store.transaction(() => conversationWith(this.#context, personId));
  }

  /** A page of entries, oldest first; without a place the newest ones. */
  entries(conversationId: ConversationId, options: EntriesOptions = {}): EntryPage {
    const { entries } = this.#context.store;
    const limit = Math.min(Math.max(1, Math.floor(options.limit ?? PAGE_DEFAULT)), PAGE_MAX);
    const { before, after, aroundMs } = options;
    const isForward = after !== undefined || aroundMs !== undefined;
    const start = aroundMs === undefined ? after && placeOf(after) : placeBefore(aroundMs);
    const rows = isForward
      ? entries.list(conversationId, { from: 'start', ...(start && { after: start }) }, limit + 1)
      : entries.list(conversationId, { from: 'end', ...(before && { before: placeOf(before) }) }, limit + 1);
    const hasMore = rows.length > limit;
    const page = isForward ? rows.slice(0, limit) : rows.slice(-limit);
    const [first, last] = [page.at(0), page.at(-1)];
    // What is asked for after a place has that place before it, and the other way round.
    const isOlder = isForward ? this.#hasBefore(conversationId, first, start) : hasMore;
    const isNewer = isForward ? hasMore : before !== undefined;
    return {
      entries: page.map((row) => viewOf(this.#context, row)),
      older: isOlder ? cursorOf(first ? orderOf(first) : (start ?? placeBefore(0))) : undefined,
      newer: isNewer ? (last ? cursorOf(orderOf(last)) : before) : undefined,
    };
  }

  #hasBefore(
    conversationId: ConversationId,
    first: ListedEntry | undefined,
    start: EntryPlace | undefined,
  ): boolean {
    const before = first === undefined ? start : orderOf(first);
    const { entries } = this.#context.store;
    return entries.list(conversationId, { from: 'end', ...(before && { before }) }, 1).length > 0;
  }

  /** One entry. @throws KuvertError `message_unknown` also for one that was deleted here */
  entry(entryId: EntryId): Entry {
    return viewOf(this.#context, this.#entryAt(entryId));
  }

  /** Messages by the id that their sender gave them; of an honest sender there is at most one. */
  find(messageId: ContentId): MessageEntry[] {
    const { entries } = this.#context.store;
    return entries.find(messageId).flatMap(({ entryId }) => {
      const row = entries.get(entryId);
      const entry = row && viewOf(this.#context, row);
      return entry === undefined || entry.direction === 'system' ? [] : [entry];
    });
  }

  /** Marks everything up to this entry, in display order, as read. */
  markRead(upTo: EntryId): void {
    const row = this.#entryAt(upTo);
    this.#context.store.transaction(() => readUpTo(this.#context, row.conversationId, orderOf(row)));
    this.#onOutgoing();
  }

  /** Messages that fit what was typed, newest first; see `search/query.ts` for what can be typed. */
  search(query: string, options: SearchOptions = {}): SearchPage {
    return searchMessages(this.#context, query, options);
  }

  setPinned(conversationId: ConversationId, isPinned: boolean): void {
    this.#set(conversationId, 'pinned', isPinned);
  }
  /** @param untilMs when it ends by the clock of this device, which may be wrong; `MUTED_FOR_EVER_MS` for never, undefined to unmute */
  setMuted(conversationId: ConversationId, untilMs: number | undefined): void {
    const serverMs =
      untilMs === undefined || untilMs >= MUTED_FOR_EVER_MS
        ? (untilMs ?? 0)
        : Math.round(untilMs + this.#context.serverOffset.ms);
    this.#set(conversationId, 'mutedUntil', Math.max(0, serverMs));
  }
  /** A time of the server as the clock of this device has it, which its person looks at. */
  #localTime(serverMs: number): number {
    return serverMs >= MUTED_FOR_EVER_MS ? serverMs : Math.round(serverMs - this.#context.serverOffset.ms);
  }
  /** Keeps what was begun; empty takes it away. @throws KuvertError `text_too_long` */
  setDraft(conversationId: ConversationId, draft: string): void {
    const kept = draft.toWellFormed();
    // Also its bytes have to fit into what tells one's other devices.
    if (kept.length > DRAFT_MAX || utf8(kept).length > TEXT_LIMITS.bytesMax) {
      throw new KuvertError('text_too_long');
    }
    this.#set(conversationId, 'draft', kept);
  }

  /**
   * Messages of this conversation that are written from now on disappear so long after they were sent or read, on both sides; undefined: they
   * stay. The other side is told.
   * @throws KuvertError `bad_request` for less than a second or more than four years, `not_found`, `group_not_member`, `group_dissolved`
   */
  setTimer(conversationId: ConversationId, timerMs: number | undefined): void {
    const { store } = this.#context;
    if (store.transaction(() => changeTimer(this.#context, conversationId, timerMs))) this.#onOutgoing();
  }

  /**
   * Writes something other than a plain text: with an answer, a mention, a preview of a link; a place, a card, a poll. Files go through
   * `attachments`.
   * @throws KuvertError `content_invalid` with {field}, `text_too_long`, `not_found`
   */
  write(conversationId: ConversationId, draft: Draft): ContentId {
    return this.#queue(() => writeDraft(this.#context, conversationId, draft));
  }
  /** Gives a message of one's own another text. @throws KuvertError `message_unknown`, `not_own_message`, `not_editable`, `text_too_long` */
  edit(entryId: EntryId, text: string, mentions?: readonly Mention[]): ContentId {
    return this.#queue(() => editMessage(this.#context, this.#messageAt(entryId), text, mentions));
  }
  /** Says with a sign what one feels about a message; empty takes it back. @throws KuvertError `message_unknown`, `content_invalid` */
  react(entryId: EntryId, emoji: string): ContentId {
    return this.#queue(() => reactTo(this.#context, this.#messageAt(entryId), emoji));
  }
  /** Answers a poll by the numbers of its options, from 0; none takes the answer back. @throws KuvertError `message_unknown`, `content_invalid`, `poll_over` */
  vote(entryId: EntryId, choices: readonly number[]): ContentId {
    return this.#queue(() => voteIn(this.#context, this.#messageAt(entryId), choices));
  }
  /** Ends a poll of one's own. @throws KuvertError `message_unknown`, `not_own_message`, `content_invalid` */
  endPoll(entryId: EntryId): ContentId {
    return this.#queue(() => endPoll(this.#context, this.#messageAt(entryId)));
  }
  /** Every text that a message has had, the first first. @throws KuvertError `message_unknown` */
  versions(entryId: EntryId): MessageVersion[] {
    return versionsOf(this.#context, this.#messageAt(entryId));
  }

  /**
   * Deletes messages, all or none: on this device, on all devices of one's own, or for everybody, who then see that something was
   * deleted. What was deleted never comes back, also not with a transfer of history.
   * @throws KuvertError `message_unknown`, `not_own_message` (everywhere, and not one's own)
   */
  deleteEntries(entryIds: readonly EntryId[], scope: DeletionScope): void {
    const { store } = this.#context;
    if (store.transaction(() => deleteMessages(this.#context, entryIds, scope))) this.#onOutgoing();
  }

  /** Calls `listener` after each change, once for all that a step has changed. @returns stops it */
  onChanged(listener: (changes: ConversationChanges) => void): () => void {
    return this.#context.changes.onChanged(listener);
  }

  #set<N extends SettingName>(conversationId: ConversationId, name: N, value: SettingValues[N]): void {
    const { store } = this.#context;
    store.transaction(() => {
      if (store.conversations.get(conversationId) === undefined) throw new KuvertError('not_found');
      writeSetting(this.#context, conversationId, name, value);
    });
    this.#context.ownStateDue();
  }

  #queue(work: () => ContentId): ContentId {
    const contentId = this.#context.store.transaction(work);
    this.#onOutgoing();
    return contentId;
  }

  #messageAt(entryId: EntryId): EntryRow {
    const row = this.#entryAt(entryId);
    if (row.direction === 'system') throw new KuvertError('message_unknown');
    return row;
  }

  #entryAt(entryId: EntryId): ListedEntry {
    const row = this.#context.store.entries.get(entryId);
    if (row === undefined) throw new KuvertError('message_unknown');
    return row;
  }

  #sideOf(row: ConversationRow): Pick<ConversationSummary, 'kind' | 'peer' | 'group'> {
    if (row.personId === undefined || !isGroupLane(row.personId)) {
      return { kind: 'direct', peer: this.#peerOf(row) };
    }
    const groupId = row.personId as GroupId;
    const group = this.#context.store.groups.get(groupId);
    const title = group?.title ?? '';
    const members = group?.state.members ?? [];
    const isMember = memberOf(group?.state, this.#context.own.personId) !== undefined;
    return {
      kind: 'group',
      peer: { personId: undefined, mail: undefined, name: title },
      group: {
        groupId,
        title,
        members: members.length,
        isOpen: isMember && group?.state.isDissolved === false,
        isDissolved: group?.state.isDissolved === true,
      },
    };
  }

  #peerOf({ personId, mail }: ConversationRow): Peer {
    const { directory } = this.#context.store;
    const person = personId && directory.getPerson(personId);
    return { personId, mail: person?.mail ?? mail, name: person?.name };
  }
}

function orderOf(row: ListedEntry): EntryPlace {
  const { atMs } = row;
  if (row.direction === 'system') return { atMs, writtenAtMs: atMs, id: row.key };
  return { atMs, writtenAtMs: row.writtenAtMs, id: row.contentId };
}

/** The last place before a time. */
function placeBefore(atMs: number): EntryPlace {
  return { atMs: atMs - 1, writtenAtMs: Number.MAX_SAFE_INTEGER, id: '\u{10ffff}' };
}

function cursorOf({ atMs, writtenAtMs, id }: EntryPlace): EntryCursor {
  return `${atMs}:${writtenAtMs}:${id}` as EntryCursor;
}

/** @throws KuvertError `bad_request` for what no page has given */
function placeOf(cursor: EntryCursor): EntryPlace {
  const match = /^(-?\d{1,16}):(\d{1,16}):(.*)$/su.exec(cursor);
  if (match === null) throw new KuvertError('bad_request', { details: { field: 'cursor' } });
  return { atMs: Number(match[1]), writtenAtMs: Number(match[2]), id: match[3] ?? '' };
}

function cutPreview(entry: Entry): Entry {
  if (entry.direction === 'system' || entry.text.length <= PREVIEW_CHARACTERS) return entry;
  // Cut between characters: half of one would be shown as a replacement character.
  return { ...entry, text: entry.text.slice(0, PREVIEW_CHARACTERS).replace(/[\ud800-\udbff]$/u, '') };
}
