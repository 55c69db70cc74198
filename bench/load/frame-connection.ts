/**
 * A WebSocket client as small as can be, because the load client shares the machine with the server that is measured: plain TCP on
 * loopback, binary messages, masked with zeros (RFC 6455 §5.3 asks for a mask, not for a good one).
 */
import type { Socket } from 'node:net';
import { connectReading } from './read-into-one.ts';

const HEAD_END = '\r\n\r\n';
const OPCODE = { binary: 2, close: 8, ping: 9, pong: 10 } as const;
const NOTHING = new Uint8Array(0);
/** A close without a reason. */
const GOODBYE = Uint8Array.of(0x80 | OPCODE.close, 0x80, 0, 0, 0, 0);

/** An open WebSocket. */
export class FrameConnection {
  readonly #socket: Socket;
  /** Whoever reads at the moment: the head of the answer first, then frames. */
  #onBytes: (bytes: Buffer) => void = () => undefined;
  #rest: Buffer | undefined;
  #onFrame: (frame: Buffer) => void = () => undefined;
  #onEnd: () => void = () => undefined;
  readonly ended: Promise<void>;

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.ended = new Promise((resolve) => socket.once('close', () => resolve()));
    socket.once('close', () => this.#onEnd());
    // What goes wrong on a socket shows as its end.
    socket.on('error', () => undefined);
  }

  /** @throws Error when the server does not switch to WebSocket */
  static async open(options: { readonly port: number; readonly path: string }): Promise<FrameConnection> {
    // Out of Node's pool: most chunks are no allocation at all.
    const socket = connectReading(options.port, (bytes) => {
      if (connection !== undefined) connection.#onBytes(Buffer.from(bytes));
    });
    let connection: FrameConnection | undefined;
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    connection = new FrameConnection(socket);
    const head = [
      `GET ${options.path} HTTP/1.1`,
      'Host: 127.0.0.1',
      'Upgrade: websocket',
      'Connection: Upgrade',
      'Sec-WebSocket-Version: 13',
      'Sec-WebSocket-Key: a3V2ZXJ0IGJlbmNobWFyaw==',
    ];
    socket.write(head.join('\r\n') + HEAD_END);
    await connection.#readHead();
    return connection;
  }

  /** Who hears of frames and of the end from now on. */
  listen(listener: { onFrame(frame: Buffer): void; onEnd(): void }): void {
    this.#onFrame = (frame) => listener.onFrame(frame);
    this.#onEnd = () => listener.onEnd();
  }

  /** The next frame alone, for handshakes. @throws Error when the connection ends instead */
  nextFrame(): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      this.listen({
        onFrame: resolve,
        onEnd: () => reject(new Error('the server ended the connection during the handshake')),
      });
    });
  }

  /** Sends frames with one write. */
  send(frames: readonly Uint8Array[]): void {
    this.#socket.write(packed(frames));
  }

  /** Bytes that were written and read so far. */
  get traffic(): { readonly sent: number; readonly received: number } {
    return { sent: this.#socket.bytesWritten, received: this.#socket.bytesRead };
  }

  /** Sends the last frames and goodbye with one write, and waits for the end. */
  async close(lastFrames: readonly Uint8Array[] = []): Promise<void> {
    this.#socket.end(packed(lastFrames, GOODBYE));
    const giveUp = setTimeout(() => this.#socket.destroy(), 2_000);
    await this.ended;
    clearTimeout(giveUp);
  }

  /** Drops the connection. */
  destroy(): void {
    this.#socket.destroy();
  }

  #readHead(): Promise<void> {
    return new Promise((resolve, reject) => {
      let head = Buffer.alloc(0);
      const fail = () => reject(new Error('the server ended the connection before it became a WebSocket'));
      this.#socket.once('close', fail);
      const read = (data: Buffer) => {
        head = Buffer.concat([head, data]);
        const end = head.indexOf(HEAD_END);
        if (end < 0) return;
        this.#onBytes = (more) => this.#read(more);
        this.#socket.off('close', fail);
        if (!head.subarray(0, end).toString('latin1').startsWith('HTTP/1.1 101')) {
          reject(new Error(`no WebSocket: ${head.subarray(0, 40).toString('latin1')}`));
          return;
        }
        const rest = head.subarray(end + HEAD_END.length);
        resolve();
        if (rest.length > 0) this.#read(rest);
      };
      this.#onBytes = read;
    });
  }

  #read(data: Buffer): void {
    const bytes = this.#rest === undefined ? data : Buffer.concat([this.#rest, data]);
    this.#rest = undefined;
    let at = 0;
    while (at + 2 <= bytes.length) {
      const short = (bytes[at + 1] as number) & 0x7f;
      let start = at + 2;
      let length = short;
      if (short === 126) {
        if (at + 4 > bytes.length) break;
        length = bytes.readUInt16BE(at + 2);
        start = at + 4;
      } else if (short === 127) {
        if (at + 10 > bytes.length) break;
        length = Number(bytes.readBigUInt64BE(at + 2));
        start = at + 10;
      }
      if (start + length > bytes.length) break;
      const opcode = (bytes[at] as number) & 0x0f;
      const payload = bytes.subarray(start, start + length);
      at = start + length;
      if (opcode === OPCODE.binary) this.#onFrame(payload);
      else if (opcode === OPCODE.ping) this.#pong(payload);
      else if (opcode === OPCODE.close && !this.#socket.writableEnded) this.#socket.end();
    }
    if (at < bytes.length) this.#rest = bytes.subarray(at);
  }

  #pong(payload: Buffer): void {
    const out = Buffer.alloc(headBytes(payload.length) + payload.length);
    out.set(payload, writeHead(out, 0, OPCODE.pong, payload.length));
    this.#socket.write(out);
  }
}

/** Frames with their heads, and what goes behind them. */
function packed(frames: readonly Uint8Array[], behind: Uint8Array = NOTHING): Buffer {
  let size = behind.length;
  for (const frame of frames) size += headBytes(frame.length) + frame.length;
  const out = Buffer.allocUnsafe(size);
  let at = 0;
  for (const frame of frames) {
    at = writeHead(out, at, OPCODE.binary, frame.length);
    out.set(frame, at);
    at += frame.length;
  }
  out.set(behind, at);
  return out;
}

function headBytes(length: number): number {
  return (length < 126 ? 2 : length < 65_536 ? 4 : 10) + 4;
}

/** Writes the head of a final frame with a mask of zeros and gives the offset behind it. */
function writeHead(out: Buffer, at: number, opcode: number, length: number): number {
  out[at] = 0x80 | opcode;
  if (length < 126) {
    out[at + 1] = 0x80 | length;
  } else if (length < 65_536) {
    out[at + 1] = 0x80 | 126;
    out.writeUInt16BE(length, at + 2);
  } else {
    out[at + 1] = 0x80 | 127;
    out.writeBigUInt64BE(BigInt(length), at + 2);
  }
  const end = at + headBytes(length);
  out.writeUInt32BE(0, end - 4);
  return end;
}
