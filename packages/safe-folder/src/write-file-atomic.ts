import { randomBytes } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { folderErrorFrom } from './folder-error.ts';

/**
 * Replaces a file so that a crash at any moment leaves the old content or the new, never a part: written beside it,
 * fsynced, renamed over it, folder fsynced.
 *
 * @param options.mode permission bits of the file, default 0600.
 * @throws FolderError `disk_full`, `folder_read_only`, `folder_missing`
 */
export async function writeFileAtomic(
  path: string,
  content: Uint8Array | string,
  options: { readonly mode?: number } = {},
): Promise<void> {
  const folder = dirname(path);
  const beside = join(folder, `.${randomBytes(6).toString('hex')}.tmp`);
  try {
    const file = await open(beside, 'wx', options.mode ?? 0o600);
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(beside, path);
    await syncFolder(folder);
  } catch (error) {
    await rm(beside, { force: true }).catch(() => undefined);
    throw folderErrorFrom(error, folder);
  }
}

/** Makes what was created, renamed or removed in a folder durable. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
