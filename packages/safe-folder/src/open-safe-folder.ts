/**
 * A folder that belongs to one process: own user, not open to others, writable, with free space, and locked until the
 * process ends, however it ends.
 *
 * The lock is an exclusive transaction that SQLite holds on an empty file `lock`, because Node has no file lock of its own
 * and a lock file with a process number in it survives a crash. The system drops such a lock with the process. It also
 * drops it when *any* descriptor of that file is closed in this process (POSIX), so nothing else may ever open it.
 */
import { randomBytes } from 'node:crypto';
import { chmod, mkdir, open, realpath, rm, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { Database } from '@signalapp/sqlcipher';
import { FolderError, folderErrorFrom } from './folder-error.ts';
import { syncFolder, writeFileAtomic } from './write-file-atomic.ts';

/** Free space without which a folder is refused as full, in bytes. */
export const FREE_BYTES_MIN = 2 * 1024 * 1024;

/** A folder of which this process is the only user. */
export interface SafeFolder {
  /** Absolute path without symbolic links. */
  readonly path: string;
  /** {@link writeFileAtomic} of a file in this folder. */
  writeFileAtomic(name: string, content: Uint8Array | string): Promise<void>;
  /** Gives the folder free for another process. Safe to call twice. */
  release(): void;
}

/**
 * Opens a folder for this process alone.
 *
 * @param options.create makes the folder (mode 0700) when it is missing; otherwise `folder_missing`.
 * @param options.freeBytesMin default {@link FREE_BYTES_MIN}.
 * @throws FolderError `folder_missing`, `folder_not_owned`, `folder_read_only`, `disk_full`, `folder_in_use`
 */
export async function openSafeFolder(
  path: string,
  options: { readonly create?: boolean; readonly freeBytesMin?: number } = {},
): Promise<SafeFolder> {
  try {
    if (options.create === true) await makeFolder(path);
    const folder = await realpath(path);
    await checkOwner(folder, path);
    await checkWritable(folder);
    const space = await statfs(folder);
    if (space.bavail * space.bsize < (options.freeBytesMin ?? FREE_BYTES_MIN)) {
      throw new FolderError('disk_full', path);
    }
    const lock = takeLock(join(folder, 'lock'), path);
    let held = true;
    return {
      path: folder,
      writeFileAtomic: (name, content) => writeFileAtomic(join(folder, name), content),
      release() {
        if (held) lock.close();
        held = false;
      },
    };
  } catch (error) {
    throw folderErrorFrom(error, path);
  }
}

async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true, mode: 0o700 });
  } catch (error) {
    // A recursive mkdir below a read-only mount says ENOENT, which would be reported as a folder that is missing.
    const { code } = error as NodeJS.ErrnoException;
    throw code === 'ENOENT' ? new FolderError('folder_read_only', path, error) : error;
  }
}

async function checkOwner(folder: string, asked: string): Promise<void> {
  const facts = await stat(folder);
  if (!facts.isDirectory()) throw new FolderError('folder_missing', asked);
  const uid = process.getuid?.();
  if (uid !== undefined && facts.uid !== uid) throw new FolderError('folder_not_owned', asked);
  // Other users of the machine have no business here: they could at least count and time what is written.
  if (uid !== undefined && (facts.mode & 0o077) !== 0) await chmod(folder, 0o700);
}

/** Permission bits say nothing about read-only mounts and nothing to root, so it is tried. */
async function checkWritable(folder: string): Promise<void> {
  const probe = join(folder, `.${randomBytes(6).toString('hex')}.tmp`);
  try {
    const file = await open(probe, 'wx', 0o600);
    try {
      await file.write(new Uint8Array(4096));
      await file.sync();
    } finally {
      await file.close();
    }
  } finally {
    await rm(probe, { force: true });
  }
  await syncFolder(folder);
}

function takeLock(file: string, asked: string): Database {
  const lock = new Database(file);
  try {
    // Another process that is just testing holds the lock for a moment only.
    lock.exec('PRAGMA busy_timeout = 250; BEGIN EXCLUSIVE');
    return lock;
  } catch (error) {
    lock.close();
    const code = String((error as { code?: unknown }).code);
    if (code.startsWith('SQLITE_BUSY')) throw new FolderError('folder_in_use', asked, error);
    if (code.startsWith('SQLITE_FULL')) throw new FolderError('disk_full', asked, error);
    if (/^SQLITE_(READONLY|CANTOPEN|PERM)/.test(code))
      throw new FolderError('folder_read_only', asked, error);
    throw error;
  }
}
