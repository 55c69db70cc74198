import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeId } from '@kuvert/protocol';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openLedger } from './ledger.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ledger-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const revocation = (n: number) => ({
  kind: 'revocation' as const,
  tenant: makeId('tenant', new Uint8Array(16).fill(1)),
  device: makeId('device', new Uint8Array(16).fill(n)),
});

test('P5 what was appended is there after a restart, once, and for its owner alone', async () => {
  const ledger = await openLedger(join(folder, 'l'));
  await Promise.all([
    ledger.append(revocation(1)),
    ledger.append(revocation(2)),
    ledger.append(revocation(1)),
  ]);
  const again = await openLedger(join(folder, 'l'));
  await again.append(revocation(2));
  await again.append({ kind: 'restore', epoch: 2 });
  expect((await openLedger(join(folder, 'l'))).entries).toEqual([
    revocation(1),
    revocation(2),
    { kind: 'restore', epoch: 2 },
  ]);
  expect(statSync(join(folder, 'l', 'ledger.jsonl')).mode & 0o077).toBe(0);
});

test('P5 a line that a power cut left half written is dropped, and the next one does not grow together with it', async () => {
  const ledger = await openLedger(folder);
  await ledger.append(revocation(1));
  appendFileSync(join(folder, 'ledger.jsonl'), '{"kind":"revoc');
  const again = await openLedger(folder);
  expect(again.entries).toEqual([revocation(1)]);
  await again.append(revocation(2));
  expect((await openLedger(folder)).entries).toEqual([revocation(1), revocation(2)]);
});

test('P5 a ledger that was altered is told as such, and never repeated', async () => {
  const ledger = await openLedger(folder);
  await ledger.append(revocation(1));
  const path = join(folder, 'ledger.jsonl');
  writeFileSync(path, `${readFileSync(path, 'utf8')}{"kind":"SECRET"}\n`);
  const error = await openLedger(folder).catch((reason: unknown) => reason as Error);
  expect(error).toMatchObject({ code: 'ledger_damaged' });
  expect(String(error)).not.toContain('SECRET');
});

test('P5 two servers on one file do not write over each other', async () => {
  const [one, other] = [await openLedger(folder), await openLedger(folder)];
  await Promise.all(
    Array.from({ length: 40 }, (_, n) => (n % 2 === 0 ? one : other).append(revocation(n + 1))),
  );
  expect((await openLedger(folder)).entries).toHaveLength(40);
});
