/**
 * Remembering what a submit was answered (wire.md §4). Key = time of the submit id (ms, 6 B) ‖ 12 B of HMAC(day key, device ‖ submit
 * id): ordered by time, so that inserts stay cheap (docs/decisions/0006), and naming nobody. Value = version u8 | hash of the request 32 | acceptedAt u64 |
 * dormant devices, 17 each; the other legs of the answer are those of the request, whose hash is the same. Day keys are random and forgotten with the last record
 * of their day.
 */
import { hash } from 'node:crypto';
import {
  type DeviceId,
  ID_BYTES,
  idFromBytes,
  idToBytes,
  KuvertError,
  putU32,
  putU48,
  SUBMIT_ID_AT,
  submitBytesTimeMs,
  type TenantId,
  u32At,
} from '@kuvert/protocol';
import type { Random } from '../../clock.ts';
import type { TenantScope } from '../../store/index.ts';
import { MAC_BYTES, submitDayKeys, submitRecords, TIME_BYTES } from './collections.ts';
import { DayKey } from './day-key.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;
/** How long a submit may be repeated, counted from the time in its id. */
const SUBMIT_MEMORY_MS = 7 * DAY_MS;
/** How much earlier a submit is too old, so that its record cannot vanish while it is looked at. */
const MARGIN_MS = HOUR_MS;
/** How far a client's clock may be ahead. */
const AHEAD_MS = HOUR_MS;
const RECORD_VERSION = 1;
const HASH_BYTES = 32;
const DORMANT_AT = 1 + HASH_BYTES + 8;

/**
 * Checks the time in a submit id. One from the future was made before our clock was set back, and is as good as any other once it has
 * a new id: both refusals tell our time.
 * @throws KuvertError `submit_too_old`, `submit_too_new` with {serverTime}
 */
export function checkSubmitTime(submitId: Uint8Array, nowMs: number): void {
  const timeMs = submitBytesTimeMs(submitId);
  const details = { serverTime: nowMs };
  if (timeMs > nowMs + AHEAD_MS) throw new KuvertError('submit_too_new', { details });
  if (timeMs < nowMs - SUBMIT_MEMORY_MS + MARGIN_MS) throw new KuvertError('submit_too_old', { details });
}

/** Records of submits from before this time may be removed: the first part of their keys. */
export function recordsUntil(nowMs: number): Uint8Array {
  const time = new Uint8Array(TIME_BYTES);
  putU48(time, 0, Math.max(0, nowMs - SUBMIT_MEMORY_MS));
  return time;
}

/** The 17 bytes of the submit id in a submit record. */
export function submitIdIn(record: Uint8Array): Uint8Array {
  return record.subarray(SUBMIT_ID_AT, SUBMIT_ID_AT + ID_BYTES);
}

/** A hash as text of one character a byte: a digest in bytes has memory of its own, which costs more than reading it out of the text. */
export type RequestHash = string;

/** SHA-256 of all that makes two submits the same: their records (which have one form only) behind request number and id. */
export function requestHash(record: Uint8Array): RequestHash {
  return hash('sha256', record.subarray(SUBMIT_ID_AT + ID_BYTES), 'latin1');
}

/** The value of a submit record. */
export function encodeRecord(
  hash: RequestHash,
  acceptedAtMs: number,
  dormant: readonly DeviceId[],
): Uint8Array {
  const record = new Uint8Array(DORMANT_AT + dormant.length * ID_BYTES);
  record[0] = RECORD_VERSION;
  for (let i = 0; i < HASH_BYTES; i++) record[1 + i] = hash.charCodeAt(i);
  putU32(record, 1 + HASH_BYTES, Math.floor(acceptedAtMs / 2 ** 32));
  putU32(record, 1 + HASH_BYTES + 4, acceptedAtMs % 2 ** 32);
  for (const [i, device] of dormant.entries()) record.set(idToBytes(device), DORMANT_AT + i * ID_BYTES);
  return record;
}

/** What a submit record says. @throws KuvertError `data_too_new` for a later schema */
export function decodeRecord(record: Uint8Array): {
  hash: RequestHash;
  acceptedAtMs: number;
  dormant: DeviceId[];
} {
  if (record[0] !== RECORD_VERSION) throw new KuvertError('data_too_new');
  const dormant: DeviceId[] = [];
  for (let at = DORMANT_AT; at < record.length; at += ID_BYTES)
    dormant.push(idFromBytes('device', record.subarray(at, at + ID_BYTES)));
  return {
    hash: String.fromCharCode(...record.subarray(1, 1 + HASH_BYTES)),
    acceptedAtMs: u32At(record, 1 + HASH_BYTES) * 2 ** 32 + u32At(record, 1 + HASH_BYTES + 4),
    dormant,
  };
}

/** A record's key as it is stored. */
export type RecordKey = Uint8Array;

/** The row of a record. */
export async function findRecord(scope: TenantScope, key: RecordKey) {
  return scope.find(submitRecords, key.subarray(0, TIME_BYTES), key.subarray(TIME_BYTES));
}

/** Finds the keys of records; only the first submit of a day waits for its day key. */
export interface RecordKeys {
  /** Without waiting, when the day key is in memory. */
  peek(scope: TenantScope, deviceBytes: Uint8Array, submitId: Uint8Array): RecordKey | undefined;
  /** @see peek */
  load(scope: TenantScope, deviceBytes: Uint8Array, submitId: Uint8Array): Promise<RecordKey>;
}

/** @see RecordKeys */
export function createRecordKeys(random: Random): RecordKeys {
  const byTenant = new Map<TenantId, Map<number, DayKey>>();

  async function loadDayKey(scope: TenantScope, day: number): Promise<DayKey> {
    const fresh = Uint8Array.from(random(32));
    const bytes = await scope.write(async (tx) => {
      const row = await tx.find(submitDayKeys, day);
      if (row !== undefined) return row.key;
      tx.insert(submitDayKeys, { day, key: fresh, expiresAt: (day + 1) * DAY_MS + SUBMIT_MEMORY_MS });
      return fresh;
    });
    const key = new DayKey(bytes);
    const keys = byTenant.get(scope.tenant) ?? new Map<number, DayKey>();
    byTenant.set(scope.tenant, keys);
    for (const known of keys.keys()) if (known < day - 9) keys.delete(known);
    keys.set(day, key);
    return key;
  }

  return {
    peek(scope, deviceBytes, submitId) {
      const key = byTenant.get(scope.tenant)?.get(dayOf(submitId));
      return key && recordKey(key, deviceBytes, submitId);
    },
    async load(scope, deviceBytes, submitId) {
      return recordKey(await loadDayKey(scope, dayOf(submitId)), deviceBytes, submitId);
    },
  };
}

function dayOf(submitId: Uint8Array): number {
  return Math.floor(submitBytesTimeMs(submitId) / DAY_MS);
}

function recordKey(dayKey: DayKey, deviceBytes: Uint8Array, submitId: Uint8Array): RecordKey {
  const mac = dayKey.macOf(deviceBytes, submitId);
  const key = new Uint8Array(TIME_BYTES + MAC_BYTES);
  for (let i = 0; i < TIME_BYTES; i++) key[i] = submitId[1 + i] ?? 0;
  for (let i = 0; i < MAC_BYTES; i++) key[TIME_BYTES + i] = mac.charCodeAt(i);
  return key;
}
