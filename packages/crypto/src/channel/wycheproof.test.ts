/**
 * The channel's AES-256-GCM against Project Wycheproof (files in `KUVERT_CORPORA` or beside the repository; else skipped). The channel makes
 * its nonces itself, and of the published ones hardly any is such a counter; so the keys, texts and damaged tags of all vectors are used
 * under our nonces, beside a plain AES-256-GCM that gives the published answers under theirs.
 */
import { createCipheriv } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ChannelError } from './channel-error.ts';
import { CipherState } from './cipher-state.ts';

const corpora = process.env.KUVERT_CORPORA ?? join(import.meta.dirname, '../../../../../shared/corpora');
const file = join(corpora, 'wycheproof/aes_gcm_test.json');

interface Case {
  readonly tcId: number;
  readonly key: string;
  readonly iv: string;
  readonly aad: string;
  readonly msg: string;
  readonly ct: string;
  readonly tag: string;
  readonly result: 'valid' | 'invalid';
}

const bytes = (hex: string) => Uint8Array.from(Buffer.from(hex, 'hex'));

function reference(one: Case, nonce: Uint8Array): string {
  const cipher = createCipheriv('aes-256-gcm', bytes(one.key), nonce, { authTagLength: 16 });
  cipher.setAAD(bytes(one.aad));
  const body = Buffer.concat([cipher.update(bytes(one.msg)), cipher.final()]);
  return Buffer.concat([body, cipher.getAuthTag()]).toString('hex');
}

test.skipIf(!existsSync(file))(
  'B3 B4 the channel cipher is AES-256-GCM as published, for every vector, and opens none with a damaged tag',
  () => {
    const { testGroups } = JSON.parse(readFileSync(file, 'utf8')) as {
      testGroups: { keySize: number; ivSize: number; tagSize: number; tests: Case[] }[];
    };
    const cases = testGroups
      .filter((group) => group.keySize === 256 && group.ivSize === 96 && group.tagSize === 128)
      .flatMap((group) => group.tests);
    const counts = { valid: 0, invalid: 0, counterNonce: 0 };
    for (const one of cases) {
      counts[one.result]++;
      const published = one.ct + one.tag;
      if (one.result === 'valid') expect(reference(one, bytes(one.iv)), `tc ${one.tcId}`).toBe(published);
      for (const counter of [0, 1, 2 ** 32 - 1]) {
        const nonce = new Uint8Array(12);
        new DataView(nonce.buffer).setUint32(8, counter);
        const sealed = new CipherState(bytes(one.key), counter).encrypt(bytes(one.msg), bytes(one.aad));
        expect(Buffer.from(sealed).toString('hex'), `tc ${one.tcId}`).toBe(reference(one, nonce));
        const opened = new CipherState(bytes(one.key), counter).decrypt(sealed, bytes(one.aad));
        expect(Buffer.from(opened).toString('hex'), `tc ${one.tcId}`).toBe(one.msg);
      }
      if (/^0{16}/.test(one.iv)) {
        counts.counterNonce++;
        const counter = Number.parseInt(one.iv.slice(16), 16);
        const sealed = new CipherState(bytes(one.key), counter).encrypt(bytes(one.msg), bytes(one.aad));
        expect(Buffer.from(sealed).toString('hex'), `tc ${one.tcId}`).toBe(published);
      }
      if (one.result === 'invalid') {
        const open = () => new CipherState(bytes(one.key)).decrypt(bytes(published), bytes(one.aad));
        expect(open, `tc ${one.tcId}`).toThrow(ChannelError);
      }
    }
    expect(counts.valid).toBeGreaterThan(20);
    expect(counts.invalid).toBeGreaterThan(10);
    expect(counts.counterNonce).toBeGreaterThan(0);
  },
);
