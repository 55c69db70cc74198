/** Checking uploaded prekeys: the only thing for which the server touches libsignal. */
import { equalBytes, KuvertError, type PrekeyUpload } from '@kuvert/protocol';
import { KEMPublicKey, PublicKey } from '@signalapp/libsignal-client';

/**
 * Checks that every signed and Kyber prekey bears the signature of `identityKey` (libsignal, 33 bytes), that
 * every key is one, and that no id occurs twice among keys of a kind. Fields that are absent are not checked.
 * @throws KuvertError `prekeys_invalid`
 */
export function verifyPrekeys(
  identityKey: Uint8Array<ArrayBuffer>,
  prekeys: { readonly [K in keyof PrekeyUpload]?: PrekeyUpload[K] | undefined },
): void {
  try {
    const identity = PublicKey.deserialize(identityKey);
    if (prekeys.signed) {
      PublicKey.deserialize(prekeys.signed.publicKey);
      requireValid(identity.verify(prekeys.signed.publicKey, prekeys.signed.signature));
      requireValid(!equalBytes(prekeys.signed.publicKey, identityKey));
    }
    for (const prekey of prekeys.oneTime ?? []) PublicKey.deserialize(prekey.publicKey);
    requireValid(hasDistinctIds(prekeys.oneTime ?? []));
    const kyber = [...(prekeys.kyber ?? []), ...(prekeys.lastResort ? [prekeys.lastResort] : [])];
    for (const prekey of kyber) {
      KEMPublicKey.deserialize(prekey.publicKey);
      requireValid(identity.verify(prekey.publicKey, prekey.signature));
    }
    requireValid(hasDistinctIds(kyber));
  } catch (cause) {
    throw cause instanceof KuvertError ? cause : new KuvertError('prekeys_invalid', { cause });
  }
}

function hasDistinctIds(prekeys: readonly { readonly id: number }[]): boolean {
  return new Set(prekeys.map((prekey) => prekey.id)).size === prekeys.length;
}

function requireValid(condition: boolean): asserts condition {
  if (!condition) throw new KuvertError('prekeys_invalid');
}
