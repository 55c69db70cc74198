/** Small files that come as a whole, in one request with their hash behind them. Of one that does not come to its end nothing is kept. */
import { equalBytes, KuvertError, type PersonId, type TenantId } from '@kuvert/protocol';
import type { Blobs } from '../../blobs/index.ts';
import type { Clock } from '../../clock.ts';
import type { LeakyBuckets } from '../../limits/leaky-buckets.ts';
import type { RowOf, TenantScope } from '../../store/index.ts';
import type { Capability } from './capability.ts';
import { attachments } from './collections.ts';
import { HashedBody } from './hashed-body.ts';
import { KEPT_MS } from './limits.ts';
import type { Quota } from './quota.ts';

type Row = RowOf<typeof attachments>;
/** Which file, of which tenant. */
type Place = Pick<Capability, 'tenantId' | 'attachment'>;

/** @see the top of this file */
export interface WholeFiles {
  /**
   * Takes a small file as a whole: what `create`, `append` and `finish` do of others. Resolves when it is durable and counted. Of one that is refused or
   * does not come to its end nothing is kept; what a crash leaves goes on with `create`, or is found by `sweepLeftovers`.
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
}

/** @see WholeFiles */
export function createWholeFiles(deps: {
  readonly scopeOf: (tenantId: TenantId) => TenantScope;
  readonly blobs: Blobs;
  readonly clock: Clock;
  readonly creates: LeakyBuckets;
  readonly quota: Quota;
  /** What was known of an upload that was begun another way does not hold any more. */
  readonly forget: (place: Place) => void;
  readonly onStored: (stored: { tenantId: TenantId; sizeBytes: number; sha256: Uint8Array }) => void;
}): WholeFiles {
  const { scopeOf, blobs, clock, creates, quota, forget, onStored } = deps;

  /** Writes a file that has its hash behind it, and compares that. @returns the hash @throws KuvertError as {@link WholeFiles.store} */
  async function keepWhole(
    place: Place,
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
    place: Place,
    file: Pick<Row, 'device' | 'person' | 'sizeBytes'> & { readonly sha256: Uint8Array<ArrayBuffer> },
  ): Promise<void> {
    const { tenantId, attachment } = place;
    const completed = blobs.complete(place);
    completed.catch(() => undefined);
    await scopeOf(tenantId).write(async (tx) => {
      const [present, usage] = await Promise.all([
        tx.find(attachments, attachment),
        quota.of(tx, tenantId, file.device),
      ]);
      const isAnother = present?.device !== file.device || present.sizeBytes !== file.sizeBytes;
      if (present !== undefined && isAnother) throw new KuvertError('id_reused');
      const createdAt = present?.createdAt ?? clock.nowMs();
      const expiresAt = Math.max(clock.nowMs() + KEPT_MS, present?.expiresAt ?? 0);
      const row: Row = { ...file, attachment, createdAt, expiresAt };
      if (present === undefined) quota.count(tx, usage, { row, sign: 1 });
      // The row promises the bytes and their name.
      await completed;
      tx.put(attachments, row);
    });
    forget(place);
  }

  return {
    async store({ tenantId, deviceId, attachment }, { sizeBytes, body, owner }) {
      const scope = scopeOf(tenantId);
      const place = { tenantId, attachment };
      creates.take(`${tenantId} ${deviceId}`);
      const [person, present, usage] = await Promise.all([
        owner,
        scope.find(attachments, attachment),
        quota.of(scope, tenantId, deviceId),
      ]);
      if (person === undefined) throw new KuvertError('capability_invalid');
      if (present !== undefined) {
        throw new KuvertError('attachment_offset', { details: { offset: 0 } });
      }
      const giveBack = quota.reserve(usage, sizeBytes);
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
    },
  };
}
