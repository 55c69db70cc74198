import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { expect, test } from 'vitest';
import { TemporaryFolder } from '../temporary-folder.ts';
import { canMakeImageDisks, ImageDisk } from './image-disk.ts';

const MIB = 1024 * 1024;

function write(path: string, text: string, synced: boolean): void {
  const file = openSync(path, 'a');
  writeSync(file, text);
  if (synced) fsyncSync(file);
  closeSync(file);
  if (!synced) return;
  const folder = openSync(dirname(path), 'r');
  fsyncSync(folder);
  closeSync(folder);
}

test('B1 a power cut takes what was only written and leaves what was synced', async ({ skip }) => {
  using folder = new TemporaryFolder();
  mkdirSync(folder.at('trial'));
  skip(!(await canMakeImageDisks(folder.at('trial'))), 'needs root and loop devices');
  const disk = await ImageDisk.create(folder.at('disk'), 16 * MIB);
  try {
    write(disk.at('kept'), 'synced', true);
    write(disk.at('lost'), 'only written', false);
    write(disk.at('kept'), ' and only written', false);
    expect(readFileSync(disk.at('kept'), 'utf8')).toBe('synced and only written');
    await disk.copy();
    await disk.becomeCopy();
    expect(readFileSync(disk.at('kept'), 'utf8')).toBe('synced');
    expect(() => readFileSync(disk.at('lost'))).toThrow('ENOENT');
    await disk.fill(0);
    expect(() => write(disk.at('more'), 'x'.repeat(MIB), true)).toThrow('ENOSPC');
    disk.clear();
    expect(disk.freeBytes).toBeGreaterThan(8 * MIB);
  } finally {
    await disk.unmount();
  }
});
