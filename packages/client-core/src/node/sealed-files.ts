/**
 * Sealed files in the folder `attachments` of the profile: `<attachment>` when whole; before, `<attachment>.new` while it is sealed, and
 * `<attachment>.part` while it is fetched, which a later process goes on with.
 */
import { type FileHandle, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type AttachmentId, isId, KuvertError } from '@kuvert/protocol';
import { syncFolder } from '@kuvert/safe-folder';
import type { FileWriting, SealedFiles } from '../attachments/ports.ts';
import { readAhead } from './reading-ahead.ts';

const NEW = '.new';
const PART = '.part';
const SYNC_BYTES = 8 * 1_048_576;

/** @param folder made when the first file comes */
export function openSealedFiles(folder: string): SealedFiles {
  const pathOf = (attachment: AttachmentId): string => {
    // A path is made of it, and it comes from others.
    if (!isId('attachment', attachment)) throw new KuvertError('attachment_damaged');
    return join(folder, attachment);
  };
  return {
    async size(attachment) {
      const facts = await stat(pathOf(attachment)).catch(() => undefined);
      return facts?.size;
    },
    read: (attachment, range) => piecesOf(pathOf(attachment), range),
    async create(attachment) {
      const path = pathOf(attachment);
      const begin = () => open(path + NEW, 'wx+', 0o600);
      const file = await begin()
        .catch(async (error: unknown) => {
          if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
          await mkdir(folder, { recursive: true, mode: 0o700 });
          return begin();
        })
        .catch(rethrow);
      return new PartFile(file, { path, folder, size: 0, suffix: NEW });
    },
    async write(attachment) {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      const path = pathOf(attachment);
      const file = await open(path + PART, 'a+', 0o600).catch(rethrow);
      await file.close();
      const writing = await open(path + PART, 'r+');
      const { size } = await writing.stat();
      return new PartFile(writing, { path, folder, size, suffix: PART });
    },
    async keep(attachment) {
      const file = await open(pathOf(attachment), 'r+');
      try {
        await file.datasync().catch(rethrow);
      } finally {
        await file.close();
      }
      await syncFolder(folder);
    },
    async remove(attachment) {
      const path = pathOf(attachment);
      for (const suffix of [NEW, PART, '']) await rm(path + suffix, { force: true });
    },
    async removeNew(isNeeded) {
      for (const name of await readdir(folder).catch(() => [])) {
        const attachment = name.endsWith(NEW) ? name.slice(0, -NEW.length) : '';
        if (isId('attachment', attachment) && !isNeeded(attachment))
          await rm(pathOf(attachment) + NEW, { force: true });
      }
    },
  };
}

class PartFile implements FileWriting {
  readonly sizeBytes: number;
  readonly #file: FileHandle;
  readonly #path: string;
  readonly #folder: string;
  readonly #suffix: string;
  #at: number;
  #isOpen = true;
  #unsynced = 0;
  #isSyncing = false;
  #syncing: Promise<void> = Promise.resolve();

  constructor(
    file: FileHandle,
    {
      path,
      folder,
      size,
      suffix,
    }: { path: string; folder: string; size: number; suffix: typeof NEW | typeof PART },
  ) {
    this.#suffix = suffix;
    this.#file = file;
    this.#path = path;
    this.#folder = folder;
    this.sizeBytes = size;
    this.#at = size;
  }
  async read(from: number, count: number): Promise<Uint8Array> {
    const { bytesRead, buffer } = await this.#file.read(Buffer.alloc(count), 0, count, from);
    return buffer.subarray(0, bytesRead);
  }
  async truncate(sizeBytes: number): Promise<void> {
    await this.#file.truncate(sizeBytes);
    this.#at = sizeBytes;
  }
  async write(...parts: readonly Uint8Array[]): Promise<void> {
    for (let rest = [...parts]; rest.length > 0; ) {
      const { bytesWritten } = await this.#file.writev(rest, this.#at).catch(rethrow);
      this.#at += bytesWritten;
      this.#unsynced += bytesWritten;
      rest = behind(rest, bytesWritten);
    }
  }
  flushSoon(): void {
    if (this.#unsynced < SYNC_BYTES || this.#isSyncing) return;
    this.#unsynced = 0;
    this.#isSyncing = true;
    // The disk begins while more comes, so that little is left for the end.
    const syncing = this.#file.datasync().finally(() => {
      this.#isSyncing = false;
    });
    syncing.catch(() => undefined);
    this.#syncing = Promise.all([this.#syncing, syncing]).then(() => undefined);
    this.#syncing.catch(() => undefined);
  }
  async finish({ isDurable } = { isDurable: true }): Promise<void> {
    await this.#syncing.catch(rethrow);
    if (isDurable) await this.#file.datasync().catch(rethrow);
    await Promise.all([this.close(), rename(this.#path + this.#suffix, this.#path)]);
    if (isDurable) await syncFolder(this.#folder);
  }
  async close(): Promise<void> {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    await this.#syncing.catch(() => undefined);
    await this.#file.close();
  }
}

/** What is left of these parts when so many of their bytes are done. */
function behind(parts: readonly Uint8Array[], doneBytes: number): Uint8Array[] {
  let skipped = doneBytes;
  return parts.flatMap((part) => {
    const rest = part.subarray(Math.min(skipped, part.length));
    skipped -= part.length - rest.length;
    return rest.length > 0 ? [rest] : [];
  });
}

/** A file that is being sealed is read under the name that it has until then. */
async function* piecesOf(path: string, range: { from: number; to: number }): AsyncGenerator<Uint8Array> {
  const file = await open(path, 'r')
    .catch(() => open(path + NEW, 'r'))
    // Finished in between.
    .catch(() => open(path, 'r'));
  try {
    yield* readAhead(file, range);
  } finally {
    await file.close();
  }
}

function rethrow(error: unknown): never {
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'ENOSPC' || code === 'EDQUOT') throw new KuvertError('disk_full', { cause: error });
  if (code === 'EROFS' || code === 'EACCES') throw new KuvertError('folder_read_only', { cause: error });
  throw error;
}
