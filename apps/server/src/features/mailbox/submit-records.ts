/**
 * Remembering what a submit was answered (wire.md §4). Key = second of the submit id (4 B) ‖ 12 B of HMAC(day key, device ‖ submit
 * id): ordered by time, so that inserts stay cheap (docs/decisions/0003), and naming nobody. Value = version u8 | hash of the request 32 | acceptedAt u64;
 * the legs of the answer are those of the request, whose hash is the same. Day keys are random and forgotten with the last record
 * of their day.
 */
import { createHash, createHmac } from 'node:crypto';
import {
  idToBytes,
  KuvertError,
  LABELS,
  type PersonId,
  type Submit,
  type SubmitId,
  submitIdTimeMs,
  type TenantId,
} from '@kuvert/protocol';
import type { Random } from '../../clock.ts';
import type { TenantScope } from '../../store/index.ts';
import { submitDayKeys } from './collections.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;
/** How long a submit may be repeated, counted from the time in its id. */
const SUBMIT_MEMORY_MS = 7 * DAY_MS;
/** How much earlier a submit is too old, so that its record cannot vanish while it is looked at. */
const MARGIN_MS = HOUR_MS;
/** How far a client's clock may be ahead. */
const AHEAD_MS = HOUR_MS;
const RECORD_VERSION = 1;

/**
 * Checks the time in a submit id. One from the future was made before our clock was set back, and is as good as any other once it has
 * a new id: both refusals tell our time.
 * @throws KuvertError `submit_too_old`, `submit_too_new` with {serverTime}
 */
export function checkSubmitTime(submitId: SubmitId, nowMs: number): void {
  const timeMs = submitIdTimeMs(submitId);
  const details = { serverTime: nowMs };
  if (timeMs > nowMs + AHEAD_MS) throw new KuvertError('submit_too_new', { details });
  if (timeMs < nowMs - SUBMIT_MEMORY_MS + MARGIN_MS) throw new KuvertError('submit_too_old', { details });
}

/** From when on the record of this submit may be removed. */
export function recordExpiresAt(submitId: SubmitId): number {
  return submitIdTimeMs(submitId) + SUBMIT_MEMORY_MS;
}

/** SHA-256 of all that makes two submits the same. */
export function requestHash(submit: Submit): Uint8Array {
  const hash = createHash('sha256');
  const head = new Uint8Array(17 + 32 + 6);
  head.set(idToBytes(submit.to as PersonId));
  head.set(submit.listHash, 17);
  head.set([submit.suite, submit.class, submit.urgency, submit.lifetime], 49);
  new DataView(head.buffer).setUint16(53, submit.legs.length);
  hash.update(head);
  for (const leg of submit.legs) {
    const legHead = new Uint8Array(17 + 4);
    legHead.set(idToBytes(leg.device));
    new DataView(legHead.buffer).setUint32(17, leg.bytes.length);
    hash.update(legHead).update(leg.bytes);
  }
  if (submit.body) hash.update(submit.body);
  return hash.digest();
}

/** The value of a submit record. */
export function encodeRecord(hash: Uint8Array, acceptedAtMs: number): Uint8Array {
  const record = new Uint8Array(41);
  record[0] = RECORD_VERSION;
  record.set(hash, 1);
  const view = new DataView(record.buffer);
  view.setUint32(33, Math.floor(acceptedAtMs / 2 ** 32));
  view.setUint32(37, acceptedAtMs % 2 ** 32);
  return record;
}

/** What a submit record says. @throws KuvertError `data_too_new` for a later schema */
export function decodeRecord(record: Uint8Array): { hash: Uint8Array; acceptedAtMs: number } {
  if (record[0] !== RECORD_VERSION) throw new KuvertError('data_too_new');
  const view = new DataView(record.buffer, record.byteOffset);
  return {
    hash: record.subarray(1, 33),
    acceptedAtMs: view.getUint32(33) * 2 ** 32 + view.getUint32(37),
  };
}

/** The two parts of a record's key. */
export type RecordKey = readonly [second: Uint8Array, mac: Uint8Array];

/** Finds the keys of records; only the first submit of a day waits for its day key. */
export interface RecordKeys {
  /** Without waiting, when the day key is in memory. */
  peek(scope: TenantScope, deviceBytes: Uint8Array, submitId: SubmitId): RecordKey | undefined;
  /** @see peek */
  load(scope: TenantScope, deviceBytes: Uint8Array, submitId: SubmitId): Promise<RecordKey>;
}

/** @see RecordKeys */
export function createRecordKeys(random: Random): RecordKeys {
  const byTenant = new Map<TenantId, Map<number, Uint8Array>>();

  async function loadDayKey(scope: TenantScope, day: number): Promise<Uint8Array> {
    const fresh = Uint8Array.from(random(32));
    const key = await scope.write(async (tx) => {
      const row = await tx.find(submitDayKeys, day);
      if (row !== undefined) return row.key;
      tx.insert(submitDayKeys, { day, key: fresh, expiresAt: (day + 1) * DAY_MS + SUBMIT_MEMORY_MS });
      return fresh;
    });
    const keys = byTenant.get(scope.tenant) ?? new Map<number, Uint8Array>();
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

function dayOf(submitId: SubmitId): number {
  return Math.floor(submitIdTimeMs(submitId) / DAY_MS);
}

function recordKey(dayKey: Uint8Array, deviceBytes: Uint8Array, submitId: SubmitId): RecordKey {
  const second = new Uint8Array(4);
  new DataView(second.buffer).setUint32(0, Math.floor(submitIdTimeMs(submitId) / 1_000) % 2 ** 32);
  const mac = createHmac('sha256', dayKey)
    .update(LABELS.submitRecord)
    .update(deviceBytes)
    .update(idToBytes(submitId))
    .digest();
  return [second, mac.subarray(0, 12)];
}
