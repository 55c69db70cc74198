import type { ChannelCipher } from './channel-cipher.ts';
import type { SealedAhead } from './cipher-state.ts';
import type { ChannelMode } from './opening.ts';
import { packAlone, RecordReader, RecordWriter } from './records.ts';

/**
 * An established connection, the same at both ends: records in, frames out, and back (wire.md §3). A frame is
 * the payload of one binary WebSocket message. There is no I/O in it: the host queues what it has to say
 * during a tick, flushes once and sends the frames in order. After any failure to open, every call throws and
 * the host closes the connection.
 */
export class SecureChannel {
  readonly mode: ChannelMode;
  /** The protocol version that both sides agreed on. */
  readonly version: number;
  readonly #cipher: ChannelCipher;
  readonly #writer = new RecordWriter();
  readonly #reader = new RecordReader();

  constructor(established: {
    readonly mode: ChannelMode;
    readonly version: number;
    readonly cipher: ChannelCipher;
  }) {
    this.mode = established.mode;
    this.version = established.version;
    this.#cipher = established.cipher;
  }

  /** Bytes that wait for {@link flush}. */
  get pendingBytes(): number {
    return this.#writer.pendingBytes;
  }

  /**
   * Adds a record, at most 1 MiB, to the next flush.
   * @throws ChannelError `too_long`; the channel goes on then
   */
  queue(record: Uint8Array): void {
    this.#writer.add(record);
  }

  /** Frames with all that was queued: one, where it fits. @throws ChannelError `exhausted`, `closed` */
  flush(): Uint8Array<ArrayBuffer>[] {
    const frames: Uint8Array<ArrayBuffer>[] = [];
    this.flushTo((frame) => frames.push(frame.slice()));
    return frames;
  }

  /**
   * The same for who copies a frame before the call returns, as a host does that writes a head before it. All channels seal in one piece of memory:
   * new memory for each frame costs more than two copies of it.
   * @param send gets a view that is filled anew by the next frame of any channel
   */
  flushTo(send: (frame: Uint8Array<ArrayBuffer>) => void): void {
    this.#writer.takeEach((plaintext) => send(this.#cipher.sealShared(plaintext)));
  }

  /**
   * Seals a record alone, as the next frame, before it is certain that it is sent (docs/decisions/0016).
   * @returns undefined when something else goes before it, it needs more than one frame, or the channel is closed
   */
  sealAhead(record: Uint8Array): SealedAhead | undefined {
    if (this.pendingBytes > 0) return undefined;
    const plaintext = packAlone(record);
    return plaintext === undefined ? undefined : this.#cipher.sealAhead(plaintext);
  }

  /** The frame of what was sealed in advance, if nothing has come before it meanwhile. It has to be sent, at once. */
  takeAhead(sealed: SealedAhead): Uint8Array<ArrayBuffer> | undefined {
    return this.pendingBytes > 0 ? undefined : this.#cipher.takeAhead(sealed);
  }

  /** Queues and flushes. */
  seal(records: readonly Uint8Array[]): Uint8Array<ArrayBuffer>[] {
    for (const record of records) this.queue(record);
    return this.flush();
  }

  /**
   * Opens the other side's next frame: the records that it completes, in order (views of the opened frame).
   * @throws ChannelError on a frame that is not exactly the next one
   */
  open(frame: Uint8Array): Uint8Array[] {
    const plaintext = this.#cipher.open(frame);
    try {
      return this.#reader.push(plaintext);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Forgets the keys; every later call throws. */
  close(): void {
    this.#cipher.close();
  }
}
