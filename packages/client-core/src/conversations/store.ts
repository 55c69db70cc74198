/** The part of the store port that holds conversations and their entries. */
import type {
  ChainId,
  ChangeContent,
  ContentId,
  ConversationId,
  DeviceId,
  ErrorCode,
  PersonId,
} from '@kuvert/protocol';
import type { Term } from '../search/query.ts';
import type { Notice } from '../types.ts';
import type { EntryId } from './types.ts';

type Bytes = Uint8Array<ArrayBuffer>;

/** A conversation that there is anything to be known of. */
export interface ConversationRow {
  readonly conversationId: ConversationId;
  readonly personId: PersonId | undefined;
  /** The address that was written to, while the person is unknown. */
  readonly mail: string | undefined;
  readonly createdAtMs: number;
}

/** What an entry is kept as. `removed` ones are not shown; they keep what was deleted from coming back. */
export type EntryKind = 'text' | 'content' | 'too-new' | 'timer' | 'deleted' | 'removed';

/** Everything that is kept of a message, whoever wrote it. */
export interface EntryRow {
  readonly entryId: EntryId;
  readonly conversationId: ConversationId;
  readonly direction: 'in' | 'out';
  readonly kind: EntryKind;
  readonly contentId: ContentId;
  readonly senderDevice: DeviceId;
  readonly senderPerson: PersonId;
  /**
   * UTF-8 of a plain text; of other kinds, and of what is too new, the bytes as they were sent; empty for what is deleted. Of a change
   * (`removed`) its content until `inbox` has printed it.
   */
  readonly content: Bytes;
  /** The text as it was last edited. */
  readonly edited: Bytes | undefined;
  readonly atMs: number;
  /** What the sender's clock said; it keeps what one device wrote in order where several have one `atMs`. */
  readonly writtenAtMs: number;
  readonly acceptedAtMs: number | undefined;
  readonly chain: { readonly id: ChainId; readonly seq: number } | undefined;
  readonly isUnread: boolean;
  readonly isPrinted: boolean;
  readonly timerMs: number | undefined;
  readonly expiresAtMs: number | undefined;
  /** Of what went out from another device of one's own. */
  readonly isDelivered: boolean;
}

/** A plain notice in a conversation. */
export interface SystemRow {
  readonly entryId: EntryId;
  readonly conversationId: ConversationId;
  readonly direction: 'system';
  readonly atMs: number;
  /** What it replaces others by. */
  readonly key: string;
  readonly notice: Omit<Notice, 'noticeId'>;
}

/** A message to be kept. */
export type NewEntry = Omit<EntryRow, 'entryId' | 'isDelivered' | 'expiresAtMs' | 'edited'> & {
  readonly isDelivered?: boolean;
  readonly expiresAtMs?: number;
};

/** A place in display order: by time, then by the sender's clock, then by id. */
export interface EntryPlace {
  readonly atMs: number;
  readonly writtenAtMs: number;
  readonly id: string;
}

/** Outbox facts of a message of one's own. */
export interface OutgoingFacts {
  readonly acceptedAtMs: number | undefined;
  readonly chain: { readonly id: ChainId; readonly seq: number } | undefined;
  readonly problem: ErrorCode | undefined;
}

/** An entry with what the outbox says of it. */
export type ListedEntry = (EntryRow & { readonly outgoing: OutgoingFacts | undefined }) | SystemRow;

/** Conversations. */
export interface ConversationStore {
  /** Makes it known; what was written to the address while the person was unknown moves into it. */
  ensure(row: ConversationRow): void;
  get(conversationId: ConversationId): ConversationRow | undefined;
  findByPerson(personId: PersonId): ConversationRow | undefined;
  /** Of an address whose person was unknown when it was written to. */
  findByMail(mail: string): ConversationRow | undefined;
  list(limit: number): ConversationRow[];
  /** Those with a person of whom nothing is known but the id: another device of one's own has begun them. */
  listNameless(limit: number): { conversationId: ConversationId; personId: PersonId }[];
  countUnread(): Map<ConversationId, number>;
  /** People and addresses to whom a message waits for a reason. */
  listWithProblem(): { personId: PersonId | undefined; mail: string | undefined }[];
  /** All settings, the values as their writers encoded them. */
  listSettings(): ConversationSetting[];
  getSetting(conversationId: ConversationId, name: string): ConversationSetting | undefined;
  /** @param options.isDue other devices of one's own are to be told */
  putSetting(setting: ConversationSetting, options: { readonly isDue: boolean }): void;
}

/** A setting with its place among those that other devices of the same person may have made. */
export interface ConversationSetting {
  readonly conversationId: ConversationId;
  readonly name: string;
  readonly value: Bytes;
  readonly stampMs: number;
  readonly device: DeviceId;
}

/** Entries of all conversations. */
export interface EntryStore {
  /** False when (sender device, content id) is there already, also as `deleted` or `removed`. */
  add(entry: NewEntry): boolean;
  get(entryId: EntryId): ListedEntry | undefined;
  find(contentId: ContentId, senderDevice?: DeviceId): EntryRow[];
  /** Where messages stand that went out on a chain which is not, or no longer, this device's own. */
  findSentBy(chain: ChainId): ConversationId | undefined;
  /** Shown entries in display order; of `before`, the last ones. */
  list(
    conversationId: ConversationId,
    range: { readonly after?: EntryPlace; readonly before?: EntryPlace; readonly from?: 'start' | 'end' },
    limit: number,
  ): ListedEntry[];
  /** The newest messages that are shown, of all conversations by time, of one in display order; with the notices between them, and timers that were set, if wanted. */
  listLast(
    limit: number,
    options?: { readonly conversationId?: ConversationId; readonly withNotices?: boolean },
  ): ListedEntry[];
  /** Keeps a notice in the conversation; one like it that still stands is replaced in its place. */
  putNotice(conversationId: ConversationId, key: string, notice: Omit<Notice, 'noticeId'>): void;
  deleteNotices(match: { kind: Notice['kind']; personId?: PersonId; deviceId?: DeviceId }): ConversationId[];
  /** Marks what came in as read, up to a place; gives what was unread. */
  markRead(conversationId: ConversationId, upTo: EntryPlace): EntryRow[];
  /** Marks single ones as read; gives them. */
  markEachRead(rows: readonly EntryRow[]): readonly EntryRow[];
  /** `deleted`: shown without its text; `removed`: not shown. Words and text are overwritten. A notice is gone. */
  forget(entryId: EntryId, as: 'deleted' | 'removed'): void;
  /** Shows another text; words are found in it from now on. */
  setEdited(entryId: EntryId, text: Bytes): void;
  setExpiry(entryId: EntryId, expiresAtMs: number): void;
  listExpired(nowMs: number, limit: number): EntryRow[];
  nextExpiry(): number | undefined;
  /** A message that has not arrived is to be deleted when it does: by its author, or on the word of a device of one's own. */
  addEarlyDeletion(contentId: ContentId, who: PersonId | DeviceId): void;
  takeEarlyDeletion(contentId: ContentId, who: PersonId | DeviceId): boolean;
}

/** An edit, a reaction, a vote, the end of a poll. */
export interface MessageChange {
  /** The message it is about, and that one's author. */
  readonly target: ContentId;
  readonly author: PersonId;
  readonly kind: ChangeContent['kind'];
  readonly conversationId: ConversationId;
  readonly who: PersonId;
  readonly device: DeviceId;
  readonly contentId: ContentId;
  readonly stampMs: number;
  readonly atMs: number;
  /** As it was sent. */
  readonly content: Bytes;
}

/** What was done to messages, also to such as have not arrived. */
export interface ChangeStore {
  /** Keeps it; of reactions of one person only the one that holds. Nothing happens to one that is there. */
  add(change: MessageChange): void;
  list(target: ContentId, author: PersonId): MessageChange[];
  /** Deletes them, their contents in other places included; gives what there was. */
  forget(target: ContentId, author: PersonId): MessageChange[];
}

/** What was read, by the chains of those who wrote it; what other devices of one's own have said, and are to be told. */
export interface ReadingStore {
  /** Something of a chain was read here. */
  markDue(chain: ChainId, device: DeviceId, atMs: number): void;
  takeDue(limit: number): { readonly chain: ChainId; readonly device: DeviceId; readonly atMs: number }[];
  /** The lowest unread number of a chain; beyond all numbers when there is none. */
  firstUnread(chain: ChainId): number;
  /** Another device has read everything up to a number, what has not arrived here included. Gives what was unread. */
  markChain(chain: ChainId, seq: number, atMs: number): EntryRow[];
  markSingle(contentId: ContentId, atMs: number): EntryRow[];
  /** When another device has read this message, which has just arrived. */
  findReadAt(contentId: ContentId, chain: EntryRow['chain']): number | undefined;
}

/** What other devices of one's own are still to be told; it counts as told when it is taken. */
export interface OwnStateStore {
  /** With the person of the conversation; those without a person wait. */
  takeDueSettings(limit: number, bytesMax: number): (ConversationSetting & { readonly personId: PersonId })[];
  /** Nothing happens to one that is there. */
  addRemoved(contentId: ContentId, device: DeviceId, options: { isDue: boolean }): void;
  /** Everything that was ever removed is due once more: a device may have missed it. */
  tellRemovedAgain(): void;
  takeRemoved(limit: number): { contentId: ContentId; device: DeviceId }[];
}

/** What is looked for, people and conversations resolved. */
export interface StoredQuery {
  readonly terms: readonly Term[];
  readonly without: readonly Term[];
  /** Undefined: anybody's; empty: nobody's. */
  readonly senders: readonly PersonId[] | undefined;
  readonly conversations: readonly ConversationId[] | undefined;
  readonly fromMs: number | undefined;
  readonly beforeMs: number | undefined;
  /** Only what comes before this one in the order of the result. */
  readonly beforeEntry: EntryId | undefined;
}

/** The index of words over all texts that are shown. {@link EntryStore} keeps it in step. */
export interface SearchStore {
  /** The newest texts that match, newest first. */
  find(query: StoredQuery, limit: number): EntryRow[];
}
