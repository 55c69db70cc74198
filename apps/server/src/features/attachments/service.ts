/** The rules of attachments: who may upload how much, what is kept for how long, who may fetch it. */
import {
  ATTACHMENT_LIMITS,
  type AttachmentId,
  type DeviceId,
  dropOldest,
  equalBytes,
  KuvertError,
  LIFETIME_MS,
  type PersonId,
  type TenantId,
} from '@kuvert/protocol';
import type { Blobs } from '../../blobs/index.ts';
import type { DeviceCaller } from '../../channel/routes.ts';
import type { Clock } from '../../clock.ts';
import type { LeakyBuckets } from '../../limits/leaky-buckets.ts';
import type { RowOf, TenantScope, Tx } from '../../store/index.ts';
import type { ExchangeService } from '../pools/index.ts';
import type { Capabilities, Capability } from './capability.ts';
import { attachments, attachmentUsage } from './collections.ts';
import { HashedBody } from './hashed-body.ts';
import { ATTACHMENTS_MAX, EXPIRY_MARGIN_MS, LEFTOVER_MS, UNFINISHED_MS } from './limits.ts';

/** Uploads that are remembered; others are looked up. */
const BEGUN_MAX = 1_000;

type Row = RowOf<typeof attachments>;
type Caller = Omit<DeviceCaller, 'connection'>;

/** @see the top of this file */
export interface AttachmentService {
  /** @see attachmentsCreate */
  create(
    caller: Caller,
    upload: {
      readonly attachment: AttachmentId;
      readonly sizeBytes: number;
      readonly next?: AttachmentId | undefined;
    },
  ): Promise<{ capability: string; next?: string; offset: number; isStored: boolean }>;
  /**
   * Takes a small file as a whole: what `create`, `append` and `finish` do of others. Resolves when it is durable and counted. Of one that is refused or
   * does not come to its end nothing is kept; what a crash leaves goes on with `create`, or is found by {@link AttachmentService.sweepLeftovers}.
   * @param file.body the sealed bytes and behind them their SHA-256; each part need only be good until the next is asked for
   * @param file.owner whose device it is, while that may do anything: no byte is kept before
   * @throws KuvertError `capability_invalid`, `attachment_quota`, `rate_limited`, `disk_full`, `attachment_offset` with {offset} when not all came or it
   * was begun another way, `attachment_damaged` (begin anew)
   */
  store(
    capability: Capability,
    file: {
      readonly sizeBytes: number;
      readonly body: AsyncIterable<Uint8Array>;
      readonly owner: Promise<PersonId | undefined>;
    },
  ): Promise<void>;
  /** @see attachmentsFinish */
  finish(
    caller: Caller,
    upload: { readonly attachment: AttachmentId; readonly sha256: Uint8Array<ArrayBuffer> },
  ): Promise<{ expiresAt: number }>;
  /** @see attachmentsOpen */
  open(
    caller: Caller,
    attachment: AttachmentId,
  ): Promise<{ capability: string; sizeBytes: number; sha256: Uint8Array<ArrayBuffer>; expiresAt: number }>;
  /** @see attachmentsRemove */
  remove(caller: Caller, attachment: AttachmentId): Promise<void>;
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
  /**
   * The sealed bytes from an offset on.
   * @param reader whose device holds the capability: asked once more, because people may have been separated since it was given
   * @throws KuvertError `attachment_gone`, `exchange_refused`
   */
  read(
    capability: Capability,
    reader: PersonId,
    from: number,
  ): Promise<{ bytes: AsyncIterable<Uint8Array>; sizeBytes: number; sha256: Uint8Array<ArrayBuffer> }>;
  /** Removes up to `limit` attachments whose time is over. @returns how many */
  sweep(scope: TenantScope, limit: number): Promise<number>;
  /** Removes files that no row names, left by a crash. @returns how many */
  sweepLeftovers(scope: TenantScope): Promise<number>;
}

/** @see AttachmentService */
export function createAttachmentService(deps: {
  readonly scopeOf: (tenantId: TenantId) => TenantScope;
  readonly blobs: Blobs;
  readonly clock: Clock;
  readonly capabilities: Capabilities;
  readonly creates: LeakyBuckets;
  readonly exchange: Pick<ExchangeService, 'requireBetween'>;
  /** What the attachments of one tenant may take. */
  readonly tenantBytesMax: number;
  /** A file is whole and will not change any more. */
  readonly onStored: (stored: { tenantId: TenantId; sizeBytes: number; sha256: Uint8Array }) => void;
  readonly onLimit: (caller: { tenantId: string; deviceId: string }) => void;
}): AttachmentService {
  const { scopeOf, blobs, clock, capabilities, creates, exchange, tenantBytesMax, onStored, onLimit } = deps;
  const placeOf = (scope: TenantScope, attachment: AttachmentId) => ({ tenantId: scope.tenant, attachment });
  /** Uploads that were begun here, as `create` has found or made them, so that nobody asks the store for what it has just been told. */
  const begun = new Map<string, Row>();
  /** Bytes that have come for an upload and were not handed to the storage yet. */
  const arriving = new Map<string, Promise<unknown>>();
  /** What is to be counted soon, by subject. */
  const reserved = new Map<string, { readonly bytes: number; readonly count: number }>();
  const keyOf = ({ tenantId, attachment }: Pick<Capability, 'tenantId' | 'attachment'>) =>
    `${tenantId} ${attachment}`;
  const keptUntil = () => clock.nowMs() + LIFETIME_MS[1] + EXPIRY_MARGIN_MS;

  /** What a tenant and a device keep, asked for at once. */
  async function usageOf(
    rows: Pick<TenantScope, 'find'> | Pick<Tx<'tenant'>, 'find'>,
    tenantId: TenantId,
    device: DeviceId,
  ) {
    const [ofTenant, ofDevice] = await Promise.all([
      rows.find(attachmentUsage, tenantId),
      rows.find(attachmentUsage, device),
    ]);
    return [
      { subject: tenantId, row: ofTenant, bytesMax: tenantBytesMax, countMax: Number.POSITIVE_INFINITY },
      {
        subject: device,
        row: ofDevice,
        bytesMax: ATTACHMENTS_MAX.deviceBytes,
        countMax: ATTACHMENTS_MAX.deviceCount,
      },
    ];
  }

  /**
   * Keeps room for a file that is counted only when it is there.
   * @returns gives it back
   * @throws KuvertError `attachment_quota`
   */
  function reserve(usage: Awaited<ReturnType<typeof usageOf>>, sizeBytes: number): () => void {
    for (const { subject, row, bytesMax, countMax } of usage) {
      const others = reserved.get(subject) ?? { bytes: 0, count: 0 };
      const bytes = (row?.bytes ?? 0) + others.bytes + sizeBytes;
      const count = (row?.count ?? 0) + others.count + 1;
      if (bytes > bytesMax || count > countMax) throw new KuvertError('attachment_quota');
    }
    const add = (sign: 1 | -1) => {
      for (const { subject } of usage) {
        const present = reserved.get(subject) ?? { bytes: 0, count: 0 };
        const next = { bytes: present.bytes + sign * sizeBytes, count: present.count + sign };
        if (next.count === 0) reserved.delete(subject);
        else reserved.set(subject, next);
      }
    };
    add(1);
    return () => add(-1);
  }

  /** Counts an attachment in or out, for its device and for the tenant. */
  function count(
    tx: Tx<'tenant'>,
    usage: Awaited<ReturnType<typeof usageOf>>,
    { row, sign }: { readonly row: Row; readonly sign: 1 | -1 },
  ): void {
    for (const { subject, bytesMax, countMax, row: counted } of usage) {
      const present = counted ?? { subject, bytes: 0, count: 0 };
      const next = {
        subject,
        bytes: Math.max(0, present.bytes + sign * row.sizeBytes),
        count: Math.max(0, present.count + sign),
      };
      if (sign > 0 && (next.bytes > bytesMax || next.count > countMax))
        throw new KuvertError('attachment_quota');
      if (next.count === 0) tx.delete(attachmentUsage, subject);
      else tx.put(attachmentUsage, next);
    }
  }

  /** The row goes first: a file without one is found by `sweepLeftovers`, a row without its file would promise what is not there. */
  async function discard(
    scope: TenantScope,
    attachment: AttachmentId,
    isStill: (row: Row) => boolean,
  ): Promise<void> {
    const isGone = await scope.write(async (tx) => {
      const row = await tx.find(attachments, attachment);
      if (row === undefined || !isStill(row)) return false;
      count(tx, await usageOf(tx, scope.tenant, row.device), { row, sign: -1 });
      tx.delete(attachments, attachment);
      return true;
    });
    begun.delete(keyOf(placeOf(scope, attachment)));
    if (isGone) await blobs.remove(placeOf(scope, attachment));
  }

  function remember(key: string, row: Row): void {
    begun.delete(key);
    begun.set(key, row);
    dropOldest(begun, BEGUN_MAX);
  }

  /** What was stored is gone: its row says so too. */
  async function beginAnew(scope: TenantScope, attachment: AttachmentId): Promise<void> {
    const place = placeOf(scope, attachment);
    const isGone = await scope.write(async (tx) => {
      const row = await tx.find(attachments, attachment);
      const present = await blobs.find(place);
      if (!row?.sha256 || present?.sizeBytes === row.sizeBytes) return false;
      tx.put(attachments, { ...row, sha256: null });
      return true;
    });
    if (isGone) await blobs.remove(place);
  }

  async function rowOf({ tenantId, attachment }: Capability): Promise<Row | undefined> {
    return scopeOf(tenantId).find(attachments, attachment);
  }

  /** The row of an upload: one that another server has changed since is seen by the storage, or by the transaction that ends it. */
  async function rowOfUpload(place: Pick<Capability, 'tenantId' | 'attachment'>): Promise<Row | undefined> {
    return begun.get(keyOf(place)) ?? scopeOf(place.tenantId).find(attachments, place.attachment);
  }

  function tellOfQuota(error: unknown, caller: { tenantId: TenantId; deviceId: DeviceId }): void {
    if (error instanceof KuvertError && error.code === 'attachment_quota') onLimit(caller);
  }

  /** Writes a file that has its hash behind it, and compares that. @returns the hash @throws KuvertError as {@link AttachmentService.store} */
  async function keepWhole(
    place: ReturnType<typeof placeOf>,
    sizeBytes: number,
    body: AsyncIterable<Uint8Array>,
  ): Promise<Uint8Array<ArrayBuffer>> {
    const file = new HashedBody(body, sizeBytes);
    const appended = blobs.append(place, 0, file.bytes(), sizeBytes);
    await Promise.race([file.over, appended.catch(() => undefined)]);
    // Nothing is promised before it is durable, but it can be looked at.
    await blobs.settled(place);
    if ((await blobs.find(place))?.sizeBytes !== sizeBytes) {
      const offset = await appended;
      if (offset !== sizeBytes) throw new KuvertError('attachment_offset', { details: { offset } });
    }
    if (file.isWhole && equalBytes(await blobs.hash(place), file.sha256)) return file.sha256;
    throw new KuvertError('attachment_damaged', { retry: { kind: 'now' } });
  }

  /** Makes a file whose bytes were compared durable, and its row, which counts it. @throws KuvertError `attachment_quota`, `id_reused` */
  async function putWhole(
    place: ReturnType<typeof placeOf>,
    file: Pick<Row, 'device' | 'person' | 'sizeBytes'> & { readonly sha256: Uint8Array<ArrayBuffer> },
  ): Promise<void> {
    const { tenantId, attachment } = place;
    const completed = blobs.complete(place);
    completed.catch(() => undefined);
    await scopeOf(tenantId).write(async (tx) => {
      const [present, usage] = await Promise.all([
        tx.find(attachments, attachment),
        usageOf(tx, tenantId, file.device),
      ]);
      const isAnother = present?.device !== file.device || present.sizeBytes !== file.sizeBytes;
      if (present !== undefined && isAnother) throw new KuvertError('id_reused');
      const createdAt = present?.createdAt ?? clock.nowMs();
      const expiresAt = Math.max(keptUntil(), present?.expiresAt ?? 0);
      const row: Row = { ...file, attachment, createdAt, expiresAt };
      if (present === undefined) count(tx, usage, { row, sign: 1 });
      // The row promises the bytes and their name.
      await completed;
      tx.put(attachments, row);
    });
    begun.delete(keyOf(place));
  }

  /** Resolves when what has come for an upload was taken, also what comes in this turn of the event loop, on another connection. */
  async function allTaken(place: ReturnType<typeof placeOf>): Promise<void> {
    if (!arriving.has(keyOf(place))) await new Promise((resolve) => setImmediate(resolve));
    await arriving.get(keyOf(place));
    await blobs.settled(place);
  }

  return {
    async create(caller, { attachment, sizeBytes, next: nextAttachment }) {
      const { scope, tenantId, deviceId, personId } = caller;
      if (sizeBytes > ATTACHMENT_LIMITS.sealedBytesMax) throw new KuvertError('attachment_too_large');
      creates.take(`${tenantId} ${deviceId}`);
      const place = placeOf(scope, attachment);
      // A crash may have left one that came in one request without a row.
      const found = blobs.find(place);
      found.catch(() => undefined);
      let isNew = false;
      const row = await scope
        .write(async (tx) => {
          const [present, usage] = await Promise.all([
            tx.find(attachments, attachment),
            usageOf(tx, tenantId, deviceId),
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
          if (isNew) count(tx, usage, { row: fresh, sign: 1 });
          tx.put(attachments, fresh);
          return fresh;
        })
        .catch((error: unknown) => {
          tellOfQuota(error, { tenantId, deviceId });
          throw error;
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

    async store({ tenantId, deviceId, attachment }, { sizeBytes, body, owner }) {
      const scope = scopeOf(tenantId);
      const place = placeOf(scope, attachment);
      creates.take(`${tenantId} ${deviceId}`);
      const [person, present, usage] = await Promise.all([
        owner,
        scope.find(attachments, attachment),
        usageOf(scope, tenantId, deviceId),
      ]);
      if (person === undefined) throw new KuvertError('capability_invalid');
      if (present !== undefined) {
        throw new KuvertError('attachment_offset', { details: { offset: 0 } });
      }
      try {
        const giveBack = reserve(usage, sizeBytes);
        try {
          const sha256 = await keepWhole(place, sizeBytes, body);
          await putWhole(place, { device: deviceId, person, sizeBytes, sha256 });
          onStored({ tenantId, sizeBytes, sha256 });
        } catch (error) {
          // Nobody counts it: it goes at once, unless its device has begun it anew meanwhile.
          if ((await scope.find(attachments, attachment)) === undefined) await blobs.remove(place);
          throw error;
        } finally {
          giveBack();
        }
      } catch (error) {
        tellOfQuota(error, { tenantId, deviceId });
        throw error;
      }
    },

    async finish({ scope, deviceId }, { attachment, sha256 }) {
      const place = placeOf(scope, attachment);
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
      const expiresAt = keptUntil();
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

    async open({ scope, tenantId, personId, deviceId }, attachment) {
      const row = await scope.find(attachments, attachment);
      if (!row?.sha256 || row.expiresAt <= clock.nowMs()) throw new KuvertError('attachment_gone');
      exchange.requireBetween(row.person, personId);
      const { sizeBytes, sha256, expiresAt } = row;
      const capability = await capabilities.make({ direction: 'down', tenantId, deviceId, attachment });
      return { capability, sizeBytes, sha256, expiresAt };
    },

    async remove({ scope, personId }, attachment) {
      await discard(scope, attachment, (row) => row.person === personId);
    },

    async progress(capability) {
      const row = await rowOf(capability);
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

    async read(capability, reader, from) {
      const row = await rowOf(capability);
      if (!row?.sha256 || row.expiresAt <= clock.nowMs()) throw new KuvertError('attachment_gone');
      exchange.requireBetween(row.person, reader);
      const { sha256 } = row;
      try {
        return { ...(await blobs.read(capability, from)), sha256 };
      } catch (error) {
        throw error instanceof KuvertError && error.code === 'not_found'
          ? new KuvertError('attachment_gone', { cause: error })
          : error;
      }
    },

    async sweep(scope, limit) {
      const nowMs = clock.nowMs();
      const { rows } = await scope.list(attachments, { index: 'byExpiry', before: nowMs + 1, limit });
      for (const { attachment } of rows) {
        // Looked at again in the transaction: it may have been asked for meanwhile.
        await discard(scope, attachment, (row) => row.expiresAt <= nowMs);
      }
      return rows.length;
    },

    async sweepLeftovers(scope) {
      let removed = 0;
      for await (const { attachment, changedAtMs } of blobs.list(scope.tenant)) {
        if (changedAtMs > clock.nowMs() - LEFTOVER_MS) continue;
        if ((await scope.find(attachments, attachment)) !== undefined) continue;
        await blobs.remove(placeOf(scope, attachment));
        removed++;
      }
      return removed;
    },
  };
}
