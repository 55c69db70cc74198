/**
 * A WebSocket client that can do everything wrong (RFC 6455): any opcode, any flags, lengths that lie, pieces of any size. Clients in good
 * faith use a library; this one is for attacking the server.
 */
import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { CHANNEL_PATH } from '@kuvert/protocol';

/** How long the server may think before it counts as hanging. */
const PATIENCE_MS = 120_000;

/** How a frame is sent; the defaults are those of a binary message in one piece. */
export interface FrameForm {
  readonly opcode?: number;
  readonly fin?: boolean;
  readonly reserved?: number;
  readonly masked?: boolean;
  /** What the head says instead of the true length. */
  readonly declaredBytes?: number;
}

/** A message from the server. */
interface Message {
  readonly opcode: number;
  readonly payload: Buffer;
}

/** The bytes of one frame. */
function frameBytes(payload: Uint8Array, form: FrameForm = {}): Buffer {
  const { opcode = 2, fin = true, reserved = 0, masked = true, declaredBytes = payload.length } = form;
  const head: number[] = [(fin ? 0x80 : 0) | ((reserved & 7) << 4) | (opcode & 15)];
  const maskBit = masked ? 0x80 : 0;
  const size = Buffer.alloc(8);
  if (declaredBytes < 126) head.push(maskBit | declaredBytes);
  else if (declaredBytes < 65_536) head.push(maskBit | 126, declaredBytes >> 8, declaredBytes & 255);
  else {
    size.writeBigUInt64BE(BigInt(declaredBytes));
    head.push(maskBit | 127, ...size);
  }
  if (!masked) return Buffer.concat([Buffer.from(head), payload]);
  const mask = randomBytes(4);
  const body = Buffer.from(payload);
  for (let i = 0; i < body.length; i++) body[i] = (body[i] as number) ^ (mask[i & 3] as number);
  return Buffer.concat([Buffer.from(head), mask, body]);
}

/** An open connection, WebSocket or not yet. */
export class RawSocket {
  static readonly #open = new Set<RawSocket>();
  readonly #socket: Socket;
  #received: Buffer = Buffer.alloc(0);
  #messages: Message[] = [];
  #upgraded = false;
  #ended = false;
  #wake: (() => void) | undefined;
  /** Status code of the close frame that the server sent, if it sent one. */
  closeCode: number | undefined;
  /** Everything that came before the upgrade, as text. */
  httpText = '';

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (data) => this.#take(data as Buffer));
    socket.on('error', () => undefined);
    RawSocket.#open.add(this);
    socket.on('close', () => {
      RawSocket.#open.delete(this);
      this.#ended = true;
      this.#wake?.();
    });
  }

  /** Connects without saying anything. */
  static async plain(url: string): Promise<RawSocket> {
    const { hostname, port } = new URL(url);
    const socket = connect({ host: hostname, port: Number(port) });
    const raw = new RawSocket(socket);
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    return raw;
  }

  /** Connects and asks for the device channel. @throws Error when the server does not agree */
  static async open(url: string, headers: Readonly<Record<string, string>> = {}): Promise<RawSocket> {
    const raw = await RawSocket.plain(url);
    const lines = Object.entries({
      Host: new URL(url).host,
      Upgrade: 'websocket',
      Connection: 'Upgrade',
      'Sec-WebSocket-Key': randomBytes(16).toString('base64'),
      'Sec-WebSocket-Version': '13',
      ...headers,
    }).map(([name, value]) => `${name}: ${value}\r\n`);
    raw.write(`GET ${CHANNEL_PATH} HTTP/1.1\r\n${lines.join('')}\r\n`);
    await raw.#until(() => raw.#upgraded);
    if (!raw.#upgraded) throw new Error(`no upgrade: ${raw.httpText.split('\r\n')[0]}`);
    return raw;
  }

  /** Ends what an attack left open on this side. */
  static destroyAll(): void {
    for (const socket of RawSocket.#open) socket.destroy();
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Raw bytes. */
  write(bytes: Uint8Array | string): void {
    if (!this.#ended) this.#socket.write(bytes);
  }

  /** One frame. */
  send(payload: Uint8Array, form?: FrameForm): void {
    this.write(frameBytes(payload, form));
  }

  /** The next binary message, or undefined when the connection has ended. @throws Error when the server stays silent */
  async next(): Promise<Uint8Array | undefined> {
    await this.#until(() => this.#messages.length > 0);
    const message = this.#messages.shift();
    return message === undefined ? undefined : new Uint8Array(message.payload);
  }

  /** Waits for the end. @throws Error when the server keeps the connection open */
  async untilEnded(): Promise<void> {
    await this.#until(() => false);
  }

  /** Says that nothing more will come, and goes on reading. */
  finish(): void {
    this.#socket.end();
  }

  /** Goes without a word. */
  destroy(): void {
    this.#socket.destroy();
  }

  async #until(isThere: () => boolean): Promise<void> {
    const deadline = performance.now() + PATIENCE_MS;
    while (!isThere() && !this.#ended) {
      const leftMs = deadline - performance.now();
      if (leftMs <= 0) throw new Error('the server neither answers nor closes');
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, leftMs);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      this.#wake = undefined;
    }
  }

  #take(data: Buffer): void {
    this.#received = this.#received.length === 0 ? data : Buffer.concat([this.#received, data]);
    if (!this.#upgraded) {
      this.httpText = this.#received.toString('latin1');
      const end = this.#received.indexOf('\r\n\r\n');
      if (end < 0) return;
      if (!this.httpText.startsWith('HTTP/1.1 101')) return;
      this.#received = this.#received.subarray(end + 4);
      this.#upgraded = true;
    }
    while (this.#takeFrame());
    this.#wake?.();
  }

  #takeFrame(): boolean {
    const bytes = this.#received;
    if (bytes.length < 2) return false;
    const short = (bytes[1] as number) & 127;
    const at = short === 126 ? 4 : short === 127 ? 10 : 2;
    if (bytes.length < at) return false;
    const size =
      short === 126 ? bytes.readUInt16BE(2) : short === 127 ? Number(bytes.readBigUInt64BE(2)) : short;
    if (bytes.length < at + size) return false;
    const payload = bytes.subarray(at, at + size);
    this.#received = bytes.subarray(at + size);
    const opcode = (bytes[0] as number) & 15;
    if (opcode === 8) {
      this.closeCode = payload.length >= 2 ? payload.readUInt16BE(0) : 1005;
      this.send(payload, { opcode: 8 });
      this.#socket.end();
    } else if (opcode === 9) this.send(payload, { opcode: 10 });
    else if (opcode !== 10) this.#messages.push({ opcode, payload: Buffer.from(payload) });
    return true;
  }
}
