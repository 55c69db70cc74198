/**
 * The container header (wire.md §6): strict CBOR of
 *
 *     { v, slots: [{ type, kdf, wrappedKey }], check }
 *
 * Each slot wraps the same master key in another way. `check` is the first 8 bytes of SHA-256 over the CBOR
 * of { v, slots }. It is no protection, for anyone can compute it: it only tells a damaged file from a wrong
 * passphrase, so that people are not sent hunting for the wrong cause.
 */
import { createHash } from 'node:crypto';
import { type CborValue, decodeCbor, encodeCbor, equalBytes } from '@kuvert/protocol';
import { z } from 'zod';
import { ContainerError } from './container-error.ts';
import { Argon2id } from './key-derivation.ts';

/** The header version that this release writes, and the newest it reads. */
export const CONTAINER_VERSION = 1;
/** How many slots a header may have. */
export const SLOTS_MAX = 8;
/** Bytes of a master key wrapped by AES-256-GCM: nonce ‖ ciphertext ‖ tag. */
const WRAPPED_KEY_BYTES = 12 + 32 + 16;

const HEADER_BYTES_MAX = 65_536;
const CHECK_BYTES = 8;

const PassphraseSlot = z.strictObject({
  type: z.literal('passphrase'),
  kdf: Argon2id,
  wrappedKey: z.instanceof(Uint8Array).refine((key) => key.length === WRAPPED_KEY_BYTES),
});
/** A slot of a kind that this release keeps as it is and cannot open. */
const OtherSlot = z.strictObject({
  type: z.enum(['pin', 'hardware', 'recovery', 'lease']),
  kdf: z.custom<CborValue>((value) => value !== undefined),
  wrappedKey: z.instanceof(Uint8Array),
});
const Header = z.strictObject({
  v: z.literal(CONTAINER_VERSION),
  slots: z
    .array(z.discriminatedUnion('type', [PassphraseSlot, OtherSlot]))
    .min(1)
    .max(SLOTS_MAX),
  check: z.instanceof(Uint8Array),
});
const AnyVersion = z.looseObject({ v: z.int().min(1) });

/** A slot that a passphrase opens. */
export type PassphraseSlot = z.infer<typeof PassphraseSlot>;
/** Any slot. */
export type Slot = z.infer<typeof Header>['slots'][number];

/** The bytes of a header with these slots. */
export function encodeHeader(slots: readonly Slot[]): Uint8Array<ArrayBuffer> {
  return encodeCbor({ v: CONTAINER_VERSION, slots, check: checkOf(slots) });
}

/** The slots of a header. @throws ContainerError `container_too_new`, `container_damaged` */
export function decodeHeader(header: Uint8Array): readonly Slot[] {
  const value = decodeBounded(header);
  const version = AnyVersion.safeParse(value);
  if (!version.success) throw new ContainerError('container_damaged', 'a container header without a version');
  if (version.data.v > CONTAINER_VERSION) {
    throw new ContainerError('container_too_new', 'a container header of a later version');
  }
  const parsed = Header.safeParse(value);
  if (!parsed.success || !equalBytes(parsed.data.check, checkOf(parsed.data.slots))) {
    throw new ContainerError('container_damaged', 'a container header that is not as it was written');
  }
  return parsed.data.slots;
}

function decodeBounded(header: Uint8Array): CborValue {
  if (header.length > HEADER_BYTES_MAX)
    throw new ContainerError('container_damaged', 'a container header is too long');
  try {
    return decodeCbor(header);
  } catch (cause) {
    throw new ContainerError('container_damaged', 'a container header is not strict CBOR', { cause });
  }
}

function checkOf(slots: readonly Slot[]): Uint8Array {
  const hash = createHash('sha256')
    .update(encodeCbor({ v: CONTAINER_VERSION, slots }))
    .digest();
  return Uint8Array.from(hash.subarray(0, CHECK_BYTES));
}
