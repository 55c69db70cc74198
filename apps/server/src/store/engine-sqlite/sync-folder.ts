import { closeSync, fsyncSync, openSync } from 'node:fs';

/** Makes the names of files in a folder durable: a power cut must not take away a file whose content is durable already. */
export function syncFolder(folder: string): void {
  const handle = openSync(folder, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}
