/** Does again what a restored backup does not know of. May be repeated: what is so already stays so. */
import { type DeviceId, KuvertError } from '@kuvert/protocol';
import type { Ledger } from './ledger.ts';

/** Who can do what the ledger names. */
export interface Replayer {
  /** @throws KuvertError `not_found` */
  revoke(device: DeviceId): Promise<void>;
}

/** Goes through the ledger, oldest first. */
export async function replayLedger(ledger: Pick<Ledger, 'entries'>, { revoke }: Replayer): Promise<void> {
  for (const entry of [...ledger.entries]) {
    if (entry.kind !== 'revocation') continue;
    await revoke(entry.device).catch((error: unknown) => {
      // A device that enrolled after the backup is not there, and whoever holds its keys is a stranger.
      if (!(error instanceof KuvertError && error.code === 'not_found')) throw error;
    });
  }
}
