import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeId } from '@kuvert/protocol';
import { afterAll, expect, test } from 'vitest';
import { openSealedFiles } from './sealed-files.ts';

const folder = mkdtempSync(join(tmpdir(), 'kuvert-sealed-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function allOf(pieces: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Buffer[] = [];
  // Copied, because a piece is good until the next is asked for.
  for await (const piece of pieces) parts.push(Buffer.from(piece));
  return Buffer.concat(parts);
}

test('A9 a file is read while it is sealed, and under its name once it is whole', async () => {
  const files = openSealedFiles(join(folder, 'reading'));
  const attachment = makeId('attachment', randomBytes(16));
  const bytes = randomBytes(3_000_000);
  const writing = await files.create(attachment);
  await writing.write(bytes.subarray(0, 2_000_000));
  expect(await files.size(attachment)).toBeUndefined();
  const early = await allOf(files.read(attachment, { from: 1, to: 2_000_000 }));
  expect(early.equals(bytes.subarray(1, 2_000_000))).toBe(true);
  await writing.write(
    bytes.subarray(2_000_000, 2_000_000),
    bytes.subarray(2_000_000, 2_500_000),
    bytes.subarray(2_500_000),
  );
  await writing.finish();
  expect(await files.size(attachment)).toBe(bytes.length);
  const all = await allOf(files.read(attachment, { from: 0, to: bytes.length }));
  expect(all.equals(bytes)).toBe(true);
});

test('P1 what a killed process has half sealed is removed; what is sealed now and what is half fetched stays', async () => {
  const files = openSealedFiles(join(folder, 'leftovers'));
  const [left, sealing, fetched] = [1, 2, 3].map(() => makeId('attachment', randomBytes(16)));
  if (left === undefined || sealing === undefined || fetched === undefined) throw new Error('three ids');
  for (const one of [left, sealing]) await (await files.create(one)).close();
  const part = await files.write(fetched);
  await part.write(Buffer.from('half'));
  await part.close();
  await files.removeNew((attachment) => attachment === sealing);
  expect(readdirSync(join(folder, 'leftovers')).sort()).toEqual([`${sealing}.new`, `${fetched}.part`].sort());
  const again = await files.write(fetched);
  expect(again.sizeBytes).toBe(4);
  await again.close();
});
