/**
 * Opens the data folder and the keys folder. The data folder is locked first: two servers that start at once on an empty one would each
 * make keys. Keys are made before data, so whatever a start that fails leaves behind, the next start can use.
 */
import { realpath } from 'node:fs/promises';
import { openSafeFolder, type SafeFolder } from '@kuvert/safe-folder';
import { openServerKeys, type ServerKeys } from './keys/keys-folder.ts';
import { startErrorFrom } from './start-error.ts';

/** Both folders, open. */
export interface OpenFolders extends ServerKeys {
  /** Locked until it is released. */
  readonly data: SafeFolder;
  /** Absolute path. */
  readonly keysFolder: string;
}

/**
 * @throws StartError `keys_inside_data`, `data_in_use`, `folder_not_owned`, `folder_read_only`, `disk_full`, `keys_missing`,
 *   `keys_wrong`, `keys_open`, `config_invalid`
 */
export async function openFolders(folders: {
  readonly dataFolder: string;
  readonly keysFolder: string;
}): Promise<OpenFolders> {
  const { dataFolder, keysFolder } = folders;
  const data = await about(dataFolder, () => openSafeFolder(dataFolder, { create: true }));
  try {
    return await about(keysFolder, async () => {
      const keys = await openServerKeys({ keys: keysFolder, data: data.path });
      return { ...keys, data, keysFolder: await realpath(keysFolder) };
    });
  } catch (error) {
    data.release();
    throw error;
  }
}

async function about<T>(folder: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw startErrorFrom(error, folder);
  }
}
