/** The port to the prekeys of a device, which the feature `prekeys` implements. */
import type { DeviceId, PrekeyUpload } from '@kuvert/protocol';
import type { Tx } from '../../store/index.ts';

/** What enrolment and revocation need of the prekeys: a part of the same commit. */
export interface PrekeyStock {
  /** @throws KuvertError `prekeys_invalid` */
  verify(identityKey: Uint8Array<ArrayBuffer>, upload: PrekeyUpload): void;
  /** Stores the first keys of a device. */
  store(tx: Tx<'tenant'>, deviceId: DeviceId, upload: PrekeyUpload): void;
  /** Removes the one-time keys of a device. */
  voidOneTime(tx: Tx<'tenant'>, deviceId: DeviceId): Promise<void>;
  /** Removes all keys of a device. */
  remove(tx: Tx<'tenant'>, deviceId: DeviceId): Promise<void>;
}
