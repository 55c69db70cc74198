/**
 * What a log answers before an entry has its number: a signed promise that the leaf will be in every checkpoint from a time on (as the
 * signed certificate timestamps of RFC 6962 §3). Whoever holds one and a later checkpoint without the leaf has proof that the log broke it.
 */
import { type CborValue, concatBytes, decodeCbor, encodeCbor, LABELS, utf8 } from '@kuvert/protocol';
import { z } from 'zod';
import { type SigningKey, signBytes, verifyBytes } from '../identity/signing-key.ts';
import { HASH_BYTES } from './tree-hash.ts';

/** What is promised. */
export interface LogPromise {
  /** The log, as its checkpoints name it. */
  readonly origin: string;
  /** The leaf's hash in the tree. */
  readonly leaf: Uint8Array<ArrayBuffer>;
  /** When the entry was committed. */
  readonly madeAtMs: number;
  /** Checkpoints made after this time have the leaf. */
  readonly inTreeByMs: number;
}

/** A promise as it travels: verified before it is decoded (wire.md §1). */
export interface SignedLogPromise {
  readonly bytes: Uint8Array;
  readonly signature: Uint8Array;
}

const time = z.int().min(0);
const schema = z.object({
  origin: z.string().min(1).max(200),
  leaf: z.custom<Uint8Array<ArrayBuffer>>(
    (value) => value instanceof Uint8Array && value.length === HASH_BYTES,
  ),
  madeAtMs: time,
  inTreeByMs: time,
});

/** Signs a promise with the key of the log; the label keeps it apart from the checkpoints of that key. */
export function signLogPromise(promise: LogPromise, key: SigningKey): SignedLogPromise {
  const bytes = encodeCbor({ ...promise } as CborValue);
  return { bytes, signature: signBytes(key.privateKey, labelled(bytes)) };
}

/** Opens a promise. @returns undefined unless that key has signed it */
export function openLogPromise(signed: SignedLogPromise, publicKey: Uint8Array): LogPromise | undefined {
  if (!verifyBytes(publicKey, labelled(signed.bytes), signed.signature)) return undefined;
  return schema.parse(decodeCbor(signed.bytes));
}

function labelled(bytes: Uint8Array): Uint8Array {
  return concatBytes(utf8(LABELS.logPromise), bytes);
}
