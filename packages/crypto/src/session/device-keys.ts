import type { SigningKey } from '../identity/index.ts';

/** A new device's keys but for the Noise static, which `@kuvert/crypto/channel` makes. */
export interface DeviceKeys {
  /** libsignal public identity key, 33 bytes. */
  readonly identityKey: Uint8Array<ArrayBuffer>;
  /** 32 bytes. */
  readonly identityPrivateKey: Uint8Array<ArrayBuffer>;
  /** 1 to 16,380. */
  readonly registrationId: number;
  /** Ed25519. */
  readonly receiptKey: SigningKey;
}
export declare function createDeviceKeys(): DeviceKeys;
