/** Looks for canaries in files and in their names. */
import { closeSync, openSync, readdirSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { findIn, type Hit, type Needle, overlapFor } from './canary.ts';

const CHUNK_BYTES = 4 * 1024 * 1024;

/** What a search went through. */
export interface FileScan {
  readonly hits: Hit[];
  readonly files: number;
  readonly bytesRead: number;
}

/** Searches all regular files below some folders, contents and paths. A file that vanishes meanwhile is passed over. */
export function scanFolders(folders: readonly string[], needles: readonly Needle[]): FileScan {
  const scan = { hits: [] as Hit[], files: 0, bytesRead: 0 };
  const buffer = Buffer.alloc(CHUNK_BYTES);
  for (const folder of folders) {
    for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name);
      scan.hits.push(...findIn(Buffer.from(path), needles, { where: `the name of ${path}`, offset: 0 }));
      if (!entry.isFile()) continue;
      scan.files += 1;
      scan.bytesRead += scanFile(path, buffer, needles, scan.hits);
    }
  }
  return scan;
}

/** @returns bytes read */
function scanFile(path: string, buffer: Buffer, needles: readonly Needle[], hits: Hit[]): number {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0;
    throw error;
  }
  const overlap = overlapFor(needles);
  try {
    let kept = 0;
    let at = 0;
    for (;;) {
      const size = readSync(file, buffer, kept, buffer.length - kept, at);
      if (size === 0) return at;
      const filled = buffer.subarray(0, kept + size);
      hits.push(...findIn(filled, needles, { where: path, offset: at - kept }));
      at += size;
      kept = Math.min(overlap, filled.length);
      buffer.copyWithin(0, filled.length - kept, filled.length);
    }
  } finally {
    closeSync(file);
  }
}
