/** The lock of the keys folder, held only while something in it is looked at or changed: servers on one database share the folder. */
import { setTimeout as wait } from 'node:timers/promises';
import { FolderError, openSafeFolder, type SafeFolder } from '@kuvert/safe-folder';

/** Whoever has the lock needs it for some milliseconds. */
const TRIES = 100;
const PAUSE_MS = 50;

/** Waits some seconds for others. @throws FolderError as `openSafeFolder` does */
export async function lockKeysFolder(
  path: string,
  options: { readonly create: boolean },
): Promise<SafeFolder> {
  for (let tries = 1; ; tries++) {
    try {
      return await openSafeFolder(path, { ...options, freeBytesMin: 0 });
    } catch (error) {
      const isHeld = error instanceof FolderError && error.code === 'folder_in_use';
      if (!isHeld || tries >= TRIES) throw error;
      await wait(PAUSE_MS);
    }
  }
}
