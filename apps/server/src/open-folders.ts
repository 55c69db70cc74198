/**
 * Opens the data folder and the keys folder. The two never lie within each other (wire.md §5), keys are made only for data that does
 * not exist yet, and they are made first: whatever a start that fails leaves behind, the next start can use.
 */
import { existsSync } from 'node:fs';
import { readFile, realpath } from 'node:fs/promises';
import { basename, dirname, join, sep } from 'node:path';
import { FolderError, openSafeFolder, type SafeFolder, writeFileAtomic } from '@kuvert/safe-folder';
import type { Random } from './clock.ts';
import { createKekFile, openFileKeyProvider } from './keys/file-key-provider.ts';
import type { KeyProvider } from './keys/key-provider.ts';
import { StartError, startErrorFrom } from './start-error.ts';

const OPERATOR_KEY_FILE = 'operator.key';
const OPERATOR_KEY_BYTES = 32;

/** Both folders, open. */
export interface OpenFolders {
  /** Locked until it is released. */
  readonly data: SafeFolder;
  /** Absolute path. */
  readonly keysFolder: string;
  readonly keys: KeyProvider;
  /** What signs operator calls, 32 bytes. */
  readonly operatorKey: Uint8Array;
}

/**
 * @throws StartError `keys_inside_data`, `data_in_use`, `folder_not_owned`, `folder_read_only`, `disk_full`, `keys_missing`,
 *   `keys_wrong`, `config_invalid`
 */
export async function openFolders(
  folders: { readonly dataFolder: string; readonly keysFolder: string },
  random: Random,
): Promise<OpenFolders> {
  const { dataFolder, keysFolder } = folders;
  await requireApart(dataFolder, keysFolder);
  const data = await about(dataFolder, () => openSafeFolder(dataFolder, { create: true }));
  try {
    return await about(keysFolder, async () => {
      const isNew = !existsSync(join(data.path, 'control.db'));
      if (isNew && !existsSync(join(keysFolder, 'kek.json'))) await makeKeys(keysFolder);
      const keys = await openFileKeyProvider(keysFolder);
      const operatorKey = await openOperatorKey(keysFolder, random);
      return { data, keysFolder: await realpath(keysFolder), keys, operatorKey };
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

async function requireApart(dataFolder: string, keysFolder: string): Promise<void> {
  const data = await realPlace(dataFolder);
  const keys = await realPlace(keysFolder);
  if (data === keys || `${keys}${sep}`.startsWith(`${data}${sep}`)) {
    throw new StartError('keys_inside_data', { about: keysFolder });
  }
}

/** Where a path leads, symbolic links resolved, also when its end does not exist yet. */
async function realPlace(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch {
    const parent = dirname(path);
    return parent === path ? path : join(await realPlace(parent), basename(path));
  }
}

/** The folder is checked like the data folder, but not kept locked: the command line reads it too. */
async function makeKeys(keysFolder: string): Promise<void> {
  const folder = await openSafeFolder(keysFolder, { create: true });
  folder.release();
  await createKekFile(keysFolder);
}

async function openOperatorKey(keysFolder: string, random: Random): Promise<Uint8Array> {
  const file = join(keysFolder, OPERATOR_KEY_FILE);
  // A lost operator key opens nothing and can be made anew, unlike the key-encryption key.
  if (!existsSync(file)) await writeFileAtomic(file, random(OPERATOR_KEY_BYTES));
  const key = await readFile(file).catch((cause: unknown) => {
    throw new FolderError('folder_not_owned', keysFolder, cause);
  });
  if (key.length !== OPERATOR_KEY_BYTES) throw new StartError('keys_wrong', { about: file });
  return Uint8Array.from(key);
}
