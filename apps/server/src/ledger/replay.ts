/** Does again what a restored backup does not know of. May be repeated: what is so already stays so. */
import { type DeviceId, KuvertError, type PersonId, type TenantId } from '@kuvert/protocol';
import type { Ledger } from './ledger.ts';

/** Who can do what the ledger names. */
export interface Replayer {
  /** @throws KuvertError `not_found` */
  revoke(device: DeviceId): Promise<void>;
  /** @throws KuvertError `not_found` */
  erase(tenant: TenantId, person: PersonId): Promise<void>;
}

/** Goes through the ledger, oldest first. */
export async function replayLedger(
  ledger: Pick<Ledger, 'entries'>,
  { revoke, erase }: Replayer,
): Promise<void> {
  for (const entry of [...ledger.entries]) {
    if (entry.kind === 'restore') continue;
    const again = entry.kind === 'erasure' ? erase(entry.tenant, entry.person) : revoke(entry.device);
    await again.catch((error: unknown) => {
      // Somebody who came after the backup is not there, and whoever holds the keys of such a device is a stranger.
      if (!(error instanceof KuvertError && error.code === 'not_found')) throw error;
    });
  }
}
