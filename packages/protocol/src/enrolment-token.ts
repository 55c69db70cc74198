/**
 * Text form of an enrolment token (wire.md §3): `kuvert1_` and base64url of
 * version 1 | tenant 17 | token id 17 | secret 32 | server static 32 | root hash 32 | CRC-32, 135 bytes. The checksum
 * tells a token that was cut off while copying from one that is not valid.
 */
import { concatBytes } from './bytes.ts';
import { decodeChecked, encodeChecked } from './checked-text.ts';
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
  return encodeChecked(PREFIX, body);
}

/** Reads a token's text. @throws KuvertError `token_malformed` */
export function decodeToken(text: string): EnrolmentToken {
  const body = decodeChecked(PREFIX, text.trim(), BODY_BYTES);
  if (body?.[0] !== VERSION) throw new KuvertError('token_malformed');
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
