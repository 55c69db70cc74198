/**
 * The device channel above Noise (wire.md §3): record types, hello, control messages and events. Each record of the
 * record layer starts with its type byte.
 */
import { z } from 'zod';
import { concatBytes } from './bytes.ts';
import { type CborValue, decodeCbor, encodeCbor } from './cbor.ts';
import { type ErrorDetails, isErrorCode, KuvertError, RETRY_AFTER_MS_MAX, type Retry } from './errors.ts';
import { PrekeyCounts } from './prekeys.ts';
import { bytesSchema, idSchema, timeMs, uint32 } from './schemas.ts';

/** Protocol versions that this release speaks, both ends included. */
export const PROTOCOL_VERSIONS = { min: 1, max: 1 } as const;

/** Path of the WebSocket on port 443. */
export const CHANNEL_PATH = '/v1/channel';

/** Path at which a server tells its Noise static to a device that is to be linked, as JSON {key}; its time is in the header `date`. */
export const SERVER_KEY_PATH = '/v1/server-key';

/** First byte of a record. */
export const RECORD_TYPES = {
  request: 0x01,
  response: 0x02,
  event: 0x03,
  submit: 0x10,
  submitAnswer: 0x11,
  deliver: 0x12,
  ack: 0x13,
} as const;

/** Size limits of the channel in bytes. */
export const CHANNEL_LIMITS = { recordBytesMax: 1_048_576, noiseMessageBytesMax: 65_535 } as const;

/** Payload of Noise message 3: who calls, and in which state the device is. */
export const Hello = z.object({
  tenant: idSchema('tenant'),
  device: idSchema('device'),
  clientVersion: z.string().max(64),
  /** Monotone counter of the container; a step back means a restored or cloned container. */
  stateCounter: z.number().int().min(0),
  policyVersion: z.number().int().min(0),
});
export type Hello = z.infer<typeof Hello>;

/** First event from the server after the handshake. */
export const Welcome = z.object({
  serverTime: timeMs,
  installationEpoch: uint32,
  /** Oldest client version that is served. */
  minimumVersion: z.string().max(64),
  policyVersion: z.number().int().min(0),
  prekeys: PrekeyCounts,
  /** True when `stateCounter` was not higher than before: the one-time prekeys were made void. */
  isRestored: z.boolean().optional(),
  /** `deviceSetHash` of the person's present devices, so that a device learns of a change that it has missed. */
  deviceSet: bytesSchema(32).optional(),
});
export type Welcome = z.infer<typeof Welcome>;

/** Events from the server, by name. `drained`: a full scan begun after the connect found nothing more. */
export const EVENTS = {
  welcome: Welcome,
  drained: z.object({}),
  prekeysLow: PrekeyCounts,
  /**
   * Envelopes to this device whose time ran out before it fetched them. Comes before `drained`, has a delivery number and is acknowledged
   * like a delivery. Times are those at which the first and the last of them were accepted.
   */
  expired: z.object({ deliverySeq: uint32, count: z.number().int().min(1), fromMs: timeMs, toMs: timeMs }),
  /**
   * This device was dormant: it stayed away until its mailbox was over its limit. What lay there and what came until now was given up for it,
   * at least `count` envelopes, accepted between these times. Comes in the place of `expired`, and after it where there are both.
   */
  dormant: z.object({ deliverySeq: uint32, count: z.number().int().min(0), fromMs: timeMs, toMs: timeMs }),
  /** The device list of the person has changed, or which of the listed devices count. */
  devicesChanged: z.object({ deviceSet: bytesSchema(32) }),
  /** The log of one of the person's groups has a new entry. */
  groupChanged: z.object({ group: idSchema('group'), epoch: uint32 }),
  closing: z.object({ code: z.string().max(64) }),
} as const;
export type EventName = keyof typeof EVENTS;
/** An event as it travels in its record; a client passes over names that it does not know. */
export const Event = z.object({ event: z.string().max(64), data: z.unknown() });
export type Event = z.infer<typeof Event>;
export type EventData<N extends EventName> = z.infer<(typeof EVENTS)[N]>;

const retrySchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('never') }),
  z.object({ kind: z.literal('now') }),
  z.object({ kind: z.literal('after'), ms: z.number().int().min(0).max(RETRY_AFTER_MS_MAX) }),
  z.object({ kind: z.literal('resync'), what: z.enum(['devices', 'time', 'version', 'group']) }),
]);

/** An error as it travels. */
export const WireError = z.object({
  code: z.string().max(64),
  retry: retrySchema,
  details: z
    .record(
      z.string().max(64),
      z.union([z.string().max(256), z.number(), z.boolean(), z.array(z.string().max(64)).max(64)]),
    )
    .optional(),
});
export type WireError = z.infer<typeof WireError>;

/** Request of the client: `id` is chosen by it and unique among those that are open on this connection. */
export const Request = z.object({
  id: uint32,
  method: z.string().max(64),
  params: z.unknown(),
  crit: z.array(z.string()).max(8).optional(),
});
export type Request = z.infer<typeof Request>;

/** Answer to a request. */
export const Response = z.union([
  z.object({ id: uint32, result: z.unknown() }),
  z.object({ id: uint32, error: WireError }),
]);
export type Response = z.infer<typeof Response>;

/** The error in the form in which it travels. */
export function toWireError(error: KuvertError): WireError {
  return {
    code: error.code,
    retry: error.retry,
    ...(error.details === undefined ? {} : { details: error.details as NonNullable<WireError['details']> }),
  };
}

/** The error that the other side sent; a code that this release does not know becomes `internal` with the code in its details. */
export function fromWireError(error: WireError): KuvertError {
  if (isErrorCode(error.code)) {
    return new KuvertError(error.code, {
      retry: error.retry as Retry,
      ...(error.details === undefined ? {} : { details: error.details as ErrorDetails }),
    });
  }
  return new KuvertError('internal', { retry: error.retry as Retry, details: { unknownCode: error.code } });
}

/** A control record: type byte, then strict CBOR. */
export function encodeControl(
  type: 'request' | 'response' | 'event',
  message: CborValue,
): Uint8Array<ArrayBuffer> {
  return concatBytes(Uint8Array.of(RECORD_TYPES[type]), encodeCbor(message));
}

/** The CBOR of a control record. @throws KuvertError `bad_request` */
export function decodeControl(record: Uint8Array): CborValue {
  try {
    return decodeCbor(record.subarray(1));
  } catch (cause) {
    throw new KuvertError('bad_request', { cause });
  }
}
