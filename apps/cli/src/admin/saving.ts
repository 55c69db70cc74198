/** `--save FILE` of the operations whose answer holds a file: what is to be checked elsewhere is written as it is, byte by byte, and not shown on a terminal. */
import { writeFile } from 'node:fs/promises';
import { join, parse } from 'node:path';
import type { AdminOperationId } from '@kuvert/protocol/admin';
import { UsageError } from '../failure.ts';

/** The field that is a file, by operation. */
export const SAVED_FIELDS: { readonly [Id in AdminOperationId]?: string } = {
  'audit.export': 'file',
  'audit.get': 'export',
  'audit.checkpoint': 'checkpoint',
  'operator-audit.export': 'file',
  'operator-audit.get': 'export',
  'operator-audit.checkpoint': 'checkpoint',
};

/**
 * Writes an answer's file, and those of the answers that go on from it.
 * @param more asks for the next part, from a place in the log on; undefined where one part was asked for
 * @returns what the last answer says besides, with where the files are
 * @throws UsageError for a file that is there already, or that cannot be written
 */
export async function saveAnswer(
  result: object,
  how: {
    readonly field: string;
    readonly path: string;
    readonly more?: ((start: number) => Promise<object>) | undefined;
  },
): Promise<object> {
  const saved: string[] = [];
  for (let present = result; ; ) {
    const { [how.field]: text, ...rest } = present as { [name: string]: unknown; next?: number | null };
    const path = numbered(how.path, saved.length + 1);
    await writeNew(path, String(text));
    saved.push(path);
    if (how.more === undefined || typeof rest.next !== 'number') return { ...rest, saved };
    present = await how.more(rest.next);
  }
}

/** `audit.json`, `audit-2.json`, … */
function numbered(path: string, number: number): string {
  if (number === 1) return path;
  const { dir, name, ext } = parse(path);
  return join(dir, `${name}-${number}${ext}`);
}

async function writeNew(path: string, text: string): Promise<void> {
  try {
    await writeFile(path, text, { mode: 0o600, flag: 'wx' });
  } catch (error) {
    const isThere = (error as NodeJS.ErrnoException).code === 'EEXIST';
    throw new UsageError({
      en: isThere ? `${path} is there already; name another file.` : `${path} could not be written.`,
      de: isThere
        ? `${path} gibt es schon; bitte eine andere Datei nennen.`
        : `${path} konnte nicht geschrieben werden.`,
    });
  }
}
