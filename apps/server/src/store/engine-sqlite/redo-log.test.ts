import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { RedoLog, SALT_BYTES } from './redo-log.ts';

const bytes = (size: number): Uint8Array<ArrayBuffer> => new Uint8Array(randomBytes(size));
const hex = (some: Uint8Array): string => Buffer.from(some).toString('hex');
const key = bytes(32);

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kuvert-redo-log-'));
});

afterEach(() => rmSync(folder, { recursive: true }));

test('B1 a log that could not be written takes nothing more under this key, because its nonce is used', () => {
  const file = join(folder, 'redo');
  symlinkSync('/dev/full', file);
  const log = new RedoLog(file, key);
  log.begin(bytes(SALT_BYTES));
  expect(log.isUsable).toBe(true);
  expect(() => log.append([bytes(100)])).toThrow('ENOSPC');
  expect(log.isUsable).toBe(false);
  expect(() => log.append([bytes(100)])).toThrow('a log without a turn');
  log.begin(bytes(SALT_BYTES));
  expect(log.isUsable).toBe(true);
});

test('B1 batches of one turn and the same bytes of two turns differ on the disk', () => {
  const file = join(folder, 'redo');
  const log = new RedoLog(file, key);
  const batch = bytes(200);
  const turns = [bytes(SALT_BYTES), bytes(SALT_BYTES)].map((salt) => {
    log.begin(salt);
    log.append([batch]);
    log.append([batch]);
    expect(log.read(salt).map(hex)).toEqual([hex(batch), hex(batch)]);
    return readFileSync(file).subarray(0, log.bytes);
  });
  const pieces = turns.flatMap((turn) => [turn.subarray(4, 204), turn.subarray(-216, -16)]);
  expect(new Set([batch, ...pieces].map(hex)).size).toBe(5);
  log.remove();
});
