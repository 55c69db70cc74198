/**
 * A canary is a text that exists nowhere else. Whoever claims that a place does not hold it must have looked for every form in
 * which programs keep text, so a search goes for all of them at once (P8).
 */
import { randomBytes } from 'node:crypto';

/** One form of a canary. */
export interface Needle {
  readonly canary: string;
  readonly form: string;
  readonly bytes: Buffer;
}

/** Where a canary was found. */
export interface Hit {
  readonly canary: string;
  readonly form: string;
  /** File, mapping or whatever else was searched. */
  readonly where: string;
  /** Byte offset in it (for memory: the address). */
  readonly offset: number;
}

/**
 * How every canary of ours begins. A search first looks for this in all its forms, so that it costs the same for one canary and for a hundred;
 * each form of a canary begins with the same form of its beginning.
 */
const BEGINNING = 'zqcanaryqz';

/** A fresh text of lower-case letters and digits that is also a valid name, word and local part of a mail address. */
export function makeCanary(about: string): string {
  return `${BEGINNING}${about}${randomBytes(12).toString('hex')}`;
}

/** All forms of a canary: UTF-8, UTF-16, hexadecimal in both cases, Base64 and its URL form at each of their three alignments. */
export function needlesFor(canary: string): Needle[] {
  const utf8 = Buffer.from(canary, 'utf8');
  const forms: [string, Buffer][] = [
    ['utf-8', utf8],
    ['utf-16', Buffer.from(canary, 'utf16le')],
    ['hex', Buffer.from(utf8.toString('hex'))],
    ['hex in capitals', Buffer.from(utf8.toString('hex').toUpperCase())],
  ];
  for (const alignment of [0, 1, 2]) {
    const text = alignedBase64(utf8, alignment);
    forms.push([`base64 at ${alignment}`, Buffer.from(text)]);
    const urlForm = text.replaceAll('+', '-').replaceAll('/', '_');
    if (urlForm !== text) forms.push([`base64url at ${alignment}`, Buffer.from(urlForm)]);
  }
  return forms.map(([form, bytes]) => ({ canary, form, bytes }));
}

/** The Base64 characters that depend on the canary alone when it starts `alignment` bytes into a group of three. */
function alignedBase64(utf8: Buffer, alignment: number): string {
  const text = Buffer.concat([Buffer.alloc(alignment), utf8])
    .toString('base64')
    .replaceAll('=', '');
  const ownFrom = alignment === 0 ? 0 : alignment + 1;
  const ownTo = Math.floor(((alignment + utf8.length) * 8) / 6);
  return text.slice(ownFrom, ownTo);
}

/** First occurrence of each needle in some bytes. */
export function findIn(
  bytes: Buffer,
  needles: readonly Needle[],
  place: { readonly where: string; readonly offset: number },
): Hit[] {
  const hits: Hit[] = [];
  const isOurs = needles.every(({ canary }) => canary.startsWith(BEGINNING));
  if (isOurs && !BEGINNINGS.some((beginning) => bytes.includes(beginning.bytes))) return hits;
  for (const { canary, form, bytes: needle } of needles) {
    const at = bytes.indexOf(needle);
    if (at >= 0) hits.push({ canary, form, where: place.where, offset: place.offset + at });
  }
  return hits;
}

const BEGINNINGS = needlesFor(BEGINNING);

/** How far chunks must overlap so that nothing hides on their border, in bytes. */
export function overlapFor(needles: readonly Needle[]): number {
  return Math.max(0, ...needles.map(({ bytes }) => bytes.length - 1));
}
