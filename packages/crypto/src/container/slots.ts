/**
 * Wrapping of the master key in a slot: AES-256-GCM under the Argon2id key of a passphrase, as nonce ‖
 * ciphertext ‖ tag. What the slot says of itself is associated data (label ‖ CBOR of [header version, slot
 * type, kdf parameters]), so nobody can move a wrapped key to other parameters.
 */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { concatBytes, encodeCbor, LABELS, utf8 } from '@kuvert/protocol';
import { CONTAINER_VERSION, type PassphraseSlot } from './header.ts';
import {
  type Argon2id,
  type Argon2idCost,
  Argon2id as Argon2idSchema,
  deriveWrappingKey,
} from './key-derivation.ts';

const ALGORITHM = 'aes-256-gcm';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const SALT_BYTES = 16;

/** A new slot in which the passphrase opens the master key. Salt and nonce are fresh. */
export async function sealSlot(
  masterKey: Uint8Array,
  { passphrase, cost }: { readonly passphrase: Uint8Array; readonly cost: Argon2idCost },
): Promise<PassphraseSlot> {
  if (passphrase.length === 0) throw new RangeError('a passphrase must not be empty');
  const { memoryKiB, passes, parallelism } = cost;
  const salt = Uint8Array.from(randomBytes(SALT_BYTES));
  const kdf = Argon2idSchema.parse({ name: 'argon2id', memoryKiB, passes, parallelism, salt });
  const key = await deriveWrappingKey(passphrase, kdf);
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(ALGORITHM, key, nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(describe(kdf));
  const body = cipher.update(masterKey);
  cipher.final();
  key.fill(0);
  return { type: 'passphrase', kdf, wrappedKey: concatBytes(nonce, body, cipher.getAuthTag()) };
}

/** The master key, or undefined when the passphrase is not the slot's. */
export async function openSlot(
  slot: PassphraseSlot,
  passphrase: Uint8Array,
): Promise<Uint8Array | undefined> {
  const { kdf, wrappedKey } = slot;
  const key = await deriveWrappingKey(passphrase, kdf);
  const nonce = wrappedKey.subarray(0, NONCE_BYTES);
  const decipher = createDecipheriv(ALGORITHM, key, nonce, { authTagLength: TAG_BYTES });
  decipher.setAAD(describe(kdf));
  decipher.setAuthTag(wrappedKey.subarray(-TAG_BYTES));
  const masterKey = decipher.update(wrappedKey.subarray(NONCE_BYTES, -TAG_BYTES));
  key.fill(0);
  try {
    decipher.final();
  } catch {
    masterKey.fill(0);
    return undefined;
  }
  const copy = Uint8Array.from(masterKey);
  masterKey.fill(0);
  return copy;
}

function describe(kdf: Argon2id): Uint8Array {
  return concatBytes(utf8(LABELS.containerSlot), encodeCbor([CONTAINER_VERSION, 'passphrase', kdf]));
}
