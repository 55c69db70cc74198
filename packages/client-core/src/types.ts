/** What the messenger tells those who show it to people: plain data, times as Unix milliseconds unless said otherwise. */
import type {
  ChangeContent,
  ContentId,
  DeviceId,
  ErrorCode,
  GroupAction,
  GroupId,
  GroupRole,
  PersonId,
  TenantId,
} from '@kuvert/protocol';
import type { MessageDetails, MessageKind } from './conversations/message-details.ts';

/** Who this profile is. */
export interface Self {
  readonly deviceId: DeviceId;
  readonly personId: PersonId;
  readonly tenantId: TenantId;
  readonly tenantName: string;
  readonly name: string;
  readonly mail: string;
  /** Where the server is, as given at enrolment. */
  readonly serverUrl: string;
}

/**
 * How far a message of one's own has come: written down here, stored by the server, there on any device of its reader, read. The
 * last two are what the reader's receipts say, as far as both sides show them.
 */
export type MessageState = 'queued' | 'accepted' | 'delivered' | 'read';

/** What became of a message that was to be sent. */
export interface SendResult {
  readonly messageId: ContentId;
  readonly state: MessageState;
  /** Why it waits here longer than the connection explains, for example `identity_changed` or `no_device`. */
  readonly problem?: ErrorCode;
  /** Devices of the other side for which the server has kept nothing, because they were away for too long; only where there are any. */
  readonly dormant?: readonly DeviceId[];
}

/** The group that a message belongs to. */
export interface MessageGroup {
  readonly groupId: GroupId;
  /** Empty until it can be read. */
  readonly title: string;
}

/** A message that somebody sent to this device. */
export interface IncomingMessage {
  readonly messageId: ContentId;
  readonly senderDevice: DeviceId;
  readonly senderPerson: PersonId;
  /** Mail address and name of the sender; undefined while the directory has not answered. */
  readonly from: string | undefined;
  readonly fromName: string | undefined;
  readonly group?: MessageGroup;
  /** The sender's clock, clamped to what the server saw ±5 minutes. */
  readonly sentAtMs: number;
  /** `too-new`: this release cannot show it; `text` is empty then. An edit, a reaction, a vote or the end of a poll is about another message. */
  readonly kind: Exclude<MessageKind, 'deleted' | 'timer'> | ChangeContent['kind'];
  readonly text: string;
  /** What it has beside its text. */
  readonly details?: MessageDetails;
  /** What it does to another message. */
  readonly change?: MessageChangeView;
}

/** A change of another message. */
export interface MessageChangeView {
  readonly messageId: ContentId;
  readonly author: PersonId;
  /** Of a reaction; empty when it is taken back. */
  readonly emoji?: string;
  /** Of a vote. */
  readonly choices?: readonly number[];
}

/** A message that was sent or received. `deleted`: its author has taken it back; `text` is empty then. */
export type HistoryEntry =
  | (Omit<IncomingMessage, 'kind'> & {
      readonly direction: 'in';
      readonly kind: Exclude<MessageKind, 'timer'>;
    })
  | {
      readonly direction: 'out';
      readonly messageId: ContentId;
      /** Empty in a group. */
      readonly to: string;
      readonly group?: MessageGroup;
      readonly sentAtMs: number;
      readonly kind: Exclude<MessageKind, 'timer'>;
      readonly text: string;
      readonly details?: MessageDetails;
      readonly state: MessageState;
      readonly problem?: ErrorCode;
    };

/** What a notice is about. */
export type NoticeKind =
  /** The sender's chain says that messages are missing and nothing is left to come (P3). */
  | 'messages_missing'
  /** Messages have come after later ones, and nobody had asked for them again (P3). */
  | 'messages_reordered'
  /** The server has delivered messages again that it must have deleted; they are not shown twice (P3). */
  | 'messages_replayed'
  /** The server gave up on messages to this device because their time had run out. */
  | 'messages_expired'
  /**
   * This device was away until the server kept nothing more for it; its other devices are asked for what is missing. `atMs` is when the first
   * message was accepted that the server gave up, `count` how many there were at least.
   */
  | 'was_dormant'
  /** The same, and there is no other device to ask. */
  | 'was_dormant_alone'
  /**
   * This profile connected with an older state than before: it was restored from a copy, or a copy of it is in use. `atMs` is when the server has
   * welcomed that state last: what was sent or came since may be missing.
   */
  | 'profile_restored'
  /** Messages could not be opened and have not come again, although their sender's device was asked for them. */
  | 'undecryptable'
  /** Something arrived that does not agree with itself or with the verified sender; it is not shown. */
  | 'refused'
  /** Keys or device list of a person do not verify, went back or changed; nothing is sent to them. */
  | 'identity_problem'
  /** Another device names a device list of ours, or of its own, that we have not seen. */
  | 'list_mismatch'
  /** A device was added to one's own, or taken out of them. */
  | 'device_linked'
  | 'device_revoked'
  /** A device of one's own that may not revoke another asks this one to do it. */
  | 'revoke_asked'
  /** A person has another account key than before; messages go out under it unless the person asked to be asked. */
  | 'keys_changed'
  /** The same, and the keys before had been compared. */
  | 'verification_lost'
  /** Somebody else has added a device to their own, or taken one out. */
  | 'person_device_added'
  | 'person_device_removed'
  /** The organisation has reset somebody's account: nobody but it vouches for the new keys. */
  | 'key_reset'
  /** A message waits because nobody has the address that it is for. */
  | 'recipient_unknown'
  /** Somebody was added to a group, has left it, or something else of it has changed. Stands in its conversation only. */
  | 'group_changed'
  /** Somebody else has let this person into a group, taken them out of it, or ended it: what is not to be noticed only later, while writing. */
  | 'group_added'
  | 'group_removed'
  | 'group_dissolved'
  /** What the server says of a group is not what its members have signed; nothing of it is used. */
  | 'group_problem'
  /** The server would not have something of ours, and trying again is of no use. */
  | 'not_accepted';

/** Something that the person should know. Kept until `seen`. */
export interface Notice {
  readonly noticeId: number;
  readonly kind: NoticeKind;
  readonly atMs: number;
  readonly personId?: PersonId;
  readonly deviceId?: DeviceId;
  readonly messageId?: ContentId;
  readonly groupId?: GroupId;
  /** Of a change of a group: what was done, and to whom. */
  readonly action?: GroupAction;
  readonly people?: readonly PersonId[];
  readonly role?: GroupRole;
  readonly part?: 'title' | 'picture';
  readonly newTitle?: string;
  readonly successor?: PersonId;
  /** Catalogue code with the sentence for people, where one fits. */
  readonly code?: ErrorCode;
  /** How many messages this is about. */
  readonly count?: number;
}
