/**
 * The way out of one connection. Records of a tick are collected, sealed as one Noise message and written with one system call
 * (sealing costs 2 to 4 µs a call whatever the size, and a write more than that). One `setImmediate` serves all connections.
 */
import type { SecureChannel } from '@kuvert/crypto/channel';
import type { FrameSocket } from './frame-socket.ts';
import { LIMITS } from './limits.ts';

/** Flushes all connections that have something to say, once per tick. */
export class TickFlusher {
  /** Each once: whoever schedules itself knows that it has. */
  #waiting: Outgoing[] = [];

  schedule(outgoing: Outgoing): void {
    if (this.#waiting.push(outgoing) > 1) return;
    setImmediate(() => {
      const now = this.#waiting;
      this.#waiting = [];
      for (const each of now) each.flush();
    });
  }
}

/** Records in, frames out, with back pressure. After {@link Outgoing.end} it does nothing. */
export class Outgoing {
  readonly #channel: SecureChannel;
  readonly #socket: FrameSocket;
  readonly #flusher: TickFlusher;
  readonly #onOverflow: () => void;
  readonly #onWritable: (() => void)[] = [];
  #full = false;
  #isScheduled = false;
  #ended = false;

  /** @param onOverflow called when far more was queued than the limit allows */
  constructor(options: {
    readonly channel: SecureChannel;
    readonly socket: FrameSocket;
    readonly flusher: TickFlusher;
    readonly onOverflow: () => void;
  }) {
    this.#channel = options.channel;
    this.#socket = options.socket;
    this.#flusher = options.flusher;
    this.#onOverflow = options.onOverflow;
  }

  get writableBytes(): number {
    const room = LIMITS.outgoingBytesMax - this.#channel.pendingBytes - this.#socket.bufferedBytes;
    if (room <= 0) this.#full = true;
    return room;
  }

  onWritable(callback: () => void): void {
    this.#onWritable.push(callback);
  }

  send(record: Uint8Array): void {
    if (this.#ended) return;
    this.#channel.queue(record);
    if (this.writableBytes < LIMITS.outgoingBytesMax - LIMITS.outgoingBytesLimit) {
      this.#onOverflow();
      return;
    }
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#flusher.schedule(this);
  }

  flush(): void {
    this.#isScheduled = false;
    if (this.#ended) return;
    for (const frame of this.#channel.flush()) this.#socket.send(frame, this.#sent);
  }

  end(): void {
    this.#ended = true;
    this.#onWritable.length = 0;
  }

  readonly #sent = (): void => {
    if (!this.#full || this.#ended) return;
    const room = LIMITS.outgoingBytesMax - this.#channel.pendingBytes - this.#socket.bufferedBytes;
    if (room < LIMITS.outgoingBytesMax / 2) return;
    this.#full = false;
    for (const callback of [...this.#onWritable]) callback();
  };
}
