/** What stands behind `kuvert`, as the bytes that it was given in. */
import { isUtf8 } from 'node:buffer';
import { readFile } from 'node:fs/promises';
import { KuvertError } from '@kuvert/protocol';
import { UsageError } from './failure.ts';
import { showLine } from './terminal-text.ts';

/**
 * Node replaces what is not UTF-8 in an argument without a word: a text would go out changed, and a file with such a name would be called missing.
 * So when an argument holds the replacement character, all are looked at as bytes, where the system shows them.
 * @throws KuvertError `text_not_utf8` for a text to send; UsageError for all else
 */
export async function checkArguments(argv: readonly string[]): Promise<void> {
  const at = argv.findIndex((word) => word.includes('\ufffd'));
  if (at < 0) return;
  const bytes = await readFile('/proc/self/cmdline').catch(() => undefined);
  if (bytes === undefined || isUtf8(bytes)) return;
  const word = argv[at] ?? '';
  if (argv[at - 1] === '--text' || word.startsWith('--text=')) throw new KuvertError('text_not_utf8');
  const shown = showLine(word);
  throw new UsageError({
    en: `This is not UTF-8: ${shown}. A file with such a name has to be renamed first, or named by a link to it.`,
    de: `Das ist kein UTF-8: ${shown}. Eine Datei, die so heißt, muss erst umbenannt oder über eine Verknüpfung genannt werden.`,
  });
}
