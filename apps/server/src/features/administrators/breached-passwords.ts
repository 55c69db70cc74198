/**
 * Passwords that are known from breaches, looked up without a network in a file that the operator supplies: one line `SHA-1 in hex:how often` per password, in order of the hash, as Have I Been Pwned gives
 * it out. Some 40 GB are searched in place with as many reads as the number of lines has bits. SHA-1 protects nothing here; it is only how that list names passwords.
 */
import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';

const HASH_CHARACTERS = 40;
/** Longer than any line. */
const PIECE_BYTES = 256;
const LINE = /(?:^|\n)([0-9A-Fa-f]{40})(?::\d{1,15})?(?=\r?\n|$)/;

/** @see the head of this file */
export class BreachedPasswords {
  readonly #path: string | undefined;

  /** @param path undefined where there is no such file: then nothing is known from breaches */
  constructor(path: string | undefined) {
    this.#path = path;
  }

  /** Whether a password stands in the file. @throws Error when the file cannot be read */
  async has(password: string): Promise<boolean> {
    if (this.#path === undefined) return false;
    const wanted = createHash('sha1').update(password.normalize('NFC')).digest('hex').toUpperCase();
    await using file = await open(this.#path, 'r');
    const { size } = await file.stat();
    // Between these two offsets begins the line, if there is one.
    let [from, to] = [0, size];
    while (from < to) {
      const middle = Math.floor((from + to) / 2);
      const line = await lineAfter(file, middle);
      if (line === undefined || line.at >= to || line.hash > wanted) {
        if (middle === from && line?.at === from) return false;
        to = middle;
      } else if (line.hash === wanted) {
        return true;
      } else {
        from = line.at + HASH_CHARACTERS;
      }
    }
    return false;
  }
}

/** The first line that begins at or after an offset. */
async function lineAfter(
  file: FileHandle,
  offset: number,
): Promise<{ at: number; hash: string } | undefined> {
  // One byte before it, so that a line that begins just there is seen as one.
  const start = Math.max(0, offset - 1);
  const buffer = Buffer.alloc(PIECE_BYTES);
  const { bytesRead } = await file.read(buffer, 0, PIECE_BYTES, start);
  const text = buffer.toString('latin1', 0, bytesRead);
  const match = (offset === 0 ? LINE : /(?:\n)([0-9A-Fa-f]{40})(?::\d{1,15})?(?=\r?\n|$)/).exec(text);
  if (match?.[1] === undefined) return undefined;
  const at = start + match.index + (match[0].startsWith('\n') ? 1 : 0);
  return { at, hash: match[1].toUpperCase() };
}
