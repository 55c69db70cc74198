/** The rules of attachments: who may upload how much, what is kept for how long, who may fetch it. */
import { type AttachmentId, KuvertError, type PersonId, type TenantId } from '@kuvert/protocol';
import type { Blobs } from '../../blobs/index.ts';
import type { DeviceCaller } from '../../channel/routes.ts';
import type { Clock } from '../../clock.ts';
import type { LeakyBuckets } from '../../limits/leaky-buckets.ts';
import type { RowOf, TenantScope } from '../../store/index.ts';
import type { ExchangeService } from '../pools/index.ts';
import type { Capabilities, Capability } from './capability.ts';
import { attachments } from './collections.ts';
import { LEFTOVER_MS } from './limits.ts';
import { createQuota } from './quota.ts';
import { createUploadsInPieces, type UploadsInPieces } from './uploads-in-pieces.ts';
import { createWholeFiles, type WholeFiles } from './whole-files.ts';

type Row = RowOf<typeof attachments>;
type Caller = Omit<DeviceCaller, 'connection'>;

/** @see the top of this file */
export interface AttachmentService extends UploadsInPieces, WholeFiles {
  /** @see attachmentsOpen */
  open(
    caller: Caller,
    attachment: AttachmentId,
  ): Promise<{ capability: string; sizeBytes: number; sha256: Uint8Array<ArrayBuffer>; expiresAt: number }>;
  /** @see attachmentsRemove */
  remove(caller: Caller, attachment: AttachmentId): Promise<void>;
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
  const { scopeOf, blobs, clock, capabilities, exchange, tenantBytesMax, onLimit } = deps;
  const placeOf = (scope: TenantScope, attachment: AttachmentId) => ({ tenantId: scope.tenant, attachment });
  const quota = createQuota(tenantBytesMax);
  const { forget, ...pieces } = createUploadsInPieces({ ...deps, quota });
  const whole = createWholeFiles({ ...deps, quota, forget });

  /** The row goes first: a file without one is found by `sweepLeftovers`, a row without its file would promise what is not there. */
  async function discard(
    scope: TenantScope,
    attachment: AttachmentId,
    isStill: (row: Row) => boolean,
  ): Promise<void> {
    const isGone = await scope.write(async (tx) => {
      const row = await tx.find(attachments, attachment);
      if (row === undefined || !isStill(row)) return false;
      quota.count(tx, await quota.of(tx, scope.tenant, row.device), { row, sign: -1 });
      tx.delete(attachments, attachment);
      return true;
    });
    forget(placeOf(scope, attachment));
    if (isGone) await blobs.remove(placeOf(scope, attachment));
  }

  /** Passes on what becomes of a request, and tells when its device or tenant keeps as much as it may. */
  async function tellingOfQuota<T>(
    { tenantId, deviceId }: { readonly tenantId: TenantId; readonly deviceId: string },
    result: Promise<T>,
  ): Promise<T> {
    try {
      return await result;
    } catch (error) {
      if (error instanceof KuvertError && error.code === 'attachment_quota') onLimit({ tenantId, deviceId });
      throw error;
    }
  }

  return {
    ...pieces,

    create: (caller, upload) => tellingOfQuota(caller, pieces.create(caller, upload)),

    store: (capability, file) => tellingOfQuota(capability, whole.store(capability, file)),

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

    async read(capability, reader, from) {
      const row = await scopeOf(capability.tenantId).find(attachments, capability.attachment);
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
