/** An enrolled device's open connection: records in and out, requests, submits, acknowledgements (design.md §6). */
import type { SecureChannel } from '@kuvert/crypto/channel';
import {
  type DeviceId,
  decodeAck,
  decodeSubmit,
  type ErrorCode,
  type EventData,
  type EventName,
  encodeControl,
  encodeSubmitAnswer,
  KuvertError,
  type PersonId,
  RECORD_TYPES,
  type Submit,
  type TenantId,
  toWireError,
  type Welcome,
} from '@kuvert/protocol';
import { describeError } from '../log.ts';
import type { ChannelHost, OpenConnection } from './channel-host.ts';
import { MINIMUM_CLIENT_VERSION } from './client-version.ts';
import type { Connection } from './connection.ts';
import { answerRequest, readRequest, toldError } from './dispatch.ts';
import type { FrameSocket } from './frame-socket.ts';
import { Incoming } from './incoming.ts';
import { Outgoing } from './outgoing.ts';
import type { DeviceCaller } from './routes.ts';

/** Where the number of a submit ends in its record: type byte and 32 bits. */
const SUBMIT_NUMBER_END = 5;

/** @see Connection */
export class DeviceConnection implements Connection, OpenConnection {
  readonly tenantId: TenantId;
  readonly personId: PersonId;
  readonly deviceId: DeviceId;
  readonly #host: ChannelHost;
  readonly #socket: FrameSocket;
  readonly #channel: SecureChannel;
  readonly #onFail: (error: unknown) => void;
  readonly #caller: DeviceCaller;
  readonly #outgoing: Outgoing;
  readonly #incoming: Incoming;
  readonly #onClose: (() => void)[] = [];
  #closed = false;

  constructor(options: {
    readonly host: ChannelHost;
    readonly socket: FrameSocket;
    readonly channel: SecureChannel;
    readonly identity: Omit<DeviceCaller, 'connection'>;
    readonly onFail: (error: unknown) => void;
  }) {
    const { host, socket, channel, identity } = options;
    this.tenantId = identity.tenantId;
    this.personId = identity.personId;
    this.deviceId = identity.deviceId;
    this.#host = host;
    this.#socket = socket;
    this.#channel = channel;
    this.#onFail = options.onFail;
    this.#caller = { ...identity, connection: this };
    const onOverflow = (): void => this.#onFail(new KuvertError('overloaded'));
    this.#outgoing = new Outgoing({ channel, socket, flusher: host.flusher, onOverflow });
    this.#incoming = new Incoming((record) => this.#handle(record), socket);
  }

  get closed(): boolean {
    return this.#closed;
  }

  get writableBytes(): number {
    return this.#closed ? 0 : this.#outgoing.writableBytes;
  }

  /** Welcomes the device, takes the place of its earlier connection and begins the delivery. @param visit see `admit` */
  begin(visit: number, found: Pick<Welcome, 'prekeys' | 'isRestored' | 'deviceSet'>): void {
    const { clock, connections, installationEpoch, log, mailbox } = this.#host;
    connections.admit(this, visit);
    log.debug({ event: 'device-connected', tenantId: this.tenantId, deviceId: this.deviceId });
    this.sendEvent('welcome', {
      serverTime: clock.nowMs(),
      installationEpoch,
      minimumVersion: MINIMUM_CLIENT_VERSION,
      policyVersion: 0,
      ...found,
    });
    this.#inBackground('delivery-failed', () => mailbox.onReady(this));
  }

  receive(frame: Uint8Array): void {
    if (!this.#closed) this.#incoming.push(this.#channel.open(frame));
  }

  sendRecord(record: Uint8Array): void {
    if (this.#closed) return;
    if (record[0] === RECORD_TYPES.deliver) this.#host.metrics.deliveries.add();
    this.#outgoing.send(record);
  }

  sendEvent<N extends EventName>(name: N, data: EventData<N>): void {
    this.sendRecord(encodeControl('event', { event: name, data }));
  }

  close(code: ErrorCode): void {
    if (this.#closed) return;
    this.sendEvent('closing', { code });
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
    this.#host.log.debug({ event: 'device-disconnected', tenantId: this.tenantId, deviceId: this.deviceId });
    for (const callback of this.#onClose.splice(0)) callback();
  }

  onClose(callback: () => void): void {
    if (this.#closed) callback();
    else this.#onClose.push(callback);
  }

  onWritable(callback: () => void): void {
    this.#outgoing.onWritable(callback);
  }

  #handle(record: Uint8Array): Promise<void> | undefined {
    try {
      switch (record[0]) {
        case RECORD_TYPES.submit:
          return this.#submit(record);
        case RECORD_TYPES.ack: {
          const done = this.#host.mailbox.onAck(this, decodeAck(record));
          return done?.catch((error: unknown) => this.#onFail(error));
        }
        case RECORD_TYPES.request: {
          const from = { access: 'device', caller: this.#caller } as const;
          return answerRequest(readRequest(record), from, this.#host).then((answer) =>
            this.sendRecord(answer),
          );
        }
        default:
          throw new KuvertError('bad_request');
      }
    } catch (error) {
      this.#onFail(error);
      return undefined;
    }
  }

  /** A submit that cannot be read is refused under its number, so that its sender learns why; only one without a number ends the connection. */
  #submit(record: Uint8Array): Promise<void> | undefined {
    let submit: Submit;
    try {
      submit = decodeSubmit(record);
    } catch (error) {
      if (record.length < SUBMIT_NUMBER_END) throw error;
      this.#refuseSubmit(new DataView(record.buffer, record.byteOffset).getUint32(1), error);
      return undefined;
    }
    return this.#store(submit, record);
  }

  async #store(submit: Submit, record: Uint8Array): Promise<void> {
    const { requestNo } = submit;
    const { clock, metrics } = this.#host;
    const beganMs = clock.monotonicMs();
    try {
      const accepted = await this.#host.mailbox.onSubmit(this, submit, record);
      metrics.submitsAccepted.add();
      metrics.submitSeconds.observe((clock.monotonicMs() - beganMs) / 1_000);
      this.sendRecord(encodeSubmitAnswer({ requestNo, ...accepted }));
    } catch (error) {
      this.#refuseSubmit(requestNo, error);
    }
  }

  #refuseSubmit(requestNo: number, error: unknown): void {
    const told = toldError(error, () =>
      this.#host.log.error({ event: 'submit-failed', ...describeError(error) }),
    );
    this.#host.metrics.submitsRefused.add(told.code);
    this.sendRecord(encodeSubmitAnswer({ requestNo, error: toWireError(told) }));
  }

  #inBackground(event: string, work: () => void | Promise<void>): void {
    const failed = (error: unknown): void => {
      this.#host.log.error({ event, ...describeError(error) });
      this.close('internal');
    };
    try {
      work()?.catch(failed);
    } catch (error) {
      failed(error);
    }
  }
}
