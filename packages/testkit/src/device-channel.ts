/**
 * The device channel in the hands of a test: answers as they travel, refusals included, with no client in between that would
 * retry, check or interpret them.
 */
import { ClientHandshake, type SecureChannel, type StaticKeyPair } from '@kuvert/crypto/channel';
import {
  type CborValue,
  CHANNEL_PATH,
  decodeControl,
  decodeSubmitAnswer,
  encodeCbor,
  encodeControl,
  encodeSubmit,
  type Hello,
  PROTOCOL_VERSIONS,
  RECORD_TYPES,
  type Submit,
  type SubmitAnswer,
} from '@kuvert/protocol';

/** A request's answer, as decoded from the wire. */
export interface RawAnswer {
  readonly result?: unknown;
  readonly error?: { readonly code: string; readonly retry: unknown; readonly details?: unknown };
}

/** Where and as whom to connect. */
export interface ChannelOptions {
  readonly url: string;
  readonly serverStatic: Uint8Array;
  /** Without one the channel is for enrolment. */
  readonly device?: { readonly keyPair: StaticKeyPair; readonly hello: Hello };
}

/** An open channel. */
export class DeviceChannel implements Disposable {
  /** Resolves when the connection has ended, with the reason that the server gave, if it gave one. */
  readonly ended: Promise<string | undefined>;
  readonly #socket: WebSocket;
  readonly #channel: SecureChannel;
  readonly #waiting = new Map<
    string,
    { readonly resolve: (answer: never) => void; readonly reject: (error: Error) => void }
  >();
  #lastNo = 0;
  #closingCode: string | undefined;

  private constructor(socket: WebSocket, channel: SecureChannel) {
    this.#socket = socket;
    this.#channel = channel;
    this.ended = new Promise((resolve) => socket.addEventListener('close', () => resolve(this.#closingCode)));
  }

  /** Connects. */
  static async open({ url, serverStatic, device }: ChannelOptions): Promise<DeviceChannel> {
    const socket = new WebSocket(new URL(CHANNEL_PATH, url.replace(/^http/, 'ws')));
    socket.binaryType = 'arraybuffer';
    await next(socket, 'open');
    const handshake = new ClientHandshake({
      mode: device === undefined ? 'enrolment' : 'device',
      offered: PROTOCOL_VERSIONS,
      serverStatic,
      deviceKeyPair: device?.keyPair,
    });
    const answer = next(socket, 'message');
    socket.send(handshake.begin());
    const hello = device && encodeCbor(device.hello);
    const { frame, channel } = handshake.finish(frameOf(await answer), hello);
    const open = new DeviceChannel(socket, channel);
    socket.addEventListener('message', (event) => open.#receive(frameOf(event)));
    socket.addEventListener('close', () => {
      for (const [name, { reject }] of open.#waiting) reject(new Error(`closed before ${name} was answered`));
    });
    if (frame !== undefined) socket.send(frame);
    return open;
  }

  /** Calls a method with whatever params. */
  request(method: string, params: unknown): Promise<RawAnswer> {
    const id = this.#next();
    return this.#send(encodeControl('request', { id, method, params: params as CborValue }), `request ${id}`);
  }

  /** Submits. */
  submit(submit: Omit<Submit, 'requestNo'>): Promise<SubmitAnswer> {
    const requestNo = this.#next();
    return this.#send(encodeSubmit({ ...submit, requestNo }), `submit ${requestNo}`);
  }

  [Symbol.dispose](): void {
    this.#channel.close();
    this.#socket.close();
  }

  #next(): number {
    this.#lastNo += 1;
    return this.#lastNo;
  }

  #send<T>(record: Uint8Array, name: string): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#socket.readyState !== WebSocket.OPEN) {
        reject(new Error(`closed before ${name} was sent`));
        return;
      }
      this.#waiting.set(name, { resolve, reject });
      this.#channel.queue(record);
      for (const frame of this.#channel.flush()) this.#socket.send(Uint8Array.from(frame));
    });
  }

  #receive(frame: Uint8Array): void {
    for (const record of this.#channel.open(frame)) {
      if (record[0] === RECORD_TYPES.submitAnswer) {
        const answer = decodeSubmitAnswer(record);
        this.#answer(`submit ${answer.requestNo}`, answer);
      } else if (record[0] === RECORD_TYPES.response) {
        const { id, ...answer } = decodeControl(record) as unknown as RawAnswer & { id: number };
        this.#answer(`request ${id}`, answer);
      } else if (record[0] === RECORD_TYPES.event) {
        const { event, data } = decodeControl(record) as { event?: unknown; data?: { code?: string } };
        if (event === 'closing') this.#closingCode = data?.code;
      }
    }
  }

  #answer(name: string, answer: unknown): void {
    this.#waiting.get(name)?.resolve(answer as never);
    this.#waiting.delete(name);
  }
}

function next(socket: WebSocket, type: 'open' | 'message'): Promise<MessageEvent> {
  return new Promise((resolve, reject) => {
    socket.addEventListener(type, (event) => resolve(event as MessageEvent), { once: true });
    socket.addEventListener('close', ({ code }) => reject(new Error(`closed with ${code}`)), { once: true });
  });
}

function frameOf(event: MessageEvent): Uint8Array {
  return new Uint8Array(event.data as ArrayBuffer);
}
