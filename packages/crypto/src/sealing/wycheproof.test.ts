/**
 * The primitives of sealing against Project Wycheproof (JSON files in `KUVERT_CORPORA` or beside the repository; skipped
 * when they are not there).
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { aeadOpen, aeadSeal, hkdf, hmac, NotOpenedError } from './primitives.ts';

const corpora =
  process.env.KUVERT_CORPORA ?? new URL('../../../../../shared/corpora', import.meta.url).pathname;
const missing = !existsSync(join(corpora, 'wycheproof'));

interface Group {
  readonly keySize: number;
  readonly ivSize?: number;
  readonly tagSize?: number;
  readonly tests: readonly (Record<string, string> & { readonly tcId: number; readonly size?: number })[];
}

function groups(file: string): Group[] {
  return (JSON.parse(readFileSync(join(corpora, 'wycheproof', file), 'utf8')) as { testGroups: Group[] })
    .testGroups;
}

function bytes(hex: string | undefined): Uint8Array {
  return new Uint8Array(Buffer.from(hex ?? '', 'hex'));
}

test.skipIf(missing)(
  'B5 AES-256-GCM gives the published ciphertexts and opens nothing that is altered',
  () => {
    let valid = 0;
    let invalid = 0;
    for (const group of groups('aes_gcm_test.json')) {
      if (group.keySize !== 256 || group.ivSize !== 96 || group.tagSize !== 128) continue;
      for (const t of group.tests) {
        const sealed = new Uint8Array([...bytes(t.ct), ...bytes(t.tag)]);
        const open = () => aeadOpen(bytes(t.key), bytes(t.iv), bytes(t.aad), sealed);
        if (t.result === 'valid') {
          expect(aeadSeal(bytes(t.key), bytes(t.iv), bytes(t.aad), bytes(t.msg)), `tc ${t.tcId}`).toEqual(
            sealed,
          );
          expect(open(), `tc ${t.tcId}`).toEqual(bytes(t.msg));
          valid++;
        } else {
          expect(open, `tc ${t.tcId}`).toThrow(NotOpenedError);
          invalid++;
        }
      }
    }
    expect(valid).toBeGreaterThan(20);
    expect(invalid).toBeGreaterThan(10);
  },
);

test.skipIf(missing)('B5 HKDF-SHA256 gives the published keys', () => {
  let run = 0;
  for (const group of groups('hkdf_sha256_test.json')) {
    for (const t of group.tests) {
      const derive = () =>
        hkdf(bytes(t.ikm), { salt: bytes(t.salt), info: bytes(t.info), bytes: t.size ?? 0 });
      if (t.result === 'valid') expect(derive(), `tc ${t.tcId}`).toEqual(bytes(t.okm));
      else expect(derive, `tc ${t.tcId}`).toThrow();
      run++;
    }
  }
  expect(run).toBeGreaterThan(50);
});

test.skipIf(missing)('B5 HMAC-SHA256 gives the published tags', () => {
  let run = 0;
  for (const group of groups('hmac_sha256_test.json')) {
    for (const t of group.tests) {
      const tag = hmac(bytes(t.key), bytes(t.msg)).subarray(0, (group.tagSize ?? 0) / 8);
      if (t.result === 'valid') expect(tag, `tc ${t.tcId}`).toEqual(bytes(t.tag));
      else expect(tag, `tc ${t.tcId}`).not.toEqual(bytes(t.tag));
      run++;
    }
  }
  expect(run).toBeGreaterThan(100);
});
