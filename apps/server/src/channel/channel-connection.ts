/** What every open connection is: records in and out over a channel, one after another, and an end that happens once. */
import type { SecureChannel } from '@kuvert/crypto/channel';
import { type ErrorCode, encodeControl, KuvertError } from '@kuvert/protocol';
import type { ChannelHost, OpenConnection } from './channel-host.ts';
import type { FrameSocket } from './frame-socket.ts';
import { Incoming } from './incoming.ts';
import { Outgoing } from './outgoing.ts';

/** What a connection is made of. */
export interface ConnectionParts {
  readonly host: ChannelHost;
  readonly socket: FrameSocket;
  readonly channel: SecureChannel;
  /** Something that the other side has done, or that befell us, ends the connection. */
  readonly onFail: (error: unknown) => void;
}

/** @see OpenConnection */
export abstract class ChannelConnection implements OpenConnection {
  protected readonly host: ChannelHost;
  protected readonly outgoing: Outgoing;
  protected readonly fail: (error: unknown) => void;
  readonly #socket: FrameSocket;
  readonly #channel: SecureChannel;
  readonly #incoming: Incoming;
  #closed = false;

  constructor({ host, socket, channel, onFail }: ConnectionParts) {
    this.host = host;
    this.fail = onFail;
    this.#socket = socket;
    this.#channel = channel;
    const onOverflow = (): void => this.fail(new KuvertError('overloaded'));
    this.outgoing = new Outgoing({ channel, socket, flusher: host.flusher, onOverflow });
    this.#incoming = new Incoming((record) => this.#handle(record), socket);
  }

  /**
   * Does what one record asks for. @returns true when that goes on until {@link ChannelConnection.finished}
   * @throws whatever ends the connection
   */
  protected abstract handle(record: Uint8Array): boolean;

  /** What a record asked for is done. */
  protected finished(record: Uint8Array): void {
    this.#incoming.finished(record);
  }

  get closed(): boolean {
    return this.#closed;
  }

  receive(frame: Uint8Array): void {
    if (!this.#closed) this.#incoming.push(this.#channel.open(frame));
  }

  close(code: ErrorCode): void {
    if (this.#closed) return;
    this.outgoing.send(encodeControl('event', { event: 'closing', data: { code } }));
    this.outgoing.flush();
    this.ended();
    this.#socket.resume();
    this.#socket.close('normal');
  }

  async drain(code: ErrorCode): Promise<void> {
    this.#incoming.end();
    await this.#incoming.settled();
    this.close(code);
  }

  ended(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#incoming.end();
    this.outgoing.end();
    this.#channel.close();
  }

  #handle(record: Uint8Array): boolean {
    try {
      return this.handle(record);
    } catch (error) {
      this.fail(error);
      return false;
    }
  }
}
