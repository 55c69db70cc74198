/**
 * Takes frames right where they were read. Nearly every read brings whole binary frames and nothing else; by way of Node's streams and the receiver of
 * `ws` each would be copied, cut three times and told by three events, which was a tenth of the event loop's time for a message (docs/benchmarks.md).
 * Whatever else comes (a part of a frame, a fragment, a ping, something that is not allowed) goes to `ws`, and so does all behind it until `ws` is
 * between two messages again. That is looked up in fields of its own; a `ws` that has them no more gets everything, which is slower and nothing else.
 */
import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';

/** Final, binary, no extension (RFC 6455 §5.2). */
const WHOLE_BINARY = 0x82;
const MASKED = 0x80;
const LENGTH_16 = 126;
const MASK_BYTES = 4;
/** The first state of a receiver: the head of a frame comes next. */
const GET_INFO = 0;

/** What is internal of a `WebSocket`. */
interface Internals {
  readonly _receiver?: {
    readonly _state?: number;
    readonly _bufferedBytes?: number;
    /** Opcode of the message whose fragments come, or 0. */
    readonly _fragmented?: number;
  };
}

/** @see the head of this file */
export class WholeFrames {
  readonly #webSocket: WebSocket;
  readonly #stream: Duplex;
  readonly #payloadMax: number;
  readonly #onFrame: (frame: Uint8Array) => void;

  /** @param options.onFrame gets a view that is filled anew by the next read of any socket */
  constructor(options: {
    readonly webSocket: WebSocket;
    readonly stream: Duplex;
    readonly payloadMax: number;
    readonly onFrame: (frame: Uint8Array) => void;
  }) {
    this.#webSocket = options.webSocket;
    this.#stream = options.stream;
    this.#payloadMax = options.payloadMax;
    this.#onFrame = options.onFrame;
  }

  /** Takes what it can of bytes that were just read, and unmasks it in its place. @returns how many bytes are dealt with */
  take(bytes: Uint8Array): number {
    let at = 0;
    while (at < bytes.length && this.#isBetweenMessages()) {
      const end = this.#takeOne(bytes, at);
      if (end === at) break;
      at = end;
    }
    return at;
  }

  /** Looked at before each frame: the one before may have paused or ended the connection. */
  #isBetweenMessages(): boolean {
    const stream = this.#stream;
    if (stream.readableFlowing !== true || stream.readableLength > 0) return false;
    if (this.#webSocket.readyState !== this.#webSocket.OPEN) return false;
    const receiver = (this.#webSocket as unknown as Internals)._receiver;
    return receiver?._state === GET_INFO && receiver._bufferedBytes === 0 && receiver._fragmented === 0;
  }

  /** @returns where the frame ends, or where it begins when it is not whole or none for us */
  #takeOne(bytes: Uint8Array, begin: number): number {
    if (bytes.length - begin < 2 || bytes[begin] !== WHOLE_BINARY) return begin;
    const second = bytes[begin + 1] as number;
    if (second < MASKED) return begin;
    let length = second - MASKED;
    let maskAt = begin + 2;
    if (length >= LENGTH_16) {
      if (length > LENGTH_16 || bytes.length - maskAt < 2) return begin;
      length = ((bytes[maskAt] as number) << 8) | (bytes[maskAt + 1] as number);
      maskAt += 2;
    }
    const start = maskAt + MASK_BYTES;
    const end = start + length;
    if (end > bytes.length || length > this.#payloadMax) return begin;
    unmask(bytes, maskAt, end);
    this.#onFrame(bytes.subarray(start, end));
    return end;
  }
}

/** Takes the mask off what follows it. */
function unmask(bytes: Uint8Array, maskAt: number, end: number): void {
  const start = maskAt + MASK_BYTES;
  let isZero = true;
  for (let i = maskAt; i < start; i++) if (bytes[i] !== 0) isZero = false;
  if (isZero) return;
  for (let i = start; i < end; i++)
    bytes[i] = (bytes[i] as number) ^ (bytes[maskAt + ((i - start) & 3)] as number);
}
