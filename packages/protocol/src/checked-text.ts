/**
 * Bytes that people copy as text: a prefix and base64url of the bytes and their CRC-32, so that a text that was cut off while copying is
 * told from one that is not valid.
 */
import { concatBytes } from './bytes.ts';

/** The bytes as text. */
export function encodeChecked(prefix: string, body: Uint8Array): string {
  const sum = new Uint8Array(4);
  new DataView(sum.buffer).setUint32(0, crc32(body));
  return prefix + base64url(concatBytes(body, sum));
}

/** The bytes of a text; undefined when it is not whole or has another length. */
export function decodeChecked(
  prefix: string,
  text: string,
  bytesExpected: number,
): Uint8Array<ArrayBuffer> | undefined {
  if (!text.startsWith(prefix)) return undefined;
  const bytes = fromBase64url(text.slice(prefix.length));
  if (bytes?.length !== bytesExpected + 4) return undefined;
  const body = bytes.slice(0, bytesExpected);
  return new DataView(bytes.buffer).getUint32(bytesExpected) === crc32(body) ? body : undefined;
}

/** CRC-32 (ISO-HDLC, as in zlib), bit by bit: such a text is read once in a while. */
function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  return (crc ^ 0xffffffff) >>> 0;
}

function base64url(bytes: Uint8Array): string {
  let binary = '';
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

function fromBase64url(text: string): Uint8Array<ArrayBuffer> | undefined {
  if (!/^[A-Za-z0-9_-]*$/.test(text)) return undefined;
  try {
    return Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (c) => c.charCodeAt(0));
  } catch {
    return undefined;
  }
}
