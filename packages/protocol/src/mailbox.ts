/**
 * The mailbox on the wire: submit, its answer, deliver and ack in a fixed binary layout (wire.md §1, §4), big-endian,
 * lengths checked before anything is read. Envelope bytes are passed through, never re-encoded; decoded legs are views
 * into the record.
 *
 * Submit: type 0x10 | requestNo u32 | submitId 17 | to 17 (person or group) | listHash 32 | suite u8 | class u8 |
 *   urgency u8 | lifetime u8 | flags u8 (bit 0: body; bit 1: reserved for the archive leg) | legs u16 |
 *   legs × (device 17 | length u32 | bytes) | body? (length u32 | bytes)
 * Submit answer: type 0x11 | requestNo u32 | status u8 | accepted (0): acceptedAt u64 | legs u16 × (device 17 |
 *   outcome u8) ; refused (1): CBOR of WireError
 * Deliver: type 0x12 | deliverySeq u32 | acceptedAt u64 | expiresAt u64 | suite u8 | class u8 | flags u8 (bit 0: body)
 *   | leg (length u32 | bytes) | body? (length u32 | bytes)
 * To a group (suite 2) a submit has no legs but a body, which the server keeps once; `listHash` is the `groupSetHash`, and the answer names only
 * devices that are dormant. In its deliver records the group's id (17 bytes) stands in the place of the leg.
 * Ack: type 0x13 | upTo u32, cumulative over the connection's delivery numbers
 */
import { putU32, sliceBytes, u32At } from './bytes.ts';
import { decodeCbor, encodeCbor } from './cbor.ts';
import { RECORD_TYPES, WireError } from './channel.ts';
import { KuvertError } from './errors.ts';
import {
  type DeviceId,
  type GroupId,
  ID_BYTES,
  ID_TYPES,
  idAt,
  idToBytes,
  type PersonId,
  readonlyIdBytes,
  type SubmitId,
} from './ids.ts';

/** Suites of a leg: how the bytes in it are sealed. */
export const SUITES = { signalPairwise: 1, groupSenderKey: 2 } as const;

/** What a submit is for. `content` is shown to people, `control` never is, `ephemeral` is never stored. */
export const CLASSES = { message: 1, control: 2, ephemeral: 3 } as const;
export type SubmitClass = (typeof CLASSES)[keyof typeof CLASSES];

/** How long the server keeps an undelivered envelope, by lifetime class. */
export const LIFETIME_MS = { 1: 30 * 86_400_000, 2: 7 * 86_400_000, 3: 86_400_000 } as const;
export type LifetimeClass = keyof typeof LIFETIME_MS;

/** Limits of a submit in bytes and counts. */
export const MAILBOX_LIMITS = {
  legBytesMax: 8_192,
  bodyBytesMax: 400_000,
  legsMax: 1_000,
  /** Deliveries that may be unacknowledged on one connection. */
  windowRows: 256,
  windowBytes: 4_194_304,
} as const;

/**
 * How clients pace acknowledgements. One frees room at the server and nothing else, and each is a frame to be sealed, read and opened: so it waits for
 * company, not long when much comes, so that little lies at the server, and longer when it comes one by one, as in a large group, where each
 * delivery would have an acknowledgement of its own. What was not acknowledged when a connection ends comes again and is known.
 */
export const ACK_PACE = {
  /** So many deliveries are acknowledged at once. */
  deliveries: 32,
  /** From so many on it is much. */
  many: 8,
  manyMs: 100,
  fewMs: 500,
} as const;

/** One sealed copy for one device. */
export interface Leg {
  readonly device: DeviceId;
  readonly bytes: Uint8Array;
}

/** Where the submit id stands in a submit record; all behind it is what makes two submits the same. */
export const SUBMIT_ID_AT = 5;

/** A message on its way to the server. */
export interface Submit {
  /** Names the answer on this connection. */
  readonly requestNo: number;
  readonly submitId: SubmitId;
  readonly to: PersonId | GroupId;
  /** Hash of the recipient's device list that the legs were made for, or `groupSetHash` of a group (32 bytes). */
  readonly listHash: Uint8Array;
  readonly suite: number;
  readonly class: SubmitClass;
  /** 0: may wait for a batch of pushes; 1: push at once. */
  readonly urgency: number;
  readonly lifetime: LifetimeClass;
  readonly legs: readonly Leg[];
  /** Content above 2,560 bytes, sealed once under a one-time key that stands in the legs. */
  readonly body?: Uint8Array;
}

/** What became of one leg. */
export type LegOutcome = 'stored' | 'dormant';

/** The server's answer to a submit. */
export type SubmitAnswer =
  | {
      readonly requestNo: number;
      readonly acceptedAtMs: number;
      readonly legs: readonly { device: DeviceId; outcome: LegOutcome }[];
    }
  | { readonly requestNo: number; readonly error: WireError };

/** An envelope on its way to a device. `deliverySeq` counts 1, 2, 3 … on each connection. */
export interface Delivery {
  readonly deliverySeq: number;
  readonly acceptedAtMs: number;
  readonly expiresAtMs: number;
  readonly suite: number;
  readonly class: SubmitClass;
  readonly leg: Uint8Array;
  readonly body?: Uint8Array;
}

const FLAG_BODY = 1;
const LIST_HASH_BYTES = 32;
const GROUP_PREFIX = `${ID_TYPES.group.prefix}_`;
const SUBMIT_HEAD = 1 + 4 + ID_BYTES + ID_BYTES + LIST_HASH_BYTES + 5 + 2;
const DELIVER_HEAD = 1 + 4 + 8 + 8 + 3;
const SUBMIT_CLASSES: readonly number[] = Object.values(CLASSES);
const NO_LEGS: readonly Leg[] = [];

/** @see Submit */
export function encodeSubmit(submit: Submit): Uint8Array<ArrayBuffer> {
  let size = SUBMIT_HEAD + (submit.body ? 4 + submit.body.length : 0);
  for (const leg of submit.legs) size += ID_BYTES + 4 + leg.bytes.length;
  const writer = new Writer(size);
  writer.u8(RECORD_TYPES.submit);
  writer.u32(submit.requestNo);
  writer.bytes(idToBytes(submit.submitId));
  writer.bytes(idToBytes(submit.to as PersonId));
  writer.bytes(submit.listHash);
  writer.u8(submit.suite);
  writer.u8(submit.class);
  writer.u8(submit.urgency);
  writer.u8(submit.lifetime);
  writer.u8(submit.body ? FLAG_BODY : 0);
  writer.u16(submit.legs.length);
  for (const leg of submit.legs) {
    writer.bytes(idToBytes(leg.device));
    writer.sized(leg.bytes);
  }
  if (submit.body) writer.sized(submit.body);
  return writer.done();
}

/** Reads a submit record; legs and body are views into it. @throws KuvertError `bad_request`, `too_large` */
export function decodeSubmit(record: Uint8Array): Submit {
  const reader = new Reader(record, RECORD_TYPES.submit);
  const requestNo = reader.u32();
  if (record[reader.skip(ID_BYTES)] !== ID_TYPES.submit.byte) throw new KuvertError('bad_request');
  const to = reader.recipient();
  const listHash = reader.take(LIST_HASH_BYTES);
  const suite = reader.u8();
  const submitClass = reader.u8();
  const urgency = reader.u8();
  const lifetime = reader.u8();
  const flags = reader.u8();
  const legCount = reader.u16();
  if (
    suite !== (to.startsWith(GROUP_PREFIX) ? SUITES.groupSenderKey : SUITES.signalPairwise) ||
    !SUBMIT_CLASSES.includes(submitClass) ||
    urgency > 1 ||
    !(lifetime in LIFETIME_MS) ||
    (flags & ~FLAG_BODY) !== 0 ||
    legCount > MAILBOX_LIMITS.legsMax
  ) {
    throw new KuvertError('bad_request');
  }
  const legs: Leg[] = [];
  for (let i = 0; i < legCount; i++) {
    legs.push({ device: reader.id('device'), bytes: reader.sized(MAILBOX_LIMITS.legBytesMax) });
  }
  const body = (flags & FLAG_BODY) !== 0 ? reader.sized(MAILBOX_LIMITS.bodyBytesMax) : undefined;
  reader.end();
  if (suite === SUITES.groupSenderKey && (legCount > 0 || body === undefined)) {
    throw new KuvertError('bad_request');
  }
  const submit = new DecodedSubmit(record, to, listHash);
  submit.requestNo = requestNo;
  submit.suite = suite;
  submit.class = submitClass as SubmitClass;
  submit.urgency = urgency;
  submit.lifetime = lifetime as LifetimeClass;
  submit.legs = legs;
  if (body !== undefined) submit.body = body;
  return submit;
}

/** A submit that was read. Its id becomes text only for who asks: each is read once in the life of an installation, and mostly nobody does. */
class DecodedSubmit implements Submit {
  readonly #record: Uint8Array;
  readonly to: PersonId | GroupId;
  readonly listHash: Uint8Array;
  requestNo = 0;
  suite = 0;
  class: SubmitClass = CLASSES.message;
  urgency = 0;
  lifetime: LifetimeClass = 1;
  legs: readonly Leg[] = NO_LEGS;
  declare body?: Uint8Array;

  constructor(record: Uint8Array, to: PersonId | GroupId, listHash: Uint8Array) {
    this.#record = record;
    this.to = to;
    this.listHash = listHash;
  }

  get submitId(): SubmitId {
    return asId('submit', this.#record, SUBMIT_ID_AT);
  }
}

/** @see SubmitAnswer */
export function encodeSubmitAnswer(answer: SubmitAnswer): Uint8Array<ArrayBuffer> {
  if ('error' in answer) {
    const error = encodeCbor(answer.error);
    const writer = new Writer(6 + error.length);
    writer.u8(RECORD_TYPES.submitAnswer);
    writer.u32(answer.requestNo);
    writer.u8(1);
    writer.bytes(error);
    return writer.done();
  }
  const writer = new Writer(6 + 8 + 2 + answer.legs.length * (ID_BYTES + 1));
  writer.u8(RECORD_TYPES.submitAnswer);
  writer.u32(answer.requestNo);
  writer.u8(0);
  writer.u64(answer.acceptedAtMs);
  writer.u16(answer.legs.length);
  for (const leg of answer.legs) {
    writer.bytes(readonlyIdBytes(leg.device));
    writer.u8(leg.outcome === 'stored' ? 1 : 2);
  }
  return writer.done();
}

/** @throws KuvertError `bad_request` */
export function decodeSubmitAnswer(record: Uint8Array): SubmitAnswer {
  const reader = new Reader(record, RECORD_TYPES.submitAnswer);
  const requestNo = reader.u32();
  const status = reader.u8();
  if (status === 1) {
    const error = WireError.safeParse(readCbor(reader.rest()));
    if (!error.success) throw new KuvertError('bad_request');
    return { requestNo, error: error.data };
  }
  if (status !== 0) throw new KuvertError('bad_request');
  const acceptedAtMs = reader.u64();
  const count = reader.u16();
  const legs: { device: DeviceId; outcome: LegOutcome }[] = [];
  for (let i = 0; i < count; i++) {
    const device = reader.id('device');
    const outcome = reader.u8();
    if (outcome !== 1 && outcome !== 2) throw new KuvertError('bad_request');
    legs.push({ device, outcome: outcome === 1 ? 'stored' : 'dormant' });
  }
  reader.end();
  return { requestNo, acceptedAtMs, legs };
}

/** @see Delivery */
export function encodeDelivery(delivery: Delivery): Uint8Array<ArrayBuffer> {
  const size = DELIVER_HEAD + 4 + delivery.leg.length + (delivery.body ? 4 + delivery.body.length : 0);
  const writer = new Writer(size);
  writer.u8(RECORD_TYPES.deliver);
  writer.u32(delivery.deliverySeq);
  writer.u64(delivery.acceptedAtMs);
  writer.u64(delivery.expiresAtMs);
  writer.u8(delivery.suite);
  writer.u8(delivery.class);
  writer.u8(delivery.body ? FLAG_BODY : 0);
  writer.sized(delivery.leg);
  if (delivery.body) writer.sized(delivery.body);
  return writer.done();
}

/** @throws KuvertError `bad_request`, `too_large` */
export function decodeDelivery(record: Uint8Array): Delivery {
  const reader = new Reader(record, RECORD_TYPES.deliver);
  const deliverySeq = reader.u32();
  const acceptedAtMs = reader.u64();
  const expiresAtMs = reader.u64();
  const suite = reader.u8();
  const submitClass = reader.u8();
  const flags = reader.u8();
  if (!SUBMIT_CLASSES.includes(submitClass) || (flags & ~FLAG_BODY) !== 0)
    throw new KuvertError('bad_request');
  const leg = reader.sized(MAILBOX_LIMITS.legBytesMax);
  const body = (flags & FLAG_BODY) !== 0 ? reader.sized(MAILBOX_LIMITS.bodyBytesMax) : undefined;
  reader.end();
  return {
    deliverySeq,
    acceptedAtMs,
    expiresAtMs,
    suite,
    class: submitClass as SubmitClass,
    leg,
    ...(body === undefined ? {} : { body }),
  };
}

/** A cumulative acknowledgement of all deliveries of this connection up to and including `upTo`. */
export function encodeAck(upTo: number): Uint8Array<ArrayBuffer> {
  const writer = new Writer(5);
  writer.u8(RECORD_TYPES.ack);
  writer.u32(upTo);
  return writer.done();
}

/** @throws KuvertError `bad_request` */
export function decodeAck(record: Uint8Array): number {
  const reader = new Reader(record, RECORD_TYPES.ack);
  const upTo = reader.u32();
  reader.end();
  return upTo;
}

function readCbor(bytes: Uint8Array): unknown {
  try {
    return decodeCbor(bytes);
  } catch (cause) {
    throw new KuvertError('bad_request', { cause });
  }
}

function asId<T extends 'person' | 'group' | 'device' | 'submit'>(type: T, record: Uint8Array, at: number) {
  try {
    return idAt(type, record, at);
  } catch (cause) {
    throw new KuvertError('bad_request', { cause });
  }
}

class Writer {
  // No DataView: for a few numbers it costs more than it saves.
  readonly #bytes: Uint8Array<ArrayBuffer>;
  #at = 0;

  constructor(size: number) {
    this.#bytes = sliceBytes(size);
  }
  u8(value: number): void {
    this.#bytes[this.#at++] = value;
  }
  u16(value: number): void {
    this.u8(value >>> 8);
    this.u8(value);
  }
  u32(value: number): void {
    putU32(this.#bytes, this.#at, value);
    this.#at += 4;
  }
  u64(value: number): void {
    this.u32(Math.floor(value / 2 ** 32));
    this.u32(value % 2 ** 32);
  }
  bytes(value: Uint8Array): void {
    this.#bytes.set(value, this.#at);
    this.#at += value.length;
  }
  sized(value: Uint8Array): void {
    this.u32(value.length);
    this.bytes(value);
  }
  done(): Uint8Array<ArrayBuffer> {
    return this.#bytes;
  }
}

class Reader {
  readonly #bytes: Uint8Array;
  #at = 1;

  constructor(bytes: Uint8Array, type: number) {
    if (bytes[0] !== type) throw new KuvertError('bad_request');
    this.#bytes = bytes;
  }
  take(size: number): Uint8Array {
    const at = this.skip(size);
    return this.#bytes.subarray(at, at + size);
  }
  /** Moves on. @returns from where */
  skip(size: number): number {
    const at = this.#at;
    if (size > this.#bytes.length - at) throw new KuvertError('bad_request');
    this.#at = at + size;
    return at;
  }
  u8(): number {
    return this.#bytes[this.skip(1)] as number;
  }
  u16(): number {
    const at = this.skip(2);
    return ((this.#bytes[at] as number) << 8) | (this.#bytes[at + 1] as number);
  }
  u32(): number {
    return u32At(this.#bytes, this.skip(4));
  }
  u64(): number {
    const high = this.u32();
    if (high >= 2 ** 21) throw new KuvertError('bad_request');
    return high * 2 ** 32 + this.u32();
  }
  id<T extends 'device' | 'submit'>(type: T) {
    return asId(type, this.#bytes, this.skip(ID_BYTES));
  }
  /** A person or a group. */
  recipient(): PersonId | GroupId {
    const at = this.skip(ID_BYTES);
    const isGroup = this.#bytes[at] === ID_TYPES.group.byte;
    return isGroup ? asId('group', this.#bytes, at) : asId('person', this.#bytes, at);
  }
  sized(max: number): Uint8Array {
    const size = this.u32();
    if (size > max) throw new KuvertError('too_large');
    return this.take(size);
  }
  rest(): Uint8Array {
    return this.take(this.#bytes.length - this.#at);
  }
  end(): void {
    if (this.#at !== this.#bytes.length) throw new KuvertError('bad_request');
  }
}
