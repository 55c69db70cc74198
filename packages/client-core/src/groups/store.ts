/** The part of the store port that holds groups: their logs, keys, and sender keys of their members. */
import type { GroupState } from '@kuvert/crypto/groups';
import type { GroupKey, SenderKeyRecords, SenderKeyRow } from '@kuvert/crypto/session';
import type { ChainId, ConversationId, DeviceId, GroupId, Signed } from '@kuvert/protocol';

type Bytes = Uint8Array<ArrayBuffer>;

/** A group that is known here. */
export interface GroupRow {
  readonly groupId: GroupId;
  readonly conversationId: ConversationId;
  /** After the last entry that was verified. */
  readonly state: GroupState;
  /** Empty until it can be read. */
  readonly title: string;
}

/** A sender key of one's own, in use. */
export interface OwnSenderKey {
  readonly distribution: string;
  readonly createdAtMs: number;
  /** Messages under it so far. */
  readonly count: number;
  /** Devices that it was handed to, or is on its way to. */
  readonly devices: readonly DeviceId[];
  /** Those that had the key before this one too, so that the own chain goes on for them; absent where there was none. */
  readonly before?: readonly DeviceId[];
  /** Rows of the outbox with which it is on its way. */
  readonly pending: readonly number[];
}

/** What stands in a verified entry. */
export interface LogRow {
  readonly epoch: number;
  readonly hash: Bytes;
  readonly signed: Signed;
}

/** Groups. */
export interface GroupStore extends SenderKeyRecords {
  get(groupId: GroupId): GroupRow | undefined;
  findByConversation(conversationId: ConversationId): GroupRow | undefined;
  list(): GroupRow[];
  put(row: GroupRow): void;
  addEntries(groupId: GroupId, entries: readonly LogRow[]): void;
  entryHash(groupId: GroupId, epoch: number): Bytes | undefined;
  listEntries(groupId: GroupId, afterEpoch: number, limit: number): LogRow[];
  /** What a log says of a key; the key itself may come later. */
  putKeyHash(groupId: GroupId, number: number, hash: Bytes): void;
  getKeyHash(groupId: GroupId, number: number): Bytes | undefined;
  /** Also before the log has said what it must be; then it counts only once that is so. */
  putKey(groupId: GroupId, key: GroupKey): void;
  /** A key that came before the log said what it must be; it is forgotten here. */
  takeEarlyKey(groupId: GroupId, number: number): Bytes | undefined;
  getKey(groupId: GroupId, number: number): GroupKey | undefined;
  listKeys(groupId: GroupId): GroupKey[];
  /** Devices that have the present group key, as far as they are known here. */
  getKeyDevices(
    groupId: GroupId,
  ): { readonly number: number; readonly devices: readonly DeviceId[] } | undefined;
  putKeyDevices(groupId: GroupId, number: number, devices: readonly DeviceId[]): void;
  getOwnKey(groupId: GroupId): OwnSenderKey | undefined;
  putOwnKey(groupId: GroupId, key: OwnSenderKey): void;
  countOwnMessage(groupId: GroupId): void;
  /** Keeps sender keys; one that is known keeps its group. */
  putSenderKeys(groupId: GroupId, rows: readonly SenderKeyRow[], atMs: number): void;
  /** The steps that known keys have taken. */
  updateSenderKeys(rows: readonly SenderKeyRow[]): void;
  /** For which group a device has handed out a key. */
  findSenderKeyGroup(device: DeviceId, distribution: string): GroupId | undefined;
  /** Forgets the keys of a device for a group, all but the newest ones. */
  pruneSenderKeys(groupId: GroupId, device: DeviceId, keep: number): void;
  /** A device has everything of an own chain up to here. */
  putAck(chain: ChainId, device: DeviceId, seq: number): void;
  /** Up to where a device has an own chain; 0 where it has said nothing. */
  getAck(chain: ChainId, device: DeviceId): number;
  listAcks(chain: ChainId): Map<DeviceId, number>;
}
