/**
 * The keys with which a device is born (wire.md §2), but for the Noise static, which `@kuvert/crypto/channel`
 * makes.
 */
import { randomInt } from 'node:crypto';
import { IdentityKeyPair } from '@signalapp/libsignal-client';
import { generateSigningKey, type SigningKey } from '../identity/index.ts';

const REGISTRATION_ID_MAX = 16_380;

/**
 * A new device's keys. The public halves go into its {@link ListedDevice} entry, the private ones into the
 * container.
 */
export interface DeviceKeys {
  /** libsignal public identity key, 33 bytes. */
  readonly identityKey: Uint8Array<ArrayBuffer>;
  /** 32 bytes. */
  readonly identityPrivateKey: Uint8Array<ArrayBuffer>;
  /** 1 to 16,380. */
  readonly registrationId: number;
  /** Ed25519; will sign wipe receipts (E5). */
  readonly receiptKey: SigningKey;
}

/** Makes them from the system's randomness; libsignal takes no other. */
export function createDeviceKeys(): DeviceKeys {
  const identity = IdentityKeyPair.generate();
  return {
    identityKey: identity.publicKey.serialize(),
    identityPrivateKey: identity.privateKey.serialize(),
    registrationId: randomInt(1, REGISTRATION_ID_MAX + 1),
    receiptKey: generateSigningKey(),
  };
}
