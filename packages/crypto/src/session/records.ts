/**
 * How session state gets in and out. An operation of {@link SessionCipher} reads records through {@link
 * SessionRecords} and answers with the {@link SessionWrites} it wants; it writes nothing itself. Whoever
 * calls commits the writes in ONE transaction with what belongs to them (outbox row and leg, or message row
 * and acknowledgement state). Throwing the writes away, or dying before the commit, is always safe as long as
 * the leg was not sent: the records are as they were. For several operations in one transaction the caller
 * answers reads with what the earlier ones want written.
 */
import type { DeviceId } from '@kuvert/protocol';

/** A one-time or last-resort Kyber prekey as kept by the client. */
export interface KyberPrekeyRow {
  readonly id: number;
  /** Serialised private record. */
  readonly record: Uint8Array<ArrayBuffer>;
  readonly lastResort: boolean;
  readonly createdAtMs: number;
}

/** A signed EC prekey as kept by the client. */
export interface SignedPrekeyRow {
  readonly id: number;
  readonly record: Uint8Array<ArrayBuffer>;
  readonly createdAtMs: number;
}

/** A one-time EC prekey as kept by the client. */
export interface OneTimePrekeyRow {
  readonly id: number;
  readonly record: Uint8Array<ArrayBuffer>;
}

/**
 * A use of the last-resort Kyber key; the same three may not come a second time (libsignal
 * `markKyberPreKeyUsed`).
 */
export interface LastResortUse {
  readonly kyberId: number;
  readonly signedId: number;
  /** The initiator's base key, 33 bytes. */
  readonly baseKey: Uint8Array<ArrayBuffer>;
}

/** A sender key: whose, under which distribution, and libsignal's record of it. */
export interface SenderKeyRow {
  readonly device: DeviceId;
  /** UUID text. */
  readonly distribution: string;
  readonly record: Uint8Array<ArrayBuffer>;
}

/** Read access to the client's store; every call answers from the last commit. */
export interface SessionRecords {
  /** Serialised session with a peer's device. */
  loadSession(device: DeviceId): Uint8Array<ArrayBuffer> | undefined;
  loadOneTimePrekey(id: number): OneTimePrekeyRow | undefined;
  loadSignedPrekey(id: number): SignedPrekeyRow | undefined;
  loadKyberPrekey(id: number): KyberPrekeyRow | undefined;
  hasLastResortUse(use: LastResortUse): boolean;
}

/** The same for sender keys. */
export interface SenderKeyRecords {
  loadSenderKey(device: DeviceId, distribution: string): Uint8Array<ArrayBuffer> | undefined;
}

/** What an operation wants written, all or nothing. */
export interface SessionWrites {
  /** Sessions to insert or replace. */
  readonly sessions: readonly { readonly device: DeviceId; readonly record: Uint8Array<ArrayBuffer> }[];
  /** One-time EC prekeys to delete. */
  readonly usedOneTimePrekeys: readonly number[];
  /** One-time Kyber prekeys to delete. */
  readonly usedKyberPrekeys: readonly number[];
  /** Uses of the last-resort key to insert; keep them as long as that key's private half. */
  readonly lastResortUses: readonly LastResortUse[];
}
