/**
 * What must never un-happen, in a second place (wire.md §5, P5): revocations and erasures (of people, and of what an audit log says of somebody) today, wipes when there are such. A backup knows
 * nothing of what came after it, so a restore goes through this file before anybody is served. It lies outside the data folder and
 * outside backups of it, and holds ids only.
 *
 * One JSON object per line, appended and fsynced before whoever asked is answered. Several servers may share the file: a line is one write to a
 * file opened for appending. What was cut off in the middle of its last line had not been confirmed to anybody.
 */
import { mkdir, open, readFile, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { idSchema, KuvertError } from '@kuvert/protocol';
import { syncFolder } from '@kuvert/safe-folder';
import { z } from 'zod';

const LedgerEntry = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('revocation'), tenant: idSchema('tenant'), device: idSchema('device') }),
  z.object({ kind: z.literal('erasure'), tenant: idSchema('tenant'), person: idSchema('person') }),
  /** What a log says of somebody beyond the id was erased, who may go on being there. */
  z.object({
    kind: z.literal('identity'),
    log: z.union([z.literal('operator'), idSchema('tenant')]),
    id: z.string().regex(/^[a-z][a-z0-9_-]{0,63}$/),
  }),
  /** A restore came to pass with this epoch; the next one needs a higher one. */
  z.object({ kind: z.literal('restore'), epoch: z.int().min(1) }),
]);

/** One line. */
export type LedgerEntry = z.output<typeof LedgerEntry>;

const FILE = 'ledger.jsonl';

/** The ledger of an installation. */
export interface Ledger {
  /** Resolves when it is durable. What is there already is not written again. @throws KuvertError `disk_full` */
  append(entry: LedgerEntry): Promise<void>;
  /** All entries, oldest first. */
  readonly entries: readonly LedgerEntry[];
}

/** Opens the ledger in a folder, making both. @throws KuvertError `data_damaged` for a line that is none */
export async function openLedger(folder: string): Promise<Ledger> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const path = join(folder, FILE);
  const entries = await readEntries(path);
  const known = new Set(entries.map((entry) => JSON.stringify(entry)));
  let last: Promise<unknown> = Promise.resolve();

  async function write(line: string): Promise<void> {
    try {
      const file = await open(path, 'a', 0o600);
      try {
        await file.write(`${line}\n`);
        await file.datasync();
      } finally {
        await file.close();
      }
      await syncFolder(folder);
    } catch (cause) {
      const { code } = cause as NodeJS.ErrnoException;
      if (code === 'ENOSPC' || code === 'EDQUOT') throw new KuvertError('disk_full', { cause });
      throw cause;
    }
  }

  return {
    entries,
    append(entry) {
      const line = JSON.stringify(LedgerEntry.parse(entry));
      const writing = last.then(async () => {
        if (known.has(line)) return;
        await write(line);
        known.add(line);
        entries.push(entry);
      });
      last = writing.catch(() => undefined);
      return writing;
    },
  };
}

async function readEntries(path: string): Promise<LedgerEntry[]> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  const end = text.lastIndexOf('\n') + 1;
  // A torn line would otherwise grow together with the next one.
  if (end < text.length) await truncate(path, Buffer.byteLength(text.slice(0, end)));
  return text
    .slice(0, end)
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      try {
        return LedgerEntry.parse(JSON.parse(line));
      } catch {
        // No cause: a parser quotes what it read.
        throw new KuvertError('ledger_damaged');
      }
    });
}

/** Puts the ledgers of several servers together into one. */
export async function mergeLedgers(into: Ledger, folders: readonly string[]): Promise<void> {
  for (const folder of folders) {
    for (const entry of await readEntries(join(folder, FILE))) await into.append(entry);
  }
}
