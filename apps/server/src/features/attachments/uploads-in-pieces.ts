/**
 * Files that come in pieces: begun, brought in any number of requests over any number of days, finished. Wherever it is broken off, on either side, an
 * upload goes on from what is durable.
 */
import {
  ATTACHMENT_LIMITS,
  type AttachmentId,
  dropOldest,
  equalBytes,
  KuvertError,
  type TenantId,
} from '@kuvert/protocol';
import type { Blobs } from '../../blobs/index.ts';
import type { DeviceCaller } from '../../channel/routes.ts';
import type { Clock } from '../../clock.ts';
import type { LeakyBuckets } from '../../limits/leaky-buckets.ts';
import type { RowOf, TenantScope } from '../../store/index.ts';
import type { Capabilities, Capability } from './capability.ts';
import { attachments } from './collections.ts';
import { KEPT_MS, UNFINISHED_MS } from './limits.ts';
import type { Quota } from './quota.ts';

/** Uploads that are remembered; others are looked up. */
const BEGUN_MAX = 1_000;

type Row = RowOf<typeof attachments>;
type Caller = Omit<DeviceCaller, 'connection'>;
/** Which file, of which tenant. */
type Place = Pick<Capability, 'tenantId' | 'attachment'>;

/** @see the top of this file */
export interface UploadsInPieces {
  /** @see attachmentsCreate */
  create(
    caller: Caller,
    upload: {
      readonly attachment: AttachmentId;
      readonly sizeBytes: number;
      readonly next?: AttachmentId | undefined;
    },
  ): Promise<{ capability: string; next?: string; offset: number; isStored: boolean }>;
  /** @see attachmentsFinish */
  finish(
    caller: Caller,
    upload: { readonly attachment: AttachmentId; readonly sha256: Uint8Array<ArrayBuffer> },
  ): Promise<{ expiresAt: number }>;
  /** How far an upload has come, and how large it is to be. @throws KuvertError `capability_invalid` when it was given up */
  progress(capability: Capability): Promise<{ offset: number; sizeBytes: number }>;
  /**
   * Adds bytes; resolves when they are durable.
   * @param isAllowed whether who holds the capability may still use it: no byte is taken before
   * @throws KuvertError as `Blobs.append`, `capability_invalid`
   */
  append(
    capability: Capability,
    from: number,
    bytes: AsyncIterable<Uint8Array>,
    isAllowed?: Promise<boolean>,
  ): Promise<number>;
}

/** @see UploadsInPieces */
export function createUploadsInPieces(deps: {
  readonly scopeOf: (tenantId: TenantId) => TenantScope;
  readonly blobs: Blobs;
  readonly clock: Clock;
  readonly capabilities: Capabilities;
  readonly creates: LeakyBuckets;
  readonly quota: Quota;
  readonly onStored: (stored: { tenantId: TenantId; sizeBytes: number; sha256: Uint8Array }) => void;
}): UploadsInPieces & {
  /** What was remembered of an upload does not hold any more. */
  forget(place: Place): void;
} {
  const { scopeOf, blobs, clock, capabilities, creates, quota, onStored } = deps;
  /** Uploads that were begun here, as `create` has found or made them, so that nobody asks the store for what it has just been told. */
  const begun = new Map<string, Row>();
  /** Bytes that have come for an upload and were not handed to the storage yet. */
  const arriving = new Map<string, Promise<unknown>>();

  function remember(key: string, row: Row): void {
    begun.delete(key);
    begun.set(key, row);
    dropOldest(begun, BEGUN_MAX);
  }

  /** What was stored is gone: its row says so too. */
  async function beginAnew(scope: TenantScope, attachment: AttachmentId): Promise<void> {
    const place = { tenantId: scope.tenant, attachment };
    const isGone = await scope.write(async (tx) => {
      const row = await tx.find(attachments, attachment);
      const present = await blobs.find(place);
      if (!row?.sha256 || present?.sizeBytes === row.sizeBytes) return false;
      tx.put(attachments, { ...row, sha256: null });
      return true;
    });
    if (isGone) await blobs.remove(place);
  }

  /** The row of an upload: one that another server has changed since is seen by the storage, or by the transaction that ends it. */
  async function rowOfUpload(place: Place): Promise<Row | undefined> {
    return begun.get(keyOf(place)) ?? scopeOf(place.tenantId).find(attachments, place.attachment);
  }

  /** Resolves when what has come for an upload was taken, also what comes in this turn of the event loop, on another connection. */
  async function allTaken(place: Place): Promise<void> {
    if (!arriving.has(keyOf(place))) await new Promise((resolve) => setImmediate(resolve));
    await arriving.get(keyOf(place));
    await blobs.settled(place);
  }

  return {
    async create(caller, { attachment, sizeBytes, next: nextAttachment }) {
      const { scope, tenantId, deviceId, personId } = caller;
      if (sizeBytes > ATTACHMENT_LIMITS.sealedBytesMax) throw new KuvertError('attachment_too_large');
      creates.take(`${tenantId} ${deviceId}`);
      const place = { tenantId: scope.tenant, attachment };
      // A crash may have left one that came in one request without a row.
      const found = blobs.find(place);
      found.catch(() => undefined);
      let isNew = false;
      const row = await scope.write(async (tx) => {
        const [present, usage] = await Promise.all([
          tx.find(attachments, attachment),
          quota.of(tx, tenantId, deviceId),
        ]);
        if (present !== undefined && (present.device !== deviceId || present.sizeBytes !== sizeBytes)) {
          throw new KuvertError('id_reused');
        }
        if (present?.sha256) return present;
        const nowMs = clock.nowMs();
        const expiresAt = nowMs + UNFINISHED_MS;
        const begun = { attachment, device: deviceId, person: personId, sizeBytes, sha256: null };
        const fresh: Row = { ...begun, createdAt: present?.createdAt ?? nowMs, expiresAt };
        isNew = present === undefined;
        if (isNew) quota.count(tx, usage, { row: fresh, sign: 1 });
        tx.put(attachments, fresh);
        return fresh;
      });
      if (row.sha256 === null) remember(keyOf(place), row);
      const capability = await capabilities.make({ direction: 'up', tenantId, deviceId, attachment });
      const ofNext = { direction: 'new', tenantId, deviceId } as const;
      const next = nextAttachment && (await capabilities.make({ ...ofNext, attachment: nextAttachment }));
      const state = isNew ? await found : await blobs.find(place);
      const isAllThere = state?.sizeBytes === sizeBytes;
      // All there but not complete: a crash came in between, and whoever finishes it again completes it.
      const isStored = row.sha256 !== null && isAllThere && state.isComplete;
      // The storage has lost it, by accident or in a restore: whoever still has it brings it again.
      const isLost = row.sha256 !== null && !isAllThere;
      if (isLost) await beginAnew(scope, attachment);
      // A crash has left its name without all of its bytes.
      const isBroken = row.sha256 === null && state?.isComplete === true && !isAllThere;
      if (isBroken) await blobs.remove(place);
      const offset = isLost || isBroken ? 0 : (state?.sizeBytes ?? 0);
      return { capability, ...(next !== undefined && { next }), offset, isStored };
    },

    async finish({ scope, deviceId }, { attachment, sha256 }) {
      const place = { tenantId: scope.tenant, attachment };
      const row = await rowOfUpload(place);
      if (row?.device !== deviceId) throw new KuvertError('not_found');
      if (row.sha256 !== null && !equalBytes(row.sha256, sha256)) throw new KuvertError('id_reused');
      // Whoever asks while the last bytes are on their way is answered behind them.
      if (row.sha256 === null) await allTaken(place);
      const state = await blobs.find(place);
      const offset = state?.sizeBytes ?? 0;
      if (row.sha256 === null) {
        if (offset !== row.sizeBytes) throw new KuvertError('attachment_offset', { details: { offset } });
        if (!equalBytes(await blobs.hash(place), sha256)) {
          await blobs.remove(place);
          throw new KuvertError('attachment_damaged', { retry: { kind: 'now' } });
        }
      }
      const expiresAt = clock.nowMs() + KEPT_MS;
      // Bytes and name become durable while the row is read, and the row behind them: it promises both.
      const isToComplete = row.sha256 === null || (state?.isComplete === false && offset === row.sizeBytes);
      const completed = isToComplete ? blobs.complete(place) : Promise.resolve();
      completed.catch(() => undefined);
      await scope.write(async (tx) => {
        const present = await tx.get(attachments, attachment);
        await completed;
        tx.put(attachments, { ...present, sha256, expiresAt: Math.max(expiresAt, present.expiresAt) });
      });
      begun.delete(keyOf(place));
      if (row.sha256 === null) onStored({ tenantId: scope.tenant, sizeBytes: row.sizeBytes, sha256 });
      return { expiresAt };
    },

    async progress(capability) {
      const row = await scopeOf(capability.tenantId).find(attachments, capability.attachment);
      if (row?.device !== capability.deviceId) throw new KuvertError('capability_invalid');
      if (row.sha256 !== null) return { offset: row.sizeBytes, sizeBytes: row.sizeBytes };
      return { offset: (await blobs.find(capability))?.sizeBytes ?? 0, sizeBytes: row.sizeBytes };
    },

    async append(capability, from, bytes, isAllowed = Promise.resolve(true)) {
      const key = keyOf(capability);
      const taken = Promise.withResolvers<void>();
      arriving.set(key, taken.promise);
      try {
        const [row, isHolder] = await Promise.all([rowOfUpload(capability), isAllowed]);
        if (!isHolder || row?.device !== capability.deviceId) throw new KuvertError('capability_invalid');
        const { sizeBytes } = row;
        if (row.sha256 !== null)
          throw new KuvertError('attachment_offset', { details: { offset: sizeBytes } });
        return blobs.append(capability, from, bytes, sizeBytes);
      } finally {
        if (arriving.get(key) === taken.promise) arriving.delete(key);
        taken.resolve();
      }
    },

    forget(place) {
      begun.delete(keyOf(place));
    },
  };
}

function keyOf({ tenantId, attachment }: Place): string {
  return `${tenantId} ${attachment}`;
}
