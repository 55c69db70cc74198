/**
 * Making, refilling and rotating prekeys (facts/protocol.md §1). Signed and last-resort keys are renewed
 * together every 36 hours. Private halves outlive their replacement by 30 days, the longest that an envelope
 * made for them can wait on the server; one-time halves are deleted by their first use. Callers commit rows
 * and counters before they upload, so that no published key is without its private half.
 */
import { PREKEY_STOCK, type PrekeyCounts, type PrekeyUpload } from '@kuvert/protocol';
import {
  KEMKeyPair,
  KyberPreKeyRecord,
  PreKeyRecord,
  PrivateKey,
  SignedPreKeyRecord,
} from '@signalapp/libsignal-client';
import type { KyberPrekeyRow, OneTimePrekeyRow, SignedPrekeyRow } from './records.ts';

/** Age at which the signed and the last-resort prekey are replaced. */
export const PREKEY_ROTATION_MS = 36 * 3_600_000;
/** How long private halves are kept after their replacement. */
export const PREKEY_KEEP_MS = 30 * 86_400_000;

const KEY_ID_MAX = 0xffffff;

/** The next free id of each kind; kept by the client, moved on in the transaction that stores the rows. */
export interface PrekeyCounters {
  readonly oneTime: number;
  readonly signed: number;
  /** One-time and last-resort Kyber keys share their ids. */
  readonly kyber: number;
}

/** Counters of a new device. */
export const FIRST_PREKEY_COUNTERS: PrekeyCounters = { oneTime: 1, signed: 1, kyber: 1 };

/** New private halves. */
export interface PrekeyRows {
  readonly oneTime: readonly OneTimePrekeyRow[];
  readonly signed: readonly SignedPrekeyRow[];
  readonly kyber: readonly KyberPrekeyRow[];
}

/** New prekeys: what to publish, what to keep, and the counters to keep with it. */
export interface MadePrekeys<U> {
  readonly upload: U;
  readonly rows: PrekeyRows;
  readonly counters: PrekeyCounters;
}

/** The full stock, for enrolment. */
export function makePrekeys(options: {
  readonly identityPrivateKey: Uint8Array<ArrayBuffer>;
  readonly counters: PrekeyCounters;
  readonly nowMs: number;
}): MadePrekeys<PrekeyUpload> {
  const maker = new PrekeyMaker(options);
  const upload = {
    ...maker.makeRotating(),
    oneTime: maker.makeOneTime(PREKEY_STOCK.ec),
    kyber: maker.makeKyber(PREKEY_STOCK.kyber),
  };
  return { upload, ...maker.made() };
}

/** What is due now, by the server's stock and the age of the rotating keys; undefined when nothing is. */
export function renewPrekeys(options: {
  readonly identityPrivateKey: Uint8Array<ArrayBuffer>;
  readonly counters: PrekeyCounters;
  readonly nowMs: number;
  /** From `prekeys.count`. */
  readonly counts: PrekeyCounts;
  /** When the present signed prekey (and with it the last-resort key) was made. */
  readonly signedCreatedAtMs: number;
}): MadePrekeys<Partial<PrekeyUpload>> | undefined {
  const { counts, nowMs, signedCreatedAtMs } = options;
  const isRotationDue = nowMs - signedCreatedAtMs >= PREKEY_ROTATION_MS;
  const isEcLow = counts.ec < PREKEY_STOCK.refillBelowEc;
  const isKyberLow = counts.kyber < PREKEY_STOCK.refillBelowKyber;
  if (!isRotationDue && !isEcLow && !isKyberLow) return undefined;
  const maker = new PrekeyMaker(options);
  const upload = {
    ...(isRotationDue ? maker.makeRotating() : {}),
    ...(isEcLow ? { oneTime: maker.makeOneTime(PREKEY_STOCK.ec - counts.ec) } : {}),
    ...(isKyberLow ? { kyber: maker.makeKyber(PREKEY_STOCK.kyber - counts.kyber) } : {}),
  };
  return { upload, ...maker.made() };
}

/**
 * Ids of rotating rows (all signed ones, or all last-resort ones) whose private halves are to be deleted,
 * with the last-resort uses that name them: a successor has been there for more than {@link PREKEY_KEEP_MS}.
 */
export function listExpiredPrekeys(
  rows: readonly { readonly id: number; readonly createdAtMs: number }[],
  nowMs: number,
): readonly number[] {
  const byAge = rows.toSorted((a, b) => a.createdAtMs - b.createdAtMs);
  return byAge
    .filter((_, index) => {
      const successor = byAge[index + 1];
      return successor !== undefined && nowMs - successor.createdAtMs > PREKEY_KEEP_MS;
    })
    .map((row) => row.id);
}

class PrekeyMaker {
  readonly #identityKey: PrivateKey;
  readonly #nowMs: number;
  readonly #next: { -readonly [K in keyof PrekeyCounters]: number };
  readonly #oneTime: OneTimePrekeyRow[] = [];
  readonly #signed: SignedPrekeyRow[] = [];
  readonly #kyber: KyberPrekeyRow[] = [];

  constructor(options: {
    readonly identityPrivateKey: Uint8Array<ArrayBuffer>;
    readonly counters: PrekeyCounters;
    readonly nowMs: number;
  }) {
    this.#identityKey = PrivateKey.deserialize(options.identityPrivateKey);
    this.#nowMs = options.nowMs;
    this.#next = { ...options.counters };
  }

  makeRotating(): Pick<PrekeyUpload, 'signed' | 'lastResort'> {
    const id = this.#take('signed');
    const key = PrivateKey.generate();
    const publicKey = key.getPublicKey().serialize();
    const signature = this.#identityKey.sign(publicKey);
    const record = SignedPreKeyRecord.new(id, this.#nowMs, key.getPublicKey(), key, signature);
    this.#signed.push({ id, record: record.serialize(), createdAtMs: this.#nowMs });
    return { signed: { id, publicKey, signature }, lastResort: this.#makeKyberKey(true) };
  }

  makeOneTime(count: number): PrekeyUpload['oneTime'] {
    return Array.from({ length: count }, () => {
      const id = this.#take('oneTime');
      const key = PrivateKey.generate();
      const record = PreKeyRecord.new(id, key.getPublicKey(), key);
      this.#oneTime.push({ id, record: record.serialize() });
      return { id, publicKey: key.getPublicKey().serialize() };
    });
  }

  makeKyber(count: number): PrekeyUpload['kyber'] {
    return Array.from({ length: count }, () => this.#makeKyberKey(false));
  }

  made(): { rows: PrekeyRows; counters: PrekeyCounters } {
    const rows = { oneTime: this.#oneTime, signed: this.#signed, kyber: this.#kyber };
    return { rows, counters: { ...this.#next } };
  }

  #makeKyberKey(lastResort: boolean): PrekeyUpload['lastResort'] {
    const id = this.#take('kyber');
    const pair = KEMKeyPair.generate();
    const publicKey = pair.getPublicKey().serialize();
    const signature = this.#identityKey.sign(publicKey);
    const record = KyberPreKeyRecord.new(id, this.#nowMs, pair, signature);
    this.#kyber.push({ id, record: record.serialize(), lastResort, createdAtMs: this.#nowMs });
    return { id, publicKey, signature };
  }

  #take(kind: keyof PrekeyCounters): number {
    const id = this.#next[kind];
    this.#next[kind] = id === KEY_ID_MAX ? 1 : id + 1;
    return id;
  }
}
