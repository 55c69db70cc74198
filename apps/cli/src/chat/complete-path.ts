/** Completes the path of a file or a folder that somebody is writing, as shells do. */
import { readdir, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, join } from 'node:path';

/** What can stand behind what was written. */
export interface Completion {
  /** As far as it is the same for all. */
  readonly path: string;
  /** The names, when there are several. */
  readonly names: readonly string[];
}

/** A folder with more is looked through no further. */
const NAMES_MAX = 20_000;

/** As a shell reads it: the home folder by `~`, quotes around the whole. */
export function pathOf(text: string): string {
  const path = /^(["'])(.*)\1$/s.exec(text)?.[2] ?? text;
  return path === '~' || path.startsWith('~/') ? join(homedir(), path.slice(1)) : path;
}

/**
 * @param typed with `~`, with or without a quote before it
 * @returns undefined when there is nothing like it
 */
export async function completePath(
  typed: string,
  { isFolder = false }: { readonly isFolder?: boolean } = {},
): Promise<Completion | undefined> {
  const quote = /^["']/.exec(typed)?.[0] ?? '';
  const bare = typed.slice(quote.length);
  if (bare === '~') return { path: `${quote}~/`, names: [] };
  const begun = bare.slice(bare.lastIndexOf('/') + 1);
  const folder = bare.slice(0, bare.length - begun.length);
  const names = await namesIn(folder === '' ? '.' : pathOf(folder), isFolder);
  const whole = names.filter((name) => name.startsWith(begun));
  const like = whole.length > 0 ? whole : names.filter((name) => fold(name).startsWith(fold(begun)));
  // Hidden files are for those who begin with the dot.
  const seen = begun.startsWith('.') ? like : like.filter((name) => !name.startsWith('.'));
  if (seen.length === 0) return undefined;
  return { path: quote + folder + commonBeginning(seen), names: seen.length > 1 ? seen : [] };
}

async function namesIn(folder: string, isFolder: boolean): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const names: string[] = [];
  for (const entry of entries.slice(0, NAMES_MAX)) {
    // What a line cannot hold cannot be written either.
    if (/[\p{Cc}\ufffd]/u.test(entry.name)) continue;
    const isLink = entry.isSymbolicLink();
    const leadsOn = entry.isDirectory() || (isLink && (await isDirectory(join(folder, entry.name))));
    if (leadsOn) names.push(`${entry.name}/`);
    else if (!isFolder && (entry.isFile() || isLink)) names.push(entry.name);
  }
  return names.sort((a, b) => a.localeCompare(b));
}

async function isDirectory(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isDirectory() ?? false;
}

/** Never ends in the middle of a character. */
function commonBeginning(names: readonly string[]): string {
  const [first = '', ...others] = names;
  let common = '';
  for (const { segment } of new Intl.Segmenter().segment(first)) {
    if (!others.every((name) => name.startsWith(common + segment))) break;
    common += segment;
  }
  return common;
}

function fold(text: string): string {
  return basename(text).normalize('NFC').toLocaleLowerCase();
}
