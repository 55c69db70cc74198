/** What is stored of prekeys. All of it is public keys; who took whose is forgotten after ten minutes. */
import { bytesSchema, idSchema, KyberPrekey, SignedPrekey, timeMs } from '@kuvert/protocol';
import { z } from 'zod';
import { counterCodec } from '../../limits/counter-codec.ts';
import { binaryCollection, bytesPart, collection, idPart, integerPart } from '../../store/index.ts';

/** The keys of a device that are given out again and again. */
export const lastingPrekeys = collection('lasting-prekeys', {
  document: z.object({ deviceId: idSchema('device'), signed: SignedPrekey, lastResort: KyberPrekey }),
  key: ['deviceId'],
});

/** The kinds of one-time keys, as the byte in a row's key. */
export const PREKEY_KINDS = { ec: Uint8Array.of(1), kyber: Uint8Array.of(2) } as const;

/** One-time keys by device, kind and key id: the public key, for Kyber followed by its signature. */
export const oneTimePrekeys = binaryCollection('one-time-prekeys', {
  key: [idPart('device'), bytesPart(1), integerPart()],
});

/** Key ids that were given out, so that an upload whose answer was lost can be repeated without giving a key out twice. */
export const takenPrekeys = binaryCollection('taken-prekeys', {
  key: [idPart('device'), bytesPart(1), integerPart()],
  expires: true,
});

/** Answers of takes, for as long as they may be repeated. */
export const prekeyTakes = collection('prekey-takes', {
  document: z.object({
    callerDevice: idSchema('device'),
    requestId: idSchema('request'),
    personId: idSchema('person'),
    /** CBOR of the result of `prekeys.take`. */
    answer: bytesSchema({ min: 1, max: 1_048_576 }),
    expiresAt: timeMs,
  }),
  key: ['callerDevice', 'requestId'],
  retention: 'expiresAt',
});

/** Takes by target person, caller (17 bytes of its id; zero bytes for all callers together) and window. */
export const takeCounters = binaryCollection('prekey-take-counters', {
  key: [idPart('person'), bytesPart(17), integerPart()],
  codec: counterCodec,
  expires: true,
});
