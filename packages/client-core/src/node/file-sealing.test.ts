import { randomBytes } from 'node:crypto';
import { attachmentHeader } from '@kuvert/crypto/attachments';
import { expect, test } from 'vitest';
import { batchesOf, FileSealer, type SealingOrder } from '../attachments/file-sealer.ts';
import type { Sealer } from '../attachments/ports.ts';
import { openSealer } from './file-sealing.ts';

const MIB = 1_048_576;

/** All that comes out, and its hashes. */
async function sealed(order: SealingOrder, bytes: Uint8Array, sealer: Sealer) {
  const parts: Buffer[] = [];
  let at = 0;
  let memory = { plain: new Uint8Array(MIB), sealed: new Uint8Array(MIB) };
  for (const batch of batchesOf(order.sizeBytes)) {
    memory.plain.fill(0);
    memory.plain.set(bytes.subarray(at, at + batch.fileBytes));
    at += batch.fileBytes;
    memory = await sealer.seal(batch, memory);
    parts.push(Buffer.from(memory.sealed.subarray(0, batch.sealedBytes)));
  }
  const hashes = await sealer.finish();
  sealer.wipe();
  return { bytes: Buffer.concat(parts), ...hashes };
}

test('A1 B1 large files sealed at the same time by the other thread are what this one makes of them', async () => {
  const orders = [13 * MIB + 1, 12 * MIB].map((sizeBytes) => ({
    key: randomBytes(32),
    header: attachmentHeader(randomBytes),
    sizeBytes,
  }));
  const made = await Promise.all(
    orders.map(async (order) => {
      const bytes = randomBytes(order.sizeBytes);
      const here = new FileSealer(order);
      const inThisThread: Sealer = {
        seal: async (batch, memory) => {
          here.seal(batch, memory);
          return memory;
        },
        finish: async () => here.finish(),
        wipe: () => here.wipe(),
      };
      const there = sealed(order, bytes, openSealer({ ...order, key: Uint8Array.from(order.key) }));
      return { there: await there, here: await sealed(order, bytes, inThisThread) };
    }),
  );
  for (const { there, here } of made) {
    expect(there.bytes.equals(here.bytes)).toBe(true);
    expect([there.sha256, there.sealedSha256]).toEqual([here.sha256, here.sealedSha256]);
  }
});
