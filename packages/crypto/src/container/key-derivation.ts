/** Argon2id (RFC 9106) from a passphrase to the key that wraps the container's master key. */
import { argon2 } from 'node:crypto';
import { z } from 'zod';

/** How much work one guess of a passphrase costs. */
export interface Argon2idCost {
  readonly memoryKiB: number;
  readonly passes: number;
  readonly parallelism: number;
}

/** 64 MiB and three passes, as the second recommendation of RFC 9106 §4, in one lane. */
export const DEFAULT_ARGON2ID_COST: Argon2idCost = { memoryKiB: 65_536, passes: 3, parallelism: 1 };

/**
 * The most that a header may ask for. A header is read before anything vouches for it, and a hostile one must
 * not take the machine down: at most 512 MiB, and at most about ten seconds.
 */
export const ARGON2ID_COST_MAX = {
  memoryKiB: 524_288,
  passes: 32,
  parallelism: 4,
  memoryPassesKiB: 4_194_304,
};

const KEY_BYTES = 32;

/** The parameters as they are stored in a slot. */
export const Argon2id = z
  .strictObject({
    name: z.literal('argon2id'),
    memoryKiB: z.int().max(ARGON2ID_COST_MAX.memoryKiB),
    passes: z.int().min(1).max(ARGON2ID_COST_MAX.passes),
    parallelism: z.int().min(1).max(ARGON2ID_COST_MAX.parallelism),
    salt: z.instanceof(Uint8Array).refine((salt) => salt.length === 16),
  })
  .refine(({ memoryKiB, parallelism }) => memoryKiB >= 8 * parallelism)
  .refine(({ memoryKiB, passes }) => memoryKiB * passes <= ARGON2ID_COST_MAX.memoryPassesKiB);
export type Argon2id = z.infer<typeof Argon2id>;

/** The 32-byte wrapping key of a passphrase, computed off the main thread. */
export function deriveWrappingKey(passphrase: Uint8Array, kdf: Argon2id): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const parameters = {
    message: passphrase,
    nonce: kdf.salt,
    memory: kdf.memoryKiB,
    passes: kdf.passes,
    parallelism: kdf.parallelism,
    tagLength: KEY_BYTES,
  };
  argon2('argon2id', parameters, (error, key) => (error === null ? resolve(key) : reject(error)));
  return promise;
}
