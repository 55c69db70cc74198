/**
 * What the chat shows, as plain data. The binding (`binding.ts`, `chat-items.ts`) makes it from the messenger; state, rendering and plain mode
 * know nothing else of it. Text is as it came: whoever shows it makes it safe for a terminal (`text/cells.ts`).
 */
import type { ErrorCode } from '@kuvert/protocol';
import type { Size } from './render/line.ts';
import type { ThemeName } from './terminal/theme.ts';

/** Who uses the chat. */
export interface SelfItem {
  readonly name: string;
  readonly mail: string;
  readonly tenantName: string;
}

/** Whether the keys of a person were compared, and still are those that were compared. */
export type Verification = 'unverified' | 'verified' | 'changed';

/** What there is to know of a conversation that is a group. */
export interface GroupItem {
  readonly members: number;
  /** False for who is no member any more, and when it is dissolved. */
  readonly isOpen: boolean;
  readonly isDissolved: boolean;
}

/** One line of the list of conversations. */
export interface ConversationItem {
  readonly id: string;
  readonly name: string;
  /** Of a group how many are in it. */
  readonly mail: string;
  readonly group?: GroupItem | undefined;
  /** Of a group. */
  readonly picture?: PictureItem | undefined;
  readonly unread: number;
  readonly lastAtMs: number;
  /** The newest entry. */
  readonly last: EntryItem | undefined;
  readonly isPinned: boolean;
  /** Undefined when not muted. */
  readonly mutedUntilMs: number | undefined;
  readonly draft: string;
  /** How long messages stay after they were read; undefined when they stay. */
  readonly timerMs: number | undefined;
  readonly hasProblem: boolean;
  readonly verification: Verification;
  /** Somebody writes at this moment. */
  readonly isTyping: boolean;
  /** In a group: who does. */
  readonly writers?: readonly string[] | undefined;
  readonly presence: 'online' | 'away' | undefined;
}

/** A small picture: rows from above, red, green and blue of each point in one number (`0xrrggbb`). */
export interface PictureItem {
  readonly width: number;
  readonly height: number;
  readonly points: readonly number[];
}

/** How far a message of one's own has come. */
export type EntryState = 'queued' | 'accepted' | 'delivered' | 'read';

/** One line of a conversation. */
export interface EntryItem {
  /** Stable within a conversation and this profile. */
  readonly key: string;
  readonly direction: 'in' | 'out' | 'system';
  readonly kind: 'text' | 'too-new' | 'deleted' | 'timer' | 'notice';
  readonly atMs: number;
  /** In a group: who has written it. */
  readonly author?: string | undefined;
  /** What was written; of a notice, its sentence. */
  readonly text: string;
  readonly isUnread: boolean;
  /** The text alone, as it can be edited. */
  readonly said?: string | undefined;
  /** What can be done to it beside answering. */
  readonly can?: readonly ('vote' | 'save' | 'edit' | 'endPoll' | 'versions')[] | undefined;
  /** The file that goes with it: what its transfers are named by. */
  readonly file?: string | undefined;
  readonly picture?: PictureItem | undefined;
  /** The first line of its text is what it answers. */
  readonly isAnswer?: boolean | undefined;
  /** It names the person who reads it. */
  readonly namesMe?: boolean | undefined;
  /** A notice that tells what somebody did, and asks for no attention. */
  readonly isQuiet?: boolean | undefined;
  readonly timerMs?: number | undefined;
  readonly state?: EntryState | undefined;
  readonly problem?: ErrorCode | undefined;
  readonly expiresAtMs?: number | undefined;
}

/** Which part of a conversation is asked for. Times are those of its entries. */
export type Place =
  | { readonly at: 'unread' | 'end' | 'start' }
  | { readonly at: 'before' | 'after' | 'around'; readonly ms: number; readonly key?: string }
  /** What is shown already, with what came since: entries from this time on, at least so many. */
  | { readonly at: 'again'; readonly ms: number; readonly count: number };

/** A person one can write to. */
export interface PersonItem {
  readonly id: string;
  readonly name: string;
  readonly mail: string;
}

/** A message that a search found. */
export interface SearchHit {
  readonly conversationId: string;
  readonly key: string;
  /** With whom, or the title of the group. */
  readonly name: string;
  readonly author: string;
  readonly isOwn: boolean;
  readonly atMs: number;
  readonly text: string;
  /** Where in the text what was looked for is, as `slice` takes it. */
  readonly matches: readonly (readonly [start: number, end: number])[];
}

/** A device of one's own. */
export interface DeviceItem {
  readonly id: string;
  readonly label: string;
  /** False where the label only says that it has none. */
  readonly hasName: boolean;
  readonly isThis: boolean;
  readonly canApprove: boolean;
  /** False while nothing is delivered to it: it was not started yet, or an administrator has revoked it. */
  readonly isActive: boolean;
  readonly addedAtMs: number | undefined;
}

/** What two people compare. */
export interface SafetyItem {
  readonly name: string;
  readonly mail: string;
  /** Groups of digits. */
  readonly number: string;
  /** Text of the QR code. */
  readonly qr: string | undefined;
  readonly verification: Verification;
  /** Messages wait until the keys are compared or accepted. */
  readonly isHeld: boolean;
}

/** Something that the person may set to one of several values. */
export interface SettingItem {
  readonly name: string;
  readonly label: string;
  /** What it does, in a few words. */
  readonly help: string;
  readonly value: string;
  /** All values with what they are called. */
  readonly values: readonly { readonly value: string; readonly label: string }[];
  /** Set by the organisation: the person cannot turn it. */
  readonly isFixed: boolean;
}

/** A new device that asks to be let in. */
export interface LinkOffer {
  readonly code: string;
  /** The numbers that both screens must show. */
  readonly numbers: string;
}

/** Whether the server is there. */
export type Connection =
  | { readonly kind: 'connecting' }
  | { readonly kind: 'online' }
  | { readonly kind: 'offline'; readonly sinceMs: number; readonly retryAtMs: number }
  /** No new attempt helps: the sentence says what does. */
  | { readonly kind: 'refused'; readonly sentence: string };

/** How far a deletion reaches. */
export type DeletionScope = 'here' | 'own-devices' | 'everywhere';

/** What can be done to a message beside deleting it. */
export type MessageAction = 'reply' | 'edit' | 'react' | 'vote' | 'endPoll' | 'save';

/** What can be sent beside texts. */
export type ComposeKind = 'file' | 'voice' | 'place' | 'contact' | 'poll' | 'pollMultiple' | 'web';

/** A file on its way. */
export interface TransferItem {
  readonly direction: 'up' | 'down';
  readonly doneBytes: number;
  readonly totalBytes: number;
}

/** What is to be done with a group. People are named as somebody has written them. */
export type GroupRequest =
  | { readonly verb: 'create'; readonly title: string; readonly names: readonly string[] }
  | { readonly verb: 'add'; readonly names: readonly string[] }
  /** Who is meant is found first, and asked for: `isSure` once that was answered. */
  | { readonly verb: 'remove'; readonly names: readonly string[]; readonly isSure?: true }
  | { readonly verb: 'role'; readonly names: readonly string[]; readonly role: 'admin' | 'member' }
  | { readonly verb: 'title'; readonly title: string }
  /** Undefined takes the picture away. */
  | { readonly verb: 'picture'; readonly path: string | undefined }
  | { readonly verb: 'members' | 'log' | 'leave' | 'dissolve' };

/** What is to be done outside. The binding does it and answers with events. */
export type Effect =
  | { readonly do: 'load'; readonly id: string; readonly place: Place }
  | { readonly do: 'send'; readonly id: string; readonly text: string }
  | { readonly do: 'markRead'; readonly id: string; readonly key: string }
  | { readonly do: 'saveDraft'; readonly id: string; readonly text: string }
  | { readonly do: 'typing'; readonly id: string; readonly isTyping: boolean }
  /** The person is at this device, or has left it. */
  | { readonly do: 'present'; readonly isPresent: boolean }
  | { readonly do: 'people' }
  | { readonly do: 'begin'; readonly mail: string }
  | { readonly do: 'search'; readonly query: string; readonly inConversation?: string }
  | { readonly do: 'setPinned'; readonly id: string; readonly isPinned: boolean }
  | { readonly do: 'setMuted'; readonly id: string; readonly untilMs: number | undefined }
  | { readonly do: 'setTimer'; readonly id: string; readonly timerMs: number | undefined }
  | { readonly do: 'deleteEntry'; readonly id: string; readonly key: string; readonly scope: DeletionScope }
  | {
      readonly do: 'act';
      readonly id: string;
      readonly key: string;
      readonly action: MessageAction;
      readonly text: string;
    }
  | { readonly do: 'compose'; readonly id: string; readonly kind: ComposeKind; readonly text: string }
  | { readonly do: 'versions'; readonly key: string }
  /** The path at the end of a line is to be completed. */
  | {
      readonly do: 'complete';
      readonly line: string;
      readonly before: string;
      readonly typed: string;
      readonly isFolder: boolean;
    }
  | { readonly do: 'group'; readonly id: string | undefined; readonly request: GroupRequest }
  | { readonly do: 'safety'; readonly id: string }
  | { readonly do: 'setVerified'; readonly id: string; readonly isVerified: boolean; readonly shown?: string }
  | { readonly do: 'acceptKeys'; readonly id: string }
  | { readonly do: 'devices' }
  | { readonly do: 'revokeDevice'; readonly deviceId: string }
  | { readonly do: 'labelDevice'; readonly deviceId: string; readonly label: string }
  | { readonly do: 'readLink'; readonly code: string }
  | { readonly do: 'approveLink'; readonly offer: LinkOffer; readonly isSigner: boolean }
  | { readonly do: 'settings' }
  | { readonly do: 'setSetting'; readonly name: string; readonly value: string }
  | { readonly do: 'connectNow' }
  | { readonly do: 'redraw' | 'suspend' | 'quit' | 'bell' };

/** Something that happened outside: what the person did, or what the messenger has to tell. */
export type ChatEvent =
  | { readonly kind: 'key'; readonly name: string; readonly text?: string }
  | { readonly kind: 'paste'; readonly text: string }
  | { readonly kind: 'resize'; readonly size: Size }
  | { readonly kind: 'tick'; readonly nowMs: number }
  | { readonly kind: 'focus'; readonly hasFocus: boolean }
  | { readonly kind: 'theme'; readonly theme: ThemeName }
  /** A command or a text, as a line; plain mode's only input. */
  | { readonly kind: 'line'; readonly line: string }
  | { readonly kind: 'connection'; readonly connection: Connection }
  | { readonly kind: 'conversations'; readonly items: readonly ConversationItem[] }
  /** The person has chosen to write to somebody; the conversation is in the list. */
  | { readonly kind: 'begun'; readonly id: string }
  | {
      readonly kind: 'entries';
      readonly id: string;
      readonly place: Place;
      readonly entries: readonly EntryItem[];
      readonly hasOlder: boolean;
      readonly hasNewer: boolean;
    }
  /** Entries of the open conversation may have changed. */
  | { readonly kind: 'changed'; readonly ids: readonly string[] | 'all' }
  | { readonly kind: 'people'; readonly people: readonly PersonItem[] }
  | { readonly kind: 'found'; readonly query: string; readonly hits: readonly SearchHit[] }
  | { readonly kind: 'devices'; readonly devices: readonly DeviceItem[] }
  | { readonly kind: 'safety'; readonly id: string; readonly safety: SafetyItem }
  | { readonly kind: 'settings'; readonly settings: readonly SettingItem[] }
  | { readonly kind: 'linkOffer'; readonly offer: LinkOffer }
  /** Something to be read that was asked for. */
  | {
      readonly kind: 'sheet';
      readonly title: string;
      readonly lines: readonly string[];
      readonly picture?: PictureItem | undefined;
    }
  | ({ readonly kind: 'transfer'; readonly file: string } & TransferItem)
  /** What `line` becomes; when something else is written by then, nothing. */
  | { readonly kind: 'completed'; readonly line: string; readonly to: string }
  /** A text was not taken: it is given back to whoever wrote it. */
  | { readonly kind: 'notSent'; readonly id: string; readonly text: string; readonly sentence: string }
  /** Something is to be asked before it is done. */
  | { readonly kind: 'ask'; readonly question: string; readonly effects: readonly Effect[] }
  /** Something to be told that belongs to no conversation. */
  | { readonly kind: 'told'; readonly sentence: string; readonly isError: boolean };
