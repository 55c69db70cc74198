/** What a server's data take on its disk. */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** Bytes of databases and their logs; the reserve is there from the first day on. */
export function databaseBytesIn(dataFolder: string): number {
  let bytes = 0;
  for (const folder of [dataFolder, join(dataFolder, 'tenants')]) {
    for (const name of readdirSync(folder)) {
      if (/\.db(-wal|-redo)?$/.test(name)) bytes += statSync(join(folder, name)).size;
    }
  }
  return bytes;
}
