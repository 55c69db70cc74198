/**
 * The body of a request as pieces of one size, cut from two buffers that take turns: one fills while the other is hashed and written. A
 * connection brings 16 KiB at a time in memory of its own; kept until the disk has it, that memory becomes the largest cost of an upload.
 * Whoever brings too little for too long loses the connection, however lively its few bytes look.
 */
import type { IncomingMessage } from 'node:http';
import { discardBytes } from '@kuvert/protocol';
import { liftBodyTime, limitBodyTime } from '../../http/body-time.ts';
import { PIECE_BYTES, TRANSFER_IDLE_BYTES, TRANSFER_IDLE_MS } from './limits.ts';

/** Buffers that nobody uses, so that the next request needs no new ones. */
const idle: Buffer[] = [];
const IDLE_MAX = 16;

/**
 * Takes the first piece at once, whoever asks for it when.
 * @param lengthBytes what the request says it brings
 * @returns pieces, each good until the next is asked for; it ends early, without an error, when the connection does. `end` drops what nobody took
 */
export function bodyPieces(
  request: IncomingMessage,
  lengthBytes: number,
): AsyncIterable<Uint8Array> & { end(): Promise<unknown> } {
  const pieces = new BodyPieces(request, Math.min(lengthBytes, PIECE_BYTES));
  return { [Symbol.asyncIterator]: () => pieces, end: () => pieces.return() };
}

class BodyPieces implements AsyncIterator<Uint8Array> {
  readonly #request: IncomingMessage;
  readonly #pieceBytes: number;
  readonly #stallTimer: NodeJS.Timeout;
  #filling: Buffer;
  #filled = 0;
  /** Taken by the consumer, until it asks for the next. */
  #lent: Buffer | undefined;
  #spare: Buffer | undefined;
  /** What has come and fits into no buffer yet. */
  #behind: Uint8Array | undefined;
  #isOver = false;
  #newBytes = 0;
  #wake: (() => void) | undefined;

  constructor(request: IncomingMessage, pieceBytes: number) {
    this.#request = request;
    this.#pieceBytes = pieceBytes;
    this.#filling = bufferOf(pieceBytes);
    liftBodyTime(request);
    request.on('data', this.#take);
    for (const event of ['end', 'close', 'error'] as const) request.on(event, this.#end);
    this.#stallTimer = setInterval(() => {
      // Nobody is blamed for a disk that is slow.
      if (this.#newBytes < TRANSFER_IDLE_BYTES && !request.isPaused()) request.socket.destroy();
      this.#newBytes = 0;
    }, TRANSFER_IDLE_MS);
    this.#stallTimer.unref();
  }

  async next(): Promise<IteratorResult<Uint8Array>> {
    if (this.#lent !== undefined) {
      this.#spare = this.#lent;
      this.#lent = undefined;
    }
    while (this.#filled < this.#pieceBytes && !this.#isOver) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    if (this.#filled === 0) return this.return();
    const piece = this.#filling.subarray(0, this.#filled);
    this.#lent = this.#filling;
    this.#filling = this.#spare ?? bufferOf(this.#pieceBytes);
    this.#spare = undefined;
    this.#filled = 0;
    const behind = this.#behind;
    this.#behind = undefined;
    if (behind !== undefined) this.#take(behind);
    if (this.#behind === undefined && this.#request.isPaused()) this.#request.resume();
    return { done: false, value: piece };
  }

  async return(): Promise<IteratorResult<Uint8Array>> {
    clearInterval(this.#stallTimer);
    this.#request.off('data', this.#take);
    for (const event of ['end', 'close', 'error'] as const) this.#request.off(event, this.#end);
    this.#isOver = true;
    // Whatever still comes is dropped, so that the answer finds its way; not for ever.
    if (!this.#request.readableEnded) {
      limitBodyTime(this.#request);
      this.#request.resume();
    }
    for (const buffer of [this.#filling, this.#spare, this.#lent]) {
      if (buffer?.length === PIECE_BYTES && idle.length < IDLE_MAX) idle.push(buffer);
    }
    this.#filling = Buffer.alloc(0);
    this.#spare = undefined;
    this.#lent = undefined;
    this.#filled = 0;
    this.#awake();
    return { done: true, value: undefined };
  }

  #take = (bytes: Uint8Array): void => {
    this.#newBytes += bytes.length;
    const fitting = Math.min(bytes.length, this.#pieceBytes - this.#filled);
    this.#filling.set(fitting === bytes.length ? bytes : bytes.subarray(0, fitting), this.#filled);
    this.#filled += fitting;
    if (fitting < bytes.length) {
      this.#behind = bytes.subarray(fitting);
      this.#request.pause();
    } else {
      // Each part comes in memory of its own, a part of a part in that of what it is a part of.
      discardBytes(bytes);
    }
    if (this.#filled === this.#pieceBytes) this.#awake();
  };

  #end = (): void => {
    this.#isOver = true;
    this.#awake();
  };

  #awake(): void {
    this.#wake?.();
    this.#wake = undefined;
  }
}

function bufferOf(bytes: number): Buffer {
  const present = bytes === PIECE_BYTES ? idle.pop() : undefined;
  return present ?? Buffer.allocUnsafeSlow(bytes);
}
