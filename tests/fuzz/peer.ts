/** The device channel as an attacker with valid keys speaks it: every layer open, so that each can be done wrong on its own. */
import {
  type ChannelCipher,
  type ChannelMode,
  createInitiator,
  decodeServerFrame,
  encodeOpening,
  prologueOf,
  RecordReader,
  RecordWriter,
  type StaticKeyPair,
  serverKeyId,
} from '@kuvert/crypto/channel';
import {
  type CborValue,
  concatBytes,
  type Delivery,
  type DeviceId,
  decodeControl,
  decodeDelivery,
  decodeSubmitAnswer,
  EVENTS,
  Event,
  type EventName,
  encodeAck,
  encodeCbor,
  encodeControl,
  PROTOCOL_VERSIONS,
  RECORD_TYPES,
  Response,
  type SubmitAnswer,
  type TenantId,
} from '@kuvert/protocol';
import { RawSocket } from './web-socket.ts';

/** Where a server is and which key it holds. */
export interface ServerPlace {
  readonly url: string;
  readonly serverStatic: Uint8Array;
}

/** What a device needs for its handshake. */
export interface DeviceIdentity {
  readonly tenantId: TenantId;
  readonly deviceId: DeviceId;
  readonly noise: StaticKeyPair;
}

const PIECE_BYTES = 60_000;

/** The first frame of a connection and what belongs to it. */
export function openingOf(place: ServerPlace, mode: ChannelMode, noise?: StaticKeyPair) {
  const opening = {
    mode,
    offered: PROTOCOL_VERSIONS,
    chosen: PROTOCOL_VERSIONS.max,
    serverKeyId: serverKeyId(place.serverStatic),
  };
  const handshake = createInitiator({
    pattern: mode === 'device' ? 'XK' : 'NK',
    prologue: prologueOf(opening),
    remoteStatic: place.serverStatic,
    staticKeyPair: noise,
  });
  const frame = concatBytes(encodeOpening(opening), handshake.writeMessage(new Uint8Array(0)));
  return { frame, handshake };
}

/** The payload of message 3. */
export function helloOf(identity: Omit<DeviceIdentity, 'noise'>): Uint8Array<ArrayBuffer> {
  return encodeCbor({
    tenant: identity.tenantId,
    device: identity.deviceId,
    clientVersion: '0.1.0',
    stateCounter: 0,
    policyVersion: 0,
  });
}

/** An answer to a request, as it came. */
export type Answer = ReturnType<(typeof Response)['parse']>;

/** A connection whose handshake is through. */
export class Peer {
  readonly socket: RawSocket;
  readonly cipher: ChannelCipher;
  readonly #reader = new RecordReader();
  #records: Uint8Array[] = [];
  #lastId = 0;
  /** Everything that was delivered and not yet looked at. */
  deliveries: Delivery[] = [];
  readonly events: string[] = [];
  /** Event records as they came. */
  readonly eventRecords: Uint8Array[] = [];
  /** The last delivery number; tombstones have one too. */
  lastSeq = 0;
  /** What the server gave as its reason to close, if it did. */
  closingCode: string | undefined;

  constructor(socket: RawSocket, cipher: ChannelCipher) {
    this.socket = socket;
    this.cipher = cipher;
  }

  /** Connects as somebody with a token would. */
  static async enrolling(place: ServerPlace): Promise<Peer> {
    const socket = await RawSocket.open(place.url);
    const { frame, handshake } = openingOf(place, 'enrolment');
    socket.send(frame);
    await readNoise(socket, handshake);
    return new Peer(socket, handshake.split());
  }

  /** Connects as a device; the peer may turn out to be refused, see {@link Peer.welcomed}. */
  static async device(place: ServerPlace, identity: DeviceIdentity): Promise<Peer> {
    const socket = await RawSocket.open(place.url);
    const { frame, handshake } = openingOf(place, 'device', identity.noise);
    socket.send(frame);
    await readNoise(socket, handshake);
    socket.send(handshake.writeMessage(helloOf(identity)));
    return new Peer(socket, handshake.split());
  }

  /** Waits for the welcome. @returns false when the server refused the device */
  async welcomed(): Promise<boolean> {
    return this.#until(() => this.events.includes('welcome'));
  }

  /** Waits until everything stored was delivered. @returns false when the connection ended */
  async drained(): Promise<boolean> {
    return this.#until(() => this.events.includes('drained'));
  }

  /** Waits for so many deliveries. @returns false when the connection ended before */
  async delivered(count: number): Promise<boolean> {
    return this.#until(() => this.deliveries.length >= count);
  }

  /** Takes and acknowledges everything until the mailbox is empty. @returns what was delivered, in order */
  async takeAll(): Promise<Delivery[]> {
    let acknowledged = 0;
    const isEmpty = () => {
      if (this.lastSeq > acknowledged) {
        acknowledged = this.lastSeq;
        this.sendRecords(encodeAck(acknowledged));
      }
      return this.events.includes('drained');
    };
    if (!(await this.#until(isEmpty))) throw new Error('the server closed while it delivered');
    return this.deliveries;
  }

  nextId(): number {
    this.#lastId += 1;
    return this.#lastId;
  }

  /** Seals bytes that need not be fragments of records. */
  sendPlaintext(plaintext: Uint8Array): void {
    this.socket.send(this.cipher.seal(plaintext));
  }

  /** Sends one record in pieces, also a record that is longer than any may be. */
  sendInPieces(record: Uint8Array): void {
    for (let at = 0; at < record.length; at += PIECE_BYTES) {
      const piece = record.subarray(at, at + PIECE_BYTES);
      const flags = at + PIECE_BYTES >= record.length ? 1 : 0;
      this.sendPlaintext(concatBytes(Uint8Array.of(flags, piece.length >> 8, piece.length & 255), piece));
    }
  }

  /** Sends records in as few Noise messages as possible. */
  sendRecords(...records: readonly Uint8Array[]): void {
    const writer = new RecordWriter();
    for (const record of records) writer.add(record);
    for (const plaintext of writer.take()) this.sendPlaintext(plaintext);
  }

  /** Sends a request and waits for its answer; undefined when the server closed instead. */
  async request(method: string, params: CborValue): Promise<Answer | undefined> {
    const id = this.nextId();
    this.sendRecords(encodeControl('request', { id, method, params }));
    return this.answer(id);
  }

  /** Waits for the answer to a request. */
  async answer(id: number): Promise<Answer | undefined> {
    const record = await this.#find((one) => one[0] === RECORD_TYPES.response && readResponse(one).id === id);
    return record === undefined ? undefined : readResponse(record);
  }

  /** Waits for the answer to a submit. */
  async submitAnswer(requestNo: number): Promise<SubmitAnswer | undefined> {
    const record = await this.#find(
      (one) => one[0] === RECORD_TYPES.submitAnswer && decodeSubmitAnswer(one).requestNo === requestNo,
    );
    return record === undefined ? undefined : decodeSubmitAnswer(record);
  }

  /** Waits for the end and reads what comes before it. @returns answers that nobody had asked for */
  async untilEnded(): Promise<Uint8Array[]> {
    await this.#until(() => false);
    return this.#records;
  }

  close(): void {
    this.socket.destroy();
  }

  async #find(matches: (record: Uint8Array) => boolean): Promise<Uint8Array | undefined> {
    let at = -1;
    await this.#until(() => {
      at = this.#records.findIndex(matches);
      return at >= 0;
    });
    return at < 0 ? undefined : this.#records.splice(at, 1)[0];
  }

  async #until(isThere: () => boolean): Promise<boolean> {
    while (!isThere()) {
      const frame = await this.socket.next();
      if (frame === undefined) return false;
      for (const record of this.#reader.push(this.cipher.open(frame))) this.#take(record.slice());
    }
    return true;
  }

  #take(record: Uint8Array): void {
    if (record[0] === RECORD_TYPES.deliver) {
      const delivery = decodeDelivery(record);
      this.lastSeq = delivery.deliverySeq;
      this.deliveries.push(delivery);
    } else if (record[0] === RECORD_TYPES.event) {
      const { event, data } = Event.parse(decodeControl(record));
      if (!Object.hasOwn(EVENTS, event)) throw new Error(`an unknown event ${event}`);
      const parsed = EVENTS[event as EventName].parse(data);
      if ('code' in parsed) this.closingCode = parsed.code;
      if ('deliverySeq' in parsed) this.lastSeq = parsed.deliverySeq;
      this.eventRecords.push(record);
      this.events.push(event);
    } else this.#records.push(record);
  }
}

function readResponse(record: Uint8Array): Answer {
  return Response.parse(decodeControl(record));
}

async function readNoise(
  socket: RawSocket,
  handshake: { readMessage(message: Uint8Array): Uint8Array },
): Promise<void> {
  const frame = await socket.next();
  if (frame === undefined) throw new Error('the server ended the handshake');
  const answer = decodeServerFrame(frame);
  if (answer.type !== 'noise') throw new Error(`the server refused: ${answer.rejection.reason}`);
  handshake.readMessage(answer.message);
}
