/**
 * Wrapping of data keys under a provider's key-encryption key (KEK): AES-256-GCM with a random nonce.
 *
 *     wrapped = version 1 (1 byte) ‖ nonce (12) ‖ ciphertext (32) ‖ tag (16)
 *
 * The context says whose key it is; a wrapped key put in another's place does not open.
 */
import { randomBytes } from 'node:crypto';
import { concatBytes, LABELS } from '@kuvert/protocol';
import { framed } from './framing.ts';
import { aeadOpen, aeadSeal, NONCE_BYTES, NotOpenedError } from './primitives.ts';

const VERSION = 1;

/** Wraps a data key. A KEK may wrap up to 2³² keys, far above what an installation has. */
export function wrapKey(kek: Uint8Array, context: Uint8Array, key: Uint8Array): Uint8Array<ArrayBuffer> {
  const nonce = new Uint8Array(randomBytes(NONCE_BYTES));
  const aad = framed(LABELS.wrapDataKey, context);
  return concatBytes(new Uint8Array([VERSION]), nonce, aeadSeal(kek, nonce, aad, key));
}

/** @throws NotOpenedError */
export function unwrapKey(
  kek: Uint8Array,
  context: Uint8Array,
  wrapped: Uint8Array,
): Uint8Array<ArrayBuffer> {
  if (wrapped.length < 1 + NONCE_BYTES || wrapped[0] !== VERSION)
    throw new NotOpenedError('not a wrapped key');
  const aad = framed(LABELS.wrapDataKey, context);
  return aeadOpen(kek, wrapped.subarray(1, 1 + NONCE_BYTES), aad, wrapped.subarray(1 + NONCE_BYTES));
}
