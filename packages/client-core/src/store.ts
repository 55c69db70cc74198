/**
 * The port to the profile's database. Every call is synchronous and answers from what is committed, or from what the
 * transaction around it has written. {@link Store.transaction} is how the rules of wire.md §4 are kept: ratchet step,
 * legs and outbox row are one transaction, ratchet step, message row and acknowledgement state another.
 */
import type { PinnedAccount } from '@kuvert/crypto/identity';
import type {
  ChainHead,
  ChainState,
  KyberPrekeyRow,
  OneTimePrekeyRow,
  PrekeyCounters,
  PrekeyRows,
  SessionRecords,
  SessionWrites,
  SignedPrekeyRow,
} from '@kuvert/crypto/session';
import type {
  ChainId,
  ContentId,
  ConversationId,
  DeviceId,
  DeviceList,
  ErrorCode,
  GroupId,
  ListedDevice,
  Person,
  PersonId,
  RequestId,
  SubmitClass,
  SubmitId,
} from '@kuvert/protocol';
import type { UploadStore } from './attachments/store.ts';
import type {
  ChangeStore,
  ConversationStore,
  EntryStore,
  OwnStateStore,
  ReadingStore,
  SearchStore,
} from './conversations/store.ts';
import type { GroupStore } from './groups/store.ts';
import type { TransferStore } from './history-transfer/store.ts';
import type { ReceiptStore, SettingStore } from './ticks/store.ts';
import type { TrustStore } from './trust/store.ts';
import type { Notice } from './types.ts';

type Bytes = Uint8Array<ArrayBuffer>;

/** Everything that a profile keeps. */
export interface Store {
  /** All or nothing, durable when it returns; what `body` throws is thrown on and nothing is written. May be nested. */
  transaction<T>(body: () => T): T;
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

/** A person whose keys were verified, with the list as of the highest version seen. */
export interface KnownAccount {
  readonly personId: PersonId;
  readonly pin: PinnedAccount;
  readonly list: DeviceList;
  /** Listed devices to which the server delivers nothing: not ready yet, or revoked by an administrator. */
  readonly inactive: readonly DeviceId[];
}

/** A device that its person has taken out. */
export interface FormerDevice {
  readonly personId: PersonId;
  readonly entry: ListedDevice;
  /** When the first list without it was signed, by the clock of the server as its signer knew it. */
  readonly removedAtMs: number;
}

/** People and their verified keys. */
export interface DirectoryStore {
  putPerson(person: Person): void;
  findPersonByMail(mail: string): Person | undefined;
  getPerson(personId: PersonId): Person | undefined;
  listPeople(): Person[];
  /** Devices that the list known so far holds and this one does not are kept as former ones, with the time at which it was signed. */
  putAccount(account: KnownAccount): void;
  getAccount(personId: PersonId): KnownAccount | undefined;
  /** What is pinned of a person, without the list: for what is done with every message. */
  getPin(personId: PersonId): PinnedAccount | undefined;
  /** Whose device this is, by the lists seen so far. */
  findOwner(device: DeviceId): PersonId | undefined;
  /** One of which only now is known that its person had it; nothing happens to one that is somebody else's. */
  putFormer(former: FormerDevice): void;
  /** A device that a verified list held and a later one does not. */
  findFormer(device: DeviceId): FormerDevice | undefined;
  /** The request id of a take that may still be repeated, so that no prekeys are used up twice. */
  getTake(personId: PersonId): { readonly requestId: RequestId; readonly atMs: number } | undefined;
  putTake(personId: PersonId, requestId: RequestId, atMs: number): void;
  deleteTake(personId: PersonId): void;
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

/** What is still to be done for an outbox row: make its legs, hand them to the server, or nothing; `hold`: its file is not there yet. */
export type OutboxWork = 'seal' | 'submit' | 'done' | 'hold';

/** To whom rows of the outbox go, in order. */
export type Lane = PersonId | GroupId;

/** A message or control message of one's own. */
export interface OutboxRow {
  /** Order of writing; within a conversation also of sending. */
  readonly seq: number;
  readonly contentId: ContentId;
  readonly kind: string;
  readonly class: SubmitClass;
  readonly toMail: string | undefined;
  readonly toPerson: PersonId | undefined;
  readonly toGroup?: GroupId | undefined;
  readonly content: Bytes;
  readonly sentAtMs: number;
  readonly work: OutboxWork;
  readonly problem: ErrorCode | undefined;
  /** Set aside for good: nothing is tried any more. */
  readonly parked: boolean;
  /** The frame as first made; every later leg carries the same bytes, since its commitment stands in the chain. */
  readonly frame: Bytes | undefined;
  readonly chain: { readonly id: ChainId; readonly seq: number; readonly linkAfter: Bytes } | undefined;
  readonly submitId: SubmitId | undefined;
  readonly listHash: Bytes | undefined;
  readonly body: Bytes | undefined;
  readonly acceptedAtMs: number | undefined;
  readonly deliveredAtMs: number | undefined;
  readonly resends: number;
}

/** What sealing a row gives. */
export interface SealedRow {
  readonly seq: number;
  readonly frame: Bytes;
  readonly chain: OutboxRow['chain'];
  readonly submitId: SubmitId;
  readonly listHash: Bytes;
  readonly body: Bytes | undefined;
  readonly legs: readonly {
    readonly device: DeviceId | GroupId;
    readonly bytes: Bytes;
    readonly hash: Bytes;
  }[];
}

/** What is on its way out, and what has been sent. */
export interface OutboxStore {
  add(
    row: Pick<
      OutboxRow,
      'contentId' | 'kind' | 'class' | 'toMail' | 'toPerson' | 'toGroup' | 'content' | 'sentAtMs'
    >,
  ): number;
  get(seq: number): OutboxRow | undefined;
  findByContentId(contentId: ContentId): OutboxRow | undefined;
  /** The message that was in a leg to this device. */
  findByLegHash(hash: Bytes, device: DeviceId): OutboxRow | undefined;
  /** The message that was in what a group was sent. */
  findToGroup(hash: Bytes): OutboxRow | undefined;
  /** Keeps a frame that was made before, to be sealed for one person. */
  setFrame(seq: number, frame: Bytes): void;
  /** Addresses of rows whose person is not known yet. */
  listUnresolvedMails(limit: number): string[];
  resolveMail(mail: string, personId: PersonId): void;
  /** People and groups to whom rows are to be sealed. */
  listLanesToSeal(): Lane[];
  listToSeal(lane: Lane, limit: number): OutboxRow[];
  /**
   * Rows to submit in order; those of a lane that come after one that must be sealed first are left out, so that no
   * message overtakes an earlier one.
   */
  listToSubmit(
    limit: number,
    except: { readonly seqs: Iterable<number>; readonly lanes: Iterable<Lane> },
  ): OutboxRow[];
  /** Devices that were left out of an accepted row, and have not acknowledged it by another way. */
  listLeftOut(seq: number): DeviceId[];
  listLegs(seq: number): { device: DeviceId; bytes: Bytes }[];
  /** Keeps legs and frame; the row is to be submitted next. Legs made before stay known by their hash. */
  putSealed(sealed: SealedRow): void;
  /** @param dormant devices for which the server keeps nothing: whether the row is delivered does not hang on them */
  setAccepted(seq: number, acceptedAtMs: number, dormant?: readonly DeviceId[]): void;
  /** Messages whose acceptance is news: each is given once. */
  takeNewlyAccepted(limit: number): OutboxRow[];
  /** Takes back a message of which nothing has left. False when something may have. */
  withdraw(contentId: ContentId): boolean;
  /** Its text is kept no more, if the server has it: a device that cannot open it is not sent it again. */
  forgetContent(contentId: ContentId): void;
  /** To be sealed again: one row, or all of a lane that are not accepted and not in `except`. */
  setToSeal(seq: number): void;
  /** What the server has not accepted is made anew, from its content on. */
  unmakeWaiting(): void;
  setLaneToSeal(lane: Lane, except: Iterable<number>): void;
  /** To be sealed again because a device could not open it; counted. */
  addResend(seq: number): void;
  /** Counted, and sent in another row. */
  countResend(seq: number): void;
  setSubmitId(seq: number, submitId: SubmitId): void;
  /** Not to be sent before {@link OutboxStore.release}: its file is on its way. */
  hold(contentId: ContentId): void;
  release(contentId: ContentId): void;
  setProblem(seq: number, problem: ErrorCode): void;
  setLaneProblem(lane: Lane, problem: ErrorCode): void;
  setMailProblem(mail: string, problem: ErrorCode): void;
  setParked(seq: number, problem: ErrorCode): void;
  /** Deletes a row for which there is nobody: no other device of one's own. */
  discard(seq: number): void;
  /** A device is gone: nobody waits for its acknowledgement any more. */
  forgetDevice(device: DeviceId, atMs: number): void;
  /**
   * Messages to a person that the server has accepted only for devices that are gone before any of them had it are to be sealed again; with
   * `hold` they are set aside for that reason until {@link OutboxStore.releaseHeld}. @returns how many
   */
  resendUnreached(personId: PersonId, hold?: ErrorCode): number;
  /** Goes on with what was set aside for a reason that is over. True when there was any. */
  releaseHeld(personId: PersonId, hold: ErrorCode): boolean;
  /** People who were sent something before a time of which nothing is known to have arrived, the latest first. */
  listUnreachedPeople(acceptedBeforeMs: number, limit: number): PersonId[];
  /** Own messages that the server has not accepted, those set aside included. */
  countWaitingMessages(): number;
  /** Takes out control messages of a kind to this person that were not sealed yet: a new one says more. Gives their content. */
  takeUnsealed(personId: PersonId, kind: string): Bytes[];
  /**
   * `device` has everything of `chain` up to `seq`; gives the rows that are delivered by that: acknowledged by every device
   * that they were last sealed for.
   */
  acknowledgeChain(chain: ChainId, seq: number, device: DeviceId | GroupId, atMs: number): number;
  acknowledgeContent(contentId: ContentId, device: DeviceId, atMs: number): number;
  /** The row of a chain number. */
  findByChain(chain: ChainId, seq: number): OutboxRow | undefined;
  listSent(options: { personId?: PersonId; mail?: string; limit: number }): OutboxRow[];
  /** Deletes frames and legs that nobody can ask for any more, and control messages as a whole. */
  expire(beforeMs: number): void;
}

/** A message that arrived. */
export interface StoredMessage {
  readonly conversationId: ConversationId;
  readonly senderDevice: DeviceId;
  readonly senderPerson: PersonId;
  readonly contentId: ContentId;
  /** Clamped to what the server saw. */
  readonly sentAtMs: number;
  /** What the sender's clock said. */
  readonly writtenAtMs: number;
  readonly acceptedAtMs: number;
  /** `change`: an edit, a reaction or a vote, which is no entry of its own. */
  readonly kind: 'text' | 'content' | 'too-new' | 'change';
  /** UTF-8 of a plain text; of all else the bytes as they were sent. */
  readonly content: Bytes;
  readonly chain: { readonly id: ChainId; readonly seq: number } | undefined;
  /** How long after it was read it disappears. */
  readonly timerMs: number | undefined;
  /** The text as it was last edited. */
  readonly edited?: Bytes | undefined;
  /** Another device of one's own has read it. */
  readonly isRead?: boolean;
}

/** What arrived, as the receiver and `inbox` see it; people see it as entries of conversations. */
export interface MessageStore {
  /** False when (sender device, content id) is there already. */
  add(message: StoredMessage & { readonly kind: Exclude<StoredMessage['kind'], 'change'> }): boolean;
  has(senderDevice: DeviceId, contentId: ContentId): boolean;
  find(senderDevice: DeviceId, contentId: ContentId): StoredMessage | undefined;
  listUnprinted(limit: number): StoredMessage[];
  markPrinted(senderDevice: DeviceId, contentId: ContentId): void;
  /** Content ids of a chain beyond `afterSeq`, in order. */
  listContentIdsBeyond(chain: ChainId, afterSeq: number, limit: number): ContentId[];
  /** Which numbers of a chain within these bounds are here all the same, as history. */
  listNumbers(chain: ChainId, bounds: { readonly from: number; readonly to: number }): number[];
  /** When the nearest messages before and after these numbers were accepted, as far as they are here. */
  acceptedAround(
    chain: ChainId,
    range: { readonly from: number; readonly to: number },
  ): { readonly beforeMs: number | undefined; readonly afterMs: number | undefined };
  /** People to whom an acknowledgement is due. */
  markAckDue(personId: PersonId): void;
  listAcksDue(): PersonId[];
  clearAckDue(personId: PersonId): void;
}

/** The sender's end of the chain to one conversation. */
export interface OwnChain {
  readonly conversation: ConversationId;
  /** Whom it is for: a person or a group. */
  readonly personId: Lane;
  readonly head: ChainHead;
  /** Up to here the server has accepted everything. */
  readonly accepted: ChainHead;
  readonly acceptedAtMs: number;
  /** The head that the others were last told, when, and how often by heartbeats alone. */
  readonly toldSeq: number;
  readonly toldAtMs: number;
  readonly toldTimes: number;
  /** The devices that its last message was sealed for; of all others its start is to be told. */
  readonly devices: readonly DeviceId[];
}

/** Another device's chain. */
export interface FollowedChain {
  readonly senderDevice: DeviceId;
  readonly personId: PersonId;
  readonly state: ChainState;
  /** Highest number that the sender has named as its head. */
  readonly headSeq: number;
  /** How many missing messages a notice has told about. */
  readonly noticed: number;
  /** How many have come after later ones and were not told yet. */
  readonly late: number;
  /** Up to this number nothing was meant for this device. */
  readonly base: number;
  /** The longest time that the server may keep one of its messages, as far as they say; 0 while unknown. */
  readonly lifetimeMs: number;
}

/** What the server said about expired envelopes: how many are not accounted for yet, and when they were accepted. */
export interface Tombstone {
  readonly id: number;
  readonly fromMs: number;
  readonly toMs: number;
  readonly count: number;
}

/** Chains (P3). */
export interface ChainStore {
  getOwn(conversation: ConversationId): OwnChain | undefined;
  findOwn(chain: ChainId): OwnChain | undefined;
  putOwn(chain: OwnChain): void;
  /** The next message to anybody begins a new chain. */
  forgetOwn(): void;
  /** Own chains of which not everything that was accepted has been acknowledged, or whose head the others were not told. */
  listUnconfirmed(limit: number): OwnChain[];
  getFollowed(senderDevice: DeviceId, chain: ChainId): FollowedChain | undefined;
  putFollowed(chain: FollowedChain): void;
  listFollowed(personId: PersonId, limit: number): FollowedChain[];
  /** Chains with a gap, or with a notice of one, or with something that came late. */
  listOpenGaps(limit: number): FollowedChain[];
  /** Numbers that the server has said to have expired, and that was believed. */
  listExcused(senderDevice: DeviceId, chain: ChainId): { readonly from: number; readonly to: number }[];
  addExcused(
    senderDevice: DeviceId,
    chain: ChainId,
    range: { readonly from: number; readonly to: number },
  ): void;
  addTombstone(tombstone: Omit<Tombstone, 'id'>): void;
  /** Tombstones that still excuse something, oldest first. */
  listTombstones(limit: number): Tombstone[];
  /** So many of them are used up. */
  useTombstone(id: number, count: number): void;
}

/** What could not be opened or was refused. */
export interface Quarantined {
  /** SHA-256 of the leg. */
  readonly legHash: Bytes;
  readonly leg: Bytes;
  readonly body: Bytes | undefined;
  readonly class: SubmitClass;
  readonly acceptedAtMs: number;
  readonly expiresAtMs: number;
  readonly senderDevice: DeviceId | undefined;
  readonly reason: string;
  readonly atMs: number;
  /** It was asked for again and has not come yet. */
  readonly isOpen: boolean;
}

/**
 * Which of the legs that were set aside have come in another way: the oldest, all, or the oldest that was accepted after a message was
 * written (by the server's clock) and set aside before that was sent again (by the own one).
 */
export type SettledLegs = 'oldest' | 'all' | { readonly writtenAtMs: number; readonly sentAgainAtMs: number };

/** What could not be opened, and how often it was asked for again. */
export interface RepairStore {
  /** Keeps it, dropping the oldest beyond a limit. */
  quarantine(entry: Quarantined): void;
  /** How often this very leg was asked for; 0 for one that never came. */
  countRequests(legHash: Bytes): number;
  addRequest(legHash: Bytes): void;
  /** Requests that went to a device since `sinceMs`. */
  countRequestsTo(device: DeviceId, sinceMs: number): number;
  /** How many legs of a device have not come again yet, of those set aside before a time. */
  countOpen(device: DeviceId, beforeMs: number): number;
  listOpenDevices(limit: number): DeviceId[];
  /** They have come in another way; false when there was none. */
  settleOpen(device: DeviceId, which: SettledLegs): boolean;
  /** What was set aside for a reason, oldest first. */
  listQuarantined(reason: string, limit: number): Quarantined[];
  release(legHash: Bytes): void;
}

/** Which legs were delivered, so that a redelivery is told apart from a replay (P3). */
export interface SightingStore {
  /** The connection on which it was delivered last; undefined for one that never was. */
  find(legHash: Bytes): number | undefined;
  put(legHash: Bytes, visit: number, atMs: number): void;
  forget(beforeMs: number): void;
}

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
