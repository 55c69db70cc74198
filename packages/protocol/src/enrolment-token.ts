/**
 * Text form of an enrolment token (wire.md §3): `kuvert1_` and base64url of
 * version 1 | tenant 17 | token id 17 | secret 32 | server static 32 | root hash 32 | CRC-32, 135 bytes. The checksum
 * tells a token that was cut off while copying from one that is not valid.
 */
import { concatBytes } from './bytes.ts';
import type { EnrolmentToken } from './enrolment.ts';
import { KuvertError } from './errors.ts';
import { ID_BYTES, idFromBytes, idToBytes } from './ids.ts';

const PREFIX = 'kuvert1_';
const VERSION = 1;
const BODY_BYTES = 1 + ID_BYTES + ID_BYTES + 32 + 32 + 32;

/** The token as text for an administrator to hand on. */
export function encodeToken(token: EnrolmentToken): string {
  const body = concatBytes(
    Uint8Array.of(VERSION),
    idToBytes(token.tenantId),
    idToBytes(token.tokenId),
    token.secret,
    token.serverStatic,
    token.rootHash,
  );
  const sum = new Uint8Array(4);
  new DataView(sum.buffer).setUint32(0, crc32(body));
  return PREFIX + base64url(concatBytes(body, sum));
}

/** Reads a token's text. @throws KuvertError `token_malformed` */
export function decodeToken(text: string): EnrolmentToken {
  const trimmed = text.trim();
  if (!trimmed.startsWith(PREFIX)) throw new KuvertError('token_malformed');
  const bytes = fromBase64url(trimmed.slice(PREFIX.length));
  if (bytes === undefined || bytes.length !== BODY_BYTES + 4) throw new KuvertError('token_malformed');
  const body = bytes.subarray(0, BODY_BYTES);
  if (body[0] !== VERSION || new DataView(bytes.buffer).getUint32(BODY_BYTES) !== crc32(body)) {
    throw new KuvertError('token_malformed');
  }
  try {
    return {
      tenantId: idFromBytes('tenant', body.subarray(1, 18)),
      tokenId: idFromBytes('enrolmentToken', body.subarray(18, 35)),
      secret: body.slice(35, 67),
      serverStatic: body.slice(67, 99),
      rootHash: body.slice(99, 131),
    };
  } catch (cause) {
    throw new KuvertError('token_malformed', { cause });
  }
}

/** CRC-32 (ISO-HDLC, as in zlib), bit by bit: a token is read once in a while. */
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
