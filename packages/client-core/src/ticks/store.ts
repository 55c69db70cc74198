/** The part of the store port that holds receipts and settings. */
import type { ChainId, ChainRange, DeviceId, PersonId } from '@kuvert/protocol';

/** What a receipt says of a message; `read` says more. */
export type ReceiptKind = 'delivered' | 'read';

/** What a device says of messages of a chain: it has them, or its person has read them. */
export interface ReceiptRange {
  readonly kind: ReceiptKind;
  readonly chain: ChainId;
  readonly first: number;
  readonly last: number;
  /** Who says it: a device of the other person, or this one of what came in. */
  readonly device: DeviceId;
  /** The other person in the conversation. */
  readonly personId: PersonId;
}

/** Receipts of both directions. Ranges of one kind, chain and device that touch are one. */
export interface ReceiptStore {
  /** False when all of it was known. With `isDue` the range that it becomes a part of is to be told to the person. */
  add(range: ReceiptRange, options: { readonly atMs: number; readonly isDue: boolean }): boolean;
  /** People to whom something is to be told. */
  listPeopleDue(): PersonId[];
  /** What is to be told, at most `limit` ranges; they are not due any more. */
  takeDue(personId: PersonId, kind: ReceiptKind, limit: number): ChainRange[];
  /** What the devices of a person say of a message of one's own, the most that any of them says; undefined for nothing. */
  furthest(personId: PersonId, chain: ChainId, seq: number): ReceiptKind | undefined;
  /** What each device says of it. `atMs` is when it was last heard. */
  listOf(
    personId: PersonId,
    chain: ChainId,
    seq: number,
  ): { readonly device: DeviceId; readonly kind: ReceiptKind; readonly atMs: number }[];
}

/** A setting with its place among those that other devices of the same person may have made. */
export interface StoredSetting {
  readonly name: string;
  readonly scope: PersonId | undefined;
  readonly value: string | undefined;
  readonly stampMs: number;
}

/** Settings by name, for everything or for one conversation. */
export interface SettingStore {
  /** @param scope a person, for the conversation with them, or `undefined` for everything */
  get(name: string, scope: PersonId | undefined): string | undefined;
  /** Without a value the setting is as if it had never been set. An older stamp than the present one changes nothing. */
  put(setting: StoredSetting): void;
  list(): StoredSetting[];
}
