/** What conversations look like to those who show them: plain data, times as Unix milliseconds of the server's clock. */
import type {
  ContentId,
  ConversationId,
  DeviceId,
  ErrorCode,
  GroupAction,
  GroupId,
  GroupRole,
  PersonId,
} from '@kuvert/protocol';
import type { HistoryEntry, MessageState, NoticeKind } from '../types.ts';
import type { MessageDetails, MessageKind } from './message-details.ts';

export type * from './message-details.ts';

/** Muted with this until the person unmutes. */
export const MUTED_FOR_EVER_MS = Number.MAX_SAFE_INTEGER;

/** The other side of a direct conversation. Person and name are unknown until the directory has answered. */
export interface Peer {
  readonly personId: PersonId | undefined;
  readonly mail: string | undefined;
  readonly name: string | undefined;
}

/** A group, in the place of the other side. */
export interface GroupPeer {
  readonly groupId: GroupId;
  /** Empty until it can be read. */
  readonly title: string;
  readonly members: number;
  /** False for who was removed or has left, and when it is dissolved: nothing can be written. */
  readonly isOpen: boolean;
  /** Its end was for everybody. */
  readonly isDissolved: boolean;
}

/** A conversation as it stands in the list. Of a `group`, `peer` has its title as the name. */
export interface ConversationSummary {
  readonly conversationId: ConversationId;
  readonly kind: 'direct' | 'group';
  readonly peer: Peer;
  readonly group?: GroupPeer;
  /** The newest entry, its text cut after 200 characters; undefined while there is none. */
  readonly last: Entry | undefined;
  /** When the newest entry came; before the first entry when the conversation was begun. */
  readonly lastAtMs: number;
  readonly unread: number;
  readonly isPinned: boolean;
  /** Undefined when not muted; a time that has passed is never given. {@link MUTED_FOR_EVER_MS} has no end. */
  readonly mutedUntilMs: number | undefined;
  /** Text that was begun and not sent; empty when there is none. */
  readonly draft: string;
  /** How long after they were read messages of both sides disappear; undefined when they stay. */
  readonly timerMs: number | undefined;
  /** A message of one's own waits for a reason that time alone does not cure. */
  readonly hasProblem: boolean;
}

/** A stable number of an entry on this device. */
export type EntryId = number;

interface AnyEntry {
  readonly entryId: EntryId;
  readonly conversationId: ConversationId;
  /** Display order: by this, then as its sender wrote it. */
  readonly atMs: number;
  /** When it disappears, once that is known. */
  readonly expiresAtMs?: number;
}

/**
 * A message of either side. `deleted`: its author has taken it back, `text` is empty. `too-new`: this release cannot show it. `timer`:
 * the author has set how long messages stay (`timerMs`, undefined for always).
 */
export interface MessageEntry extends AnyEntry, MessageDetails {
  readonly direction: 'in' | 'out';
  readonly kind: MessageKind;
  readonly messageId: ContentId;
  readonly senderDevice: DeviceId;
  readonly senderPerson: PersonId;
  /** In a group: who has written it, as far as the directory has answered. */
  readonly sender?: { readonly mail: string; readonly name: string };
  /** What it says; of a file, a picture or a video what is said about it. As it was last edited. */
  readonly text: string;
  readonly timerMs?: number;
  /** Of what came in: not read yet. */
  readonly isUnread: boolean;
  /** Of what went out. */
  readonly state?: MessageState;
  readonly problem?: ErrorCode;
}

/** A plain notice in the conversation, such as missing messages or a change of keys. */
export interface SystemEntry extends AnyEntry {
  readonly direction: 'system';
  readonly kind: NoticeKind;
  /** Whom it is about. */
  readonly personId?: PersonId;
  readonly deviceId?: DeviceId;
  /** Of a change of a group. */
  readonly action?: GroupAction;
  readonly people?: readonly PersonId[];
  readonly role?: GroupRole;
  readonly part?: 'title' | 'picture';
  readonly newTitle?: string;
  readonly successor?: PersonId;
  readonly count?: number;
  readonly code?: ErrorCode;
}

/** One line of a conversation. */
export type Entry = MessageEntry | SystemEntry;

/** A message, or a notice between messages; of a timer that somebody has set the entry is a message of the kind `timer`. */
export type HistoryLine = HistoryEntry | { readonly direction: 'notice'; readonly entry: Entry };

/** Which part of a conversation is asked for; without a place, its end. */
export interface EntriesOptions {
  /** What comes before this cursor of a page, or after it. */
  readonly before?: EntryCursor;
  readonly after?: EntryCursor;
  /** The page begins with the first entry at or after this time (jump to date). */
  readonly aroundMs?: number;
  /** At most so many, 1 to 1,000; 50 unless told. */
  readonly limit?: number;
}

declare const cursorBrand: unique symbol;
/** A place in a conversation, which stays valid when the entry there has gone. */
export type EntryCursor = string & { readonly [cursorBrand]: true };

/** A page of a conversation, oldest first. */
export interface EntryPage {
  readonly entries: readonly Entry[];
  /** Give as `before` for what is older; undefined when nothing is. */
  readonly older: EntryCursor | undefined;
  /** Give as `after` for what is newer; undefined when nothing is. */
  readonly newer: EntryCursor | undefined;
}

/** What has changed: entries came, went or changed their state; settings are pin, mute, draft, timer and what is read. */
export interface ConversationChanges {
  readonly entries: ReadonlySet<ConversationId>;
  readonly settings: ReadonlySet<ConversationId>;
}

/**
 * How far a deletion reaches: this device, all devices of one's own, or everybody in the conversation, which is
 * possible for messages of one's own only.
 */
export type DeletionScope = 'here' | 'own-devices' | 'everywhere';
