import type { PrekeyCounts, PrekeyUpload } from '@kuvert/protocol';
import type { KyberPrekeyRow, OneTimePrekeyRow, SignedPrekeyRow } from './records.ts';

/** The next free id of each kind; kept by the client, moved on in the transaction that stores the rows. */
export interface PrekeyCounters {
  readonly oneTime: number;
  readonly signed: number;
  readonly kyber: number;
}

/** New private halves, to be committed before `upload` is sent. */
export interface PrekeyRows {
  readonly oneTime: readonly OneTimePrekeyRow[];
  readonly signed: readonly SignedPrekeyRow[];
  readonly kyber: readonly KyberPrekeyRow[];
}

export interface MadePrekeys<U> {
  readonly upload: U;
  readonly rows: PrekeyRows;
  readonly counters: PrekeyCounters;
}
export declare const FIRST_PREKEY_COUNTERS: PrekeyCounters;
/** The full stock, for enrolment. */
export declare function makePrekeys(options: {
  readonly identityPrivateKey: Uint8Array<ArrayBuffer>;
  readonly counters: PrekeyCounters;
  readonly nowMs: number;
}): MadePrekeys<PrekeyUpload>;
/** What is due now by server stock and age, or undefined when nothing is. */
export declare function renewPrekeys(options: {
  readonly identityPrivateKey: Uint8Array<ArrayBuffer>;
  readonly counters: PrekeyCounters;
  readonly nowMs: number;
  readonly counts: PrekeyCounts;
  /** When the present signed prekey (and last-resort key) was made. */
  readonly signedCreatedAtMs: number;
}): MadePrekeys<Partial<PrekeyUpload>> | undefined;
/** Ids of signed or last-resort rows whose successor is older than 30 days: their private halves are to be deleted. */
export declare function listExpiredPrekeys(
  rows: readonly { readonly id: number; readonly createdAtMs: number }[],
  nowMs: number,
): readonly number[];
