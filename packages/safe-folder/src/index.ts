/** Folders that belong to one process, and files that are replaced whole or not at all. */
export { FolderError, type FolderErrorCode } from './folder-error.ts';
export { FREE_BYTES_MIN, openSafeFolder, type SafeFolder } from './open-safe-folder.ts';
export { syncFolder, writeFileAtomic } from './write-file-atomic.ts';
