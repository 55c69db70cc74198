/**
 * What a device that wants to be linked shows, as a QR code or as text: `kuvertlink1_` and base64url of
 * version 1 | device 17 | identity key 33 | Noise static 32 | receipt key 33 | registration id u16 | secret 16 | time u48 (ms) | server 8 |
 * CRC-32, 152 bytes. It binds the public keys of the new device to a secret that only those know who have seen it, so a server
 * in between can neither exchange a key nor make up an answer.
 */
import { z } from 'zod';
import { concatBytes } from './bytes.ts';
import { decodeChecked, encodeChecked } from './checked-text.ts';
import { KuvertError } from './errors.ts';
import { AccountRecord } from './identity.ts';
import { type DeviceId, ID_BYTES, idFromBytes, idToBytes } from './ids.ts';
import { bytesSchema, displayName, idSchema, mailAddress } from './schemas.ts';

type Bytes = Uint8Array<ArrayBuffer>;

/** The public half of a new device, and what its answer is sealed with. */
export interface LinkOffer {
  readonly device: DeviceId;
  /** 33 bytes. */
  readonly identityKey: Bytes;
  /** 32 bytes. */
  readonly noiseStatic: Bytes;
  /** 33 bytes. */
  readonly receiptKey: Bytes;
  readonly registrationId: number;
  /** 16 random bytes, for this one linking. */
  readonly secret: Bytes;
  /** When it was made, by the server's clock. */
  readonly madeAtMs: number;
  /** The first 8 bytes of the hash of the server's Noise static that the device was told. */
  readonly server: Bytes;
}

/** What the signer answers, sealed to the new device. */
export const LinkAnswer = z.object({
  v: z.literal(1),
  /** The pin: the server's Noise static. */
  serverStatic: bytesSchema(32),
  tenant: idSchema('tenant'),
  tenantName: displayName,
  /** The tenant root's public key with algorithm byte. */
  root: bytesSchema(33),
  name: displayName,
  mail: mailAddress,
  record: AccountRecord,
  /** Only for a device that shall be a signer itself: the account key's private half. */
  accountPrivateKey: bytesSchema(32).optional(),
});
export type LinkAnswer = z.infer<typeof LinkAnswer>;

const PREFIX = 'kuvertlink1_';
const VERSION = 1;
const BODY_BYTES = 1 + ID_BYTES + 33 + 32 + 33 + 2 + 16 + 6 + 8;

/** The offer as text. */
export function encodeLinkCode(offer: LinkOffer): string {
  const numbers = new DataView(new ArrayBuffer(8));
  numbers.setUint16(0, offer.registrationId);
  numbers.setUint16(2, Math.floor(offer.madeAtMs / 2 ** 32));
  numbers.setUint32(4, offer.madeAtMs % 2 ** 32);
  const body = concatBytes(
    Uint8Array.of(VERSION),
    idToBytes(offer.device),
    offer.identityKey,
    offer.noiseStatic,
    offer.receiptKey,
    new Uint8Array(numbers.buffer, 0, 2),
    offer.secret,
    new Uint8Array(numbers.buffer, 2, 6),
    offer.server,
  );
  return encodeChecked(PREFIX, body);
}

/** Reads the text; lines into which it was broken do no harm. @throws KuvertError `link_malformed` */
export function decodeLinkCode(text: string): LinkOffer {
  const body = decodeChecked(PREFIX, text.replaceAll(/\s/g, ''), BODY_BYTES);
  if (body?.[0] !== VERSION) throw new KuvertError('link_malformed');
  const view = new DataView(body.buffer);
  let at = 1;
  const next = (count: number): Bytes => {
    at += count;
    return body.slice(at - count, at);
  };
  try {
    const device = idFromBytes('device', next(ID_BYTES));
    const identityKey = next(33);
    const noiseStatic = next(32);
    const receiptKey = next(33);
    const registrationId = view.getUint16(at);
    at += 2;
    const secret = next(16);
    const madeAtMs = view.getUint16(at) * 2 ** 32 + view.getUint32(at + 2);
    at += 6;
    return {
      device,
      identityKey,
      noiseStatic,
      receiptKey,
      registrationId,
      secret,
      madeAtMs,
      server: next(8),
    };
  } catch (cause) {
    throw new KuvertError('link_malformed', { cause });
  }
}
