/** How much a device and a tenant may keep: what is counted in the store, and what is about to be. */
import { type DeviceId, KuvertError, type TenantId } from '@kuvert/protocol';
import type { RowOf, TenantScope, Tx } from '../../store/index.ts';
import { type attachments, attachmentUsage } from './collections.ts';
import { ATTACHMENTS_MAX } from './limits.ts';

/** What a tenant and a device keep, and how much they may. */
export type Usage = Awaited<ReturnType<typeof readUsage>>;

/** @see the top of this file */
export interface Quota {
  /** What a tenant and a device keep, asked for at once. */
  of(
    rows: Pick<TenantScope, 'find'> | Pick<Tx<'tenant'>, 'find'>,
    tenantId: TenantId,
    device: DeviceId,
  ): Promise<Usage>;
  /**
   * Keeps room for a file that is counted only when it is there.
   * @returns gives it back
   * @throws KuvertError `attachment_quota`
   */
  reserve(usage: Usage, sizeBytes: number): () => void;
  /**
   * Counts an attachment in or out, for its device and for the tenant.
   * @throws KuvertError `attachment_quota` for one that is counted in
   */
  count(
    tx: Tx<'tenant'>,
    usage: Usage,
    change: { readonly row: Pick<RowOf<typeof attachments>, 'sizeBytes'>; readonly sign: 1 | -1 },
  ): void;
}

/** @param tenantBytesMax what the attachments of one tenant may take */
export function createQuota(tenantBytesMax: number): Quota {
  /** What is to be counted soon, by subject. */
  const reserved = new Map<string, { readonly bytes: number; readonly count: number }>();

  return {
    of: (rows, tenantId, device) => readUsage(rows, { tenantId, device, tenantBytesMax }),

    reserve(usage, sizeBytes) {
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
    },

    count(tx, usage, { row, sign }) {
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
    },
  };
}

async function readUsage(
  rows: Pick<TenantScope, 'find'> | Pick<Tx<'tenant'>, 'find'>,
  {
    tenantId,
    device,
    tenantBytesMax,
  }: { readonly tenantId: TenantId; readonly device: DeviceId; readonly tenantBytesMax: number },
) {
  const [ofTenant, ofDevice] = await Promise.all([
    rows.find(attachmentUsage, tenantId),
    rows.find(attachmentUsage, device),
  ]);
  const { deviceBytes, deviceCount } = ATTACHMENTS_MAX;
  return [
    { subject: tenantId, row: ofTenant, bytesMax: tenantBytesMax, countMax: Number.POSITIVE_INFINITY },
    { subject: device, row: ofDevice, bytesMax: deviceBytes, countMax: deviceCount },
  ];
}
