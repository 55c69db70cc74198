/** The folder of a profile: `container.kuvert` (header in clear), `container.db` (SQLCipher) and the lock. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createContainer, databaseKey, openContainer } from '@kuvert/crypto/container';
import { type ErrorCode, isErrorCode, KuvertError } from '@kuvert/protocol';
import { FolderError, openSafeFolder, type SafeFolder } from '@kuvert/safe-folder';
import type { SealedFiles } from '../attachments/ports.ts';
import { openSealedFiles } from './sealed-files.ts';
import { type OpenStore, openSqlcipherStore } from './store-sqlcipher/index.ts';

const HEADER_FILE = 'container.kuvert';
const DATABASE_FILE = 'container.db';
const ATTACHMENTS_FOLDER = 'attachments';

/** An unlocked profile: nobody else has it open until it is closed. */
export interface OpenFolder {
  readonly store: OpenStore;
  readonly sealedFiles: SealedFiles;
  close(): void;
}

/**
 * Locks the folder, opens its container with the secret and the database with the container's key.
 * @param options.create makes folder and container where there are none
 * @throws KuvertError `profile_missing`, `profile_in_use`, `container_wrong_passphrase`, `container_damaged`,
 *   `container_too_new`, `folder_not_owned`, `folder_read_only`, `disk_full`
 */
export async function openProfileFolder(options: {
  readonly profileDir: string;
  readonly secret: Uint8Array;
  readonly create: boolean;
}): Promise<OpenFolder> {
  const { profileDir, secret, create } = options;
  if (secret.length === 0) throw new KuvertError('secret_missing');
  const folder = await openSafeFolder(profileDir, { create }).catch((error: unknown) => {
    throw asProfileError(error);
  });
  try {
    const key = databaseKey(await masterKeyOf(folder, secret, create));
    const store = openSqlcipherStore(join(folder.path, DATABASE_FILE), key);
    key.fill(0);
    return {
      store,
      sealedFiles: openSealedFiles(join(folder.path, ATTACHMENTS_FOLDER)),
      close() {
        store.close();
        folder.release();
      },
    };
  } catch (error) {
    folder.release();
    throw asProfileError(error);
  }
}

async function masterKeyOf(folder: SafeFolder, secret: Uint8Array, create: boolean): Promise<Uint8Array> {
  const header = await readFile(join(folder.path, HEADER_FILE)).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (header !== undefined) return openContainer(Uint8Array.from(header), secret);
  if (!create) throw new KuvertError('profile_missing');
  const container = await createContainer({ passphrase: secret });
  await folder.writeFileAtomic(HEADER_FILE, container.header);
  return container.masterKey;
}

const FOLDER_CODES: Record<string, ErrorCode> = {
  folder_missing: 'profile_missing',
  folder_in_use: 'profile_in_use',
};

function asProfileError(error: unknown): unknown {
  if (!(error instanceof FolderError)) return error;
  const code = FOLDER_CODES[error.code] ?? error.code;
  return isErrorCode(code) ? new KuvertError(code, { cause: error }) : error;
}
