/** The part of the store port that keeps how far transfers of history have come. */
import type { DeviceId, HistoryNumbers, PersonId, RequestId } from '@kuvert/protocol';
import type { EntryRow, ListedEntry } from '../conversations/store.ts';
import type { EntryId } from '../conversations/types.ts';

/** A history on its way to another device of one's own. */
export interface OutgoingTransfer {
  readonly transfer: RequestId;
  readonly to: DeviceId;
  /** The next part; entries before `beforeEntry` are still to come. */
  readonly part: number;
  readonly beforeEntry: EntryId;
  readonly total: number;
}

/** A history that this device has asked for. */
export interface IncomingTransfer {
  readonly transfer: RequestId;
  readonly from: DeviceId;
  readonly askedAtMs: number;
  /** When the last part came. */
  readonly heardAtMs?: number;
  /** How often it was asked for because parts were missing. */
  readonly tries: number;
  /** Parts that have arrived, and their number once the last of them has. */
  readonly parts: number;
  readonly partsTotal: number | undefined;
  /** Messages that have arrived, and how many were announced. */
  readonly messages: number;
  readonly total: number;
}

/** @see the top of this file */
export interface TransferStore {
  /** One for each device: a later request replaces an earlier one. */
  putOutgoing(transfer: OutgoingTransfer): void;
  listOutgoing(): OutgoingTransfer[];
  deleteOutgoing(transfer: RequestId): void;
  /** Parts that wait in the outbox. */
  countPartsWaiting(): number;
  putIncoming(transfer: IncomingTransfer): void;
  getIncoming(): IncomingTransfer | undefined;
  /** Messages with a known person, and theirs; notices and what was removed stay where they are. */
  countMessages(): number;
  listMessages(beforeEntry: EntryId, limit: number): Exclude<ListedEntry, { direction: 'system' }>[];
  /** Numbers of what has come and is not among the messages, at most so many ranges. */
  listNumbersBeside(limit: number): HistoryNumbers[];
  /**
   * Messages that stand here as sent by this device and of whose sending it knows nothing: another device of one's own has given them. In
   * the order in which they were written.
   */
  listForgottenSent(ownDevice: DeviceId, writtenSinceMs: number): EntryRow[];
  /** The people of all conversations. */
  listPeers(): PersonId[];
}
