/**
 * The way out of one connection. Records of a tick are collected, sealed as one Noise message and written with one system call
 * (sealing costs 2 to 4 µs a call whatever the size, and a write more than that). One `setImmediate` serves all connections.
 */
import type { SealedAhead, SecureChannel } from '@kuvert/crypto/channel';
import type { FrameSocket } from './frame-socket.ts';
import { LIMITS } from './limits.ts';

/** Connections that are flushed together when their moment comes. */
class Round {
  /** Each once: whoever schedules itself knows that it has. */
  #waiting: Outgoing[] = [];
  readonly #awaitTurn: (flush: () => void) => void;

  constructor(awaitTurn: (flush: () => void) => void) {
    this.#awaitTurn = awaitTurn;
  }

  readonly #flush = (): void => {
    const now = this.#waiting;
    this.#waiting = [];
    for (const each of now) each.flush();
  };

  add(outgoing: Outgoing): void {
    if (this.#waiting.push(outgoing) === 1) this.#awaitTurn(this.#flush);
  }
}

/** Flushes all connections that have something to say, once per tick, or once per {@link LIMITS.unhurriedMs} for what can wait. */
export class TickFlusher {
  readonly #ticks = new Round((flush) => setImmediate(flush));
  readonly #unhurried = new Round((flush) => setTimeout(flush, LIMITS.unhurriedMs));

  schedule(outgoing: Outgoing): void {
    this.#ticks.add(outgoing);
  }

  scheduleUnhurried(outgoing: Outgoing): void {
    this.#unhurried.add(outgoing);
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
  #isUnhurried = false;
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
    if (!this.#queue(record) || this.#isScheduled) return;
    this.#isScheduled = true;
    this.#flusher.schedule(this);
  }

  /**
   * Sends what nobody is held up by: it leaves with whatever is sent next, at the latest after {@link LIMITS.unhurriedMs}. Frames of several
   * records cost both sides less than one for each.
   */
  sendUnhurried(record: Uint8Array): void {
    if (!this.#queue(record) || this.#isScheduled || this.#isUnhurried) return;
    this.#isUnhurried = true;
    this.#flusher.scheduleUnhurried(this);
  }

  /** @see Connection.sealAhead */
  sealAhead(record: Uint8Array): SealedAhead | undefined {
    return this.#ended ? undefined : this.#channel.sealAhead(record);
  }

  /** @see Connection.sendAhead */
  sendAhead(sealed: SealedAhead): boolean {
    const frame = this.#ended ? undefined : this.#channel.takeAhead(sealed);
    if (frame === undefined) return false;
    this.#socket.send(frame, this.#sentAhead);
    return true;
  }

  flush(): void {
    this.#isScheduled = false;
    this.#isUnhurried = false;
    if (this.#ended) return;
    this.#channel.flushTo(this.#send);
  }

  readonly #send = (frame: Uint8Array): void => this.#socket.send(frame, this.#sent);

  end(): void {
    this.#ended = true;
    this.#onWritable.length = 0;
  }

  /** @returns false when nothing more is sent */
  #queue(record: Uint8Array): boolean {
    if (this.#ended) return false;
    this.#channel.queue(record);
    if (this.writableBytes >= LIMITS.outgoingBytesMax - LIMITS.outgoingBytesLimit) return true;
    this.#onOverflow();
    return false;
  }

  /** Whoever sends has not noted yet what it has sent. */
  readonly #sentAhead = (): void => {
    if (this.#full) setImmediate(this.#sent);
  };

  readonly #sent = (): void => {
    if (!this.#full || this.#ended) return;
    const room = LIMITS.outgoingBytesMax - this.#channel.pendingBytes - this.#socket.bufferedBytes;
    if (room < LIMITS.outgoingBytesMax / 2) return;
    this.#full = false;
    for (const callback of [...this.#onWritable]) callback();
  };
}
