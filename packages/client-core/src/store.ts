/**
 * The port to the profile's database. Every call is synchronous and answers from what is committed, or from what the
 * transaction around it has written. {@link Store.transaction} is how the rules of wire.md §4 are kept: ratchet step,
 * legs and outbox row are one transaction, ratchet step, message row and acknowledgement state another.
 *
 * What a part of the messenger keeps stands in a file beside it; this one has the whole and what belongs to no part.
 */
import type {
  KyberPrekeyRow,
  OneTimePrekeyRow,
  PrekeyCounters,
  PrekeyRows,
  SessionRecords,
  SessionWrites,
  SignedPrekeyRow,
} from '@kuvert/crypto/session';
import type { DeviceId, GroupId, PersonId } from '@kuvert/protocol';
import type { UploadStore } from './attachments/store.ts';
import type { ChainStore } from './chains/store.ts';
import type {
  ChangeStore,
  ConversationStore,
  EntryStore,
  OwnStateStore,
  ReadingStore,
  SearchStore,
} from './conversations/store.ts';
import type { DirectoryStore } from './directory-store.ts';
import type { GroupStore } from './groups/store.ts';
import type { TransferStore } from './history-transfer/store.ts';
import type { MessageStore, RepairStore, SightingStore } from './inbox-store.ts';
import type { OutboxStore } from './outbox-store.ts';
import type { ReceiptStore, SettingStore } from './ticks/store.ts';
import type { TrustStore } from './trust/store.ts';
import type { Notice } from './types.ts';

export type * from './chains/store.ts';
export type * from './directory-store.ts';
export type * from './inbox-store.ts';
export type * from './outbox-store.ts';

type Bytes = Uint8Array<ArrayBuffer>;

/** Everything that a profile keeps. */
export interface Store {
  /** All or nothing, durable when it returns; what `body` throws is thrown on and nothing is written. May be nested. */
  transaction<T>(body: () => T): T;
  /**
   * The same without waiting for the disk: a power cut may undo it, but nothing that came before it and, once a later transaction is durable, not this
   * one either. For what is found out anew where it was lost, such as what the server has answered to a call that may be repeated.
   */
  lightTransaction<T>(body: () => T): T;
  readonly values: ValueStore;
  readonly directory: DirectoryStore;
  readonly sessions: SessionStore;
  readonly outbox: OutboxStore;
  readonly messages: MessageStore;
  readonly chains: ChainStore;
  readonly repairs: RepairStore;
  readonly sightings: SightingStore;
  readonly notices: NoticeStore;
  readonly conversations: ConversationStore;
  readonly entries: EntryStore;
  readonly changes: ChangeStore;
  readonly search: SearchStore;
  readonly transfers: TransferStore;
  readonly reading: ReadingStore;
  readonly ownState: OwnStateStore;
  readonly receipts: ReceiptStore;
  readonly settings: SettingStore;
  readonly uploads: UploadStore;
  readonly trust: TrustStore;
  readonly groups: GroupStore;
}

/** Single values by name; what is in them is up to those who write them. */
export interface ValueStore {
  get(name: string): Bytes | undefined;
  put(name: string, value: Bytes): void;
  delete(name: string): void;
  /** Adds one to a counter that begins at 0 and gives the new number. */
  increment(name: string): number;
}

/** Ratchet state and own prekeys. */
export interface SessionStore extends SessionRecords {
  apply(writes: SessionWrites): void;
  addPrekeys(rows: PrekeyRows, counters: PrekeyCounters): void;
  prekeyCounters(): PrekeyCounters | undefined;
  /** Signed prekeys and last-resort keys, oldest first. */
  listReplaceable(): { signed: SignedPrekeyRow[]; lastResort: KyberPrekeyRow[] };
  deletePrekeys(ids: { signed: readonly number[]; lastResort: readonly number[] }): void;
  clearPrekeys(): void;
  /** Devices with which a new session must be started before anything is sent to them. */
  markForRenewal(device: DeviceId): void;
  isMarkedForRenewal(device: DeviceId): boolean;
  clearRenewal(device: DeviceId): void;
  /** @see SessionStore.markForRenewal, for every device with a session */
  markAllForRenewal(): void;
}

export type { KyberPrekeyRow, OneTimePrekeyRow, SignedPrekeyRow };

/** What the person should know. */
export interface NoticeStore {
  /** One like it that was not seen is replaced. */
  add(notice: Omit<Notice, 'noticeId'>): void;
  /** Takes back an unseen notice that no longer holds. */
  withdraw(match: {
    kind: Notice['kind'];
    personId?: PersonId;
    groupId?: GroupId;
    deviceId?: DeviceId;
  }): void;
  listUnseen(limit: number): Notice[];
  markSeen(noticeIds: readonly number[]): void;
}
