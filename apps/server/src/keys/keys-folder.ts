/**
 * The keys folder (`KUVERT_KEYS`): `kek.json`, the wrapping key, and `operator.key`, 32 bytes for operator calls. The
 * wrapping key is made with the data, never without: one made anew for old data would only hide that the right one is missing. The server's
 * channel keys are not here but sealed in the store, so that rotation and backup of the wrapping key cover them.
 */
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile, realpath } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { KuvertError } from '@kuvert/protocol';
import { FolderError } from '@kuvert/safe-folder';
import { createKekFile, openFileKeyProvider } from './file-key-provider.ts';
import { closeKeyFile } from './key-file-mode.ts';
import type { KeyProvider } from './key-provider.ts';
import { lockKeysFolder } from './keys-lock.ts';

const OPERATOR_KEY_BYTES = 32;

const OPERATOR_KEY_FILE = 'operator.key';

/** What the server keeps apart from its data. */
export interface ServerKeys {
  readonly provider: KeyProvider;
  /** Authenticates operator calls, 32 bytes. */
  readonly operatorKey: Uint8Array;
  /** How many key files others could read until this start. Whoever runs the server has to know: a key that was read stays read. */
  readonly openKeyFiles: number;
}

/**
 * Opens the keys folder; makes it when there is neither a keys folder nor data.
 *
 * @param folders.data the data folder, which may still be empty.
 * @throws KuvertError `keys_inside_data`, `keys_missing`, `keys_wrong`, `keys_open`; FolderError of the keys folder
 */
export async function openServerKeys(folders: {
  readonly keys: string;
  readonly data: string;
}): Promise<ServerKeys> {
  await refuseInside(folders);
  const dataIsThere = ['keyring.json', 'control.db'].some((name) => existsSync(join(folders.data, name)));
  const folder = await openKeysFolder(folders.keys, { create: !dataIsThere });
  try {
    const kek = join(folder.path, 'kek.json');
    const operator = join(folder.path, OPERATOR_KEY_FILE);
    if (dataIsThere && !existsSync(kek)) throw new KuvertError('keys_missing');
    if (!existsSync(kek)) await createKekFile(folder.path);
    // A lost operator key opens nothing and is made anew.
    if (!existsSync(operator))
      await folder.writeFileAtomic(OPERATOR_KEY_FILE, randomBytes(OPERATOR_KEY_BYTES));
    let openKeyFiles = 0;
    for (const file of [kek, operator]) if (await closeKeyFile(file)) openKeyFiles += 1;
    return {
      openKeyFiles,
      provider: await openFileKeyProvider(folder.path),
      operatorKey: await readOperatorKey(folder.path),
    };
  } finally {
    folder.release();
  }
}

/** Reads the operator key. @throws KuvertError `keys_missing`, `keys_wrong` */
async function readOperatorKey(keysFolder: string): Promise<Uint8Array> {
  let key: Uint8Array;
  try {
    key = await readFile(join(keysFolder, OPERATOR_KEY_FILE));
  } catch (cause) {
    throw new KuvertError('keys_missing', { cause });
  }
  if (key.length !== OPERATOR_KEY_BYTES) throw new KuvertError('keys_wrong');
  return Uint8Array.from(key);
}

async function openKeysFolder(path: string, options: { readonly create: boolean }) {
  try {
    return await lockKeysFolder(path, options);
  } catch (error) {
    if (error instanceof FolderError && error.code === 'folder_missing') {
      throw new KuvertError('keys_missing', { cause: error });
    }
    throw error;
  }
}

/** Whoever copies or backs up the data folder must not carry off the keys with it. */
async function refuseInside(folders: { readonly keys: string; readonly data: string }): Promise<void> {
  const way = relative(await real(folders.data), await real(folders.keys));
  if (way === '' || !(way === '..' || way.startsWith('../'))) throw new KuvertError('keys_inside_data');
}

/** The path without symbolic links, also of a folder that is yet to be made. */
async function real(path: string): Promise<string> {
  const absolute = resolve(path);
  try {
    return await realpath(absolute);
  } catch {
    const parent = dirname(absolute);
    return parent === absolute ? absolute : join(await real(parent), basename(absolute));
  }
}
