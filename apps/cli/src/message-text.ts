/** Text as people give it, byte for byte: nothing is trimmed, folded or repaired, and what is not UTF-8 is refused (A1). */
import { KuvertError, TEXT_LIMITS } from '@kuvert/protocol';

/** Reads all of a stream as one text. @throws KuvertError `text_not_utf8`, `text_too_long` */
export async function readText(stream: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of stream) {
    size += chunk.length;
    // Nobody waits for the end of an endless stream, nor keeps it in memory.
    if (size > TEXT_LIMITS.bytesMax) throw new KuvertError('text_too_long');
    chunks.push(chunk);
  }
  return decodeText(Buffer.concat(chunks));
}

/** @throws KuvertError `text_not_utf8`, `text_too_long` */
export function decodeText(bytes: Uint8Array): string {
  if (bytes.length > TEXT_LIMITS.bytesMax) throw new KuvertError('text_too_long');
  return checkText(decodeUtf8(bytes));
}

/** Strict UTF-8; a byte order mark is text like any other. @throws KuvertError `text_not_utf8` */
export function decodeUtf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new KuvertError('text_not_utf8', { cause });
  }
}

/** The text itself when it can be sent. @throws KuvertError `text_not_utf8` (a lone surrogate), `text_too_long` */
export function checkText(text: string): string {
  if (!text.isWellFormed()) throw new KuvertError('text_not_utf8');
  // A string has at most as many code points as code units, so most texts need no count.
  const tooLong =
    text.length > TEXT_LIMITS.codePointsMax && countCodePoints(text) > TEXT_LIMITS.codePointsMax;
  if (tooLong || Buffer.byteLength(text) > TEXT_LIMITS.bytesMax) throw new KuvertError('text_too_long');
  return text;
}

function countCodePoints(text: string): number {
  let count = 0;
  for (const _ of text) count += 1;
  return count;
}
