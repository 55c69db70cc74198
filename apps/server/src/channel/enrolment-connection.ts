/** An open connection of somebody with a token: a few requests of access `enrolment`, nothing else (wire.md §3). */
import type { SecureChannel } from '@kuvert/crypto/channel';
import { type ErrorCode, encodeControl, KuvertError, RECORD_TYPES } from '@kuvert/protocol';
import type { ChannelHost, OpenConnection } from './channel-host.ts';
import { answerRequest, readRequest } from './dispatch.ts';
import type { FrameSocket } from './frame-socket.ts';
import { Incoming } from './incoming.ts';
import { LIMITS } from './limits.ts';
import { Outgoing } from './outgoing.ts';

/** @see OpenConnection */
export class EnrolmentConnection implements OpenConnection {
  readonly #host: ChannelHost;
  readonly #socket: FrameSocket;
  readonly #channel: SecureChannel;
  readonly #address: string;
  readonly #onFail: (error: unknown) => void;
  readonly #outgoing: Outgoing;
  readonly #incoming: Incoming;
  #requests = 0;
  #closed = false;

  constructor(options: {
    readonly host: ChannelHost;
    readonly socket: FrameSocket;
    readonly channel: SecureChannel;
    readonly address: string;
    readonly onFail: (error: unknown) => void;
  }) {
    const { host, socket, channel } = options;
    this.#host = host;
    this.#socket = socket;
    this.#channel = channel;
    this.#address = options.address;
    this.#onFail = options.onFail;
    const onOverflow = (): void => this.#onFail(new KuvertError('overloaded'));
    this.#outgoing = new Outgoing({ channel, socket, flusher: host.flusher, onOverflow });
    this.#incoming = new Incoming((record) => this.#handle(record), socket);
  }

  receive(frame: Uint8Array): void {
    if (!this.#closed) this.#incoming.push(this.#channel.open(frame));
  }

  close(code: ErrorCode): void {
    if (this.#closed) return;
    this.#outgoing.send(encodeControl('event', { event: 'closing', data: { code } }));
    this.#outgoing.flush();
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
    this.#outgoing.end();
    this.#channel.close();
  }

  #handle(record: Uint8Array): Promise<void> | undefined {
    try {
      if (record[0] !== RECORD_TYPES.request) throw new KuvertError('bad_request');
      const request = readRequest(record);
      if (++this.#requests > LIMITS.enrolmentRequestsMax) {
        this.close('rate_limited');
        return undefined;
      }
      const from = { access: 'enrolment', caller: { address: this.#address } } as const;
      return answerRequest(request, from, this.#host).then((answer) => this.#outgoing.send(answer));
    } catch (error) {
      this.#onFail(error);
      return undefined;
    }
  }
}
