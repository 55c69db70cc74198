/** Does again what a restored backup does not know of. May be repeated: what is so already stays so. */
import { type DeviceId, KuvertError, type PersonId, type TenantId } from '@kuvert/protocol';
import type { Ledger, LedgerEntry } from './ledger.ts';

/** Who can do what the ledger names. */
export interface Replayer {
  /** @throws KuvertError `not_found` */
  revoke(device: DeviceId): Promise<void>;
  /** @throws KuvertError `not_found` */
  erase(tenant: TenantId, person: PersonId): Promise<void>;
  /** Of an audit log. @throws KuvertError `not_found` */
  eraseIdentity(log: TenantId | 'operator', id: string): Promise<void>;
}

/** Goes through the ledger, oldest first. */
export async function replayLedger(ledger: Pick<Ledger, 'entries'>, replayer: Replayer): Promise<void> {
  for (const entry of [...ledger.entries]) {
    await doAgain(entry, replayer).catch((error: unknown) => {
      // Somebody who came after the backup is not there, and whoever holds the keys of such a device is a stranger.
      if (!(error instanceof KuvertError && error.code === 'not_found')) throw error;
    });
  }
}

async function doAgain(entry: LedgerEntry, { revoke, erase, eraseIdentity }: Replayer): Promise<void> {
  if (entry.kind === 'revocation') await revoke(entry.device);
  else if (entry.kind === 'erasure') await erase(entry.tenant, entry.person);
  else if (entry.kind === 'identity') await eraseIdentity(entry.log, entry.id);
}
