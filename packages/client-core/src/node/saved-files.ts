/** Files as people keep them: read where they lie, and saved under a name that was free. */
import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { link, mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { KuvertError } from '@kuvert/protocol';
import { numberedName } from '../attachments/names.ts';
import type { FileSource, FileTarget } from '../attachments/ports.ts';
import { readAhead } from './reading-ahead.ts';

const NAMES_MAX = 10_000;

/** A file of this machine. @throws KuvertError `file_unreadable` for what is no ordinary file or cannot be read */
export async function fileSource(path: string): Promise<FileSource> {
  const facts = await stat(path).catch((cause: unknown) => {
    throw new KuvertError('file_unreadable', { cause });
  });
  if (!facts.isFile()) throw new KuvertError('file_unreadable');
  return {
    name: basename(resolve(path)),
    sizeBytes: facts.size,
    async *read() {
      const file = await open(path, 'r').catch((cause: unknown) => {
        throw new KuvertError('file_unreadable', { cause });
      });
      try {
        // One byte more than it is said to have: whoever reads sees that it has grown.
        yield* readAhead(file, { from: 0, to: facts.size + 1 });
      } finally {
        await file.close();
      }
    },
  };
}

/** With the folders above it. Node's own way to do that never ends where the system says that a folder is missing which is there, as in `/proc`. */
async function makeFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder);
    return;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return;
    if (code !== 'ENOENT' || (await isThere(dirname(folder)))) throw error;
  }
  await makeFolder(dirname(folder));
  await makeFolder(folder);
}

async function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

/**
 * A file that is to be saved in a folder, which is made when it is missing. It is written under a hidden name and gets its own when all of it
 * is there; nothing that was there is overwritten.
 * @param key makes the hidden name, so that what a killed process has left is used again
 */
export async function fileTarget(folder: string, key: string): Promise<FileTarget> {
  await makeFolder(resolve(folder)).catch(asSaveError);
  const part = join(folder, `.kuvert-${createHash('sha256').update(key).digest('hex').slice(0, 24)}.part`);
  await rm(part, { force: true }).catch(asSaveError);
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  const file = await open(part, flags, 0o600).catch(asSaveError);
  let isOpen = true;
  const close = async () => {
    if (isOpen) await file.close();
    isOpen = false;
  };
  return {
    async write(bytes) {
      for (let done = 0; done < bytes.length; ) {
        const { bytesWritten } = await file.write(bytes, done).catch(asSaveError);
        done += bytesWritten;
      }
    },
    async finish(name) {
      await file.datasync().catch(asSaveError);
      await close();
      for (let number = 1; number <= NAMES_MAX; number++) {
        const path = join(folder, numberedName(name, number));
        try {
          await placeAt(part, path);
          return path;
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== 'EEXIST') asSaveError(error);
        }
      }
      throw new KuvertError('folder_read_only');
    },
    async discard() {
      await close();
      await rm(part, { force: true });
    },
  };
}

/** Gives a file its name, unless something has it. */
async function placeAt(part: string, path: string): Promise<void> {
  try {
    await link(part, path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'EPERM' && code !== 'ENOTSUP' && code !== 'EOPNOTSUPP' && code !== 'ENOSYS') throw error;
    // A disk without links: the name is taken first, so that nobody else has it in between.
    await (await open(path, 'wx', 0o600)).close();
    await rename(part, path);
    return;
  }
  await rm(part, { force: true });
}

function asSaveError(error: unknown): never {
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'ENOSPC' || code === 'EDQUOT') throw new KuvertError('disk_full', { cause: error });
  if (code === 'EEXIST' || code === 'ENOTDIR' || code === 'ELOOP' || code === 'ENOENT') {
    throw new KuvertError('folder_is_file', { cause: error });
  }
  if (code === 'EROFS' || code === 'EACCES' || code === 'EPERM') {
    throw new KuvertError('folder_read_only', { cause: error });
  }
  throw error;
}
