/** Signatures against Project Wycheproof, through our own functions (files in `KUVERT_CORPORA` or beside the repository; else skipped). */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { verifyBytes } from './signing-key.ts';

const corpora = process.env.KUVERT_CORPORA ?? join(import.meta.dirname, '../../../../../shared/corpora');
const file = join(corpora, 'wycheproof/ed25519_test.json');

interface Group {
  readonly publicKey: { readonly pk: string };
  readonly tests: readonly {
    readonly tcId: number;
    readonly msg: string;
    readonly sig: string;
    readonly result: 'valid' | 'invalid';
  }[];
}

const bytes = (hex: string) => Uint8Array.from(Buffer.from(hex, 'hex'));

test.skipIf(!existsSync(file))(
  'B6 Ed25519 takes the valid signatures of Wycheproof and none that is malleable, cut, padded or wrong',
  () => {
    const { testGroups } = JSON.parse(readFileSync(file, 'utf8')) as { testGroups: Group[] };
    const counts = { valid: 0, invalid: 0 };
    for (const { publicKey, tests } of testGroups) {
      const key = Uint8Array.of(1, ...bytes(publicKey.pk));
      for (const { tcId, msg, sig, result } of tests) {
        expect(verifyBytes(key, bytes(msg), bytes(sig)), `tc ${tcId}`).toBe(result === 'valid');
        // The algorithm byte is a part of the key: the same bytes under another one verify nothing.
        expect(verifyBytes(Uint8Array.of(2, ...key.subarray(1)), bytes(msg), bytes(sig))).toBe(false);
        counts[result]++;
      }
    }
    expect(counts.valid).toBeGreaterThan(60);
    expect(counts.invalid).toBeGreaterThan(50);
  },
);
