/** Why a folder cannot be used. The codes are those of the error catalogue of `@kuvert/protocol`. */
export type FolderErrorCode =
  | 'folder_missing'
  | 'folder_in_use'
  | 'folder_not_owned'
  | 'folder_read_only'
  | 'disk_full';

/** A folder that cannot be used, with a code that the caller shows as the catalogue's sentence. */
export class FolderError extends Error {
  override readonly name = 'FolderError';
  readonly code: FolderErrorCode;
  /** The folder as it was asked for. */
  readonly path: string;

  constructor(code: FolderErrorCode, path: string, cause?: unknown) {
    super(code, cause === undefined ? undefined : { cause });
    this.code = code;
    this.path = path;
  }
}

const BY_ERRNO: Record<string, FolderErrorCode> = {
  ENOENT: 'folder_missing',
  ENOTDIR: 'folder_missing',
  EROFS: 'folder_read_only',
  EACCES: 'folder_read_only',
  EPERM: 'folder_read_only',
  ENOSPC: 'disk_full',
  EDQUOT: 'disk_full',
};

/** Gives an error of the file system its code; one that has none is thrown on as it is. */
export function folderErrorFrom(cause: unknown, path: string): unknown {
  if (cause instanceof FolderError) return cause;
  const code = BY_ERRNO[(cause as NodeJS.ErrnoException | undefined)?.code ?? ''];
  return code === undefined ? cause : new FolderError(code, path, cause);
}
