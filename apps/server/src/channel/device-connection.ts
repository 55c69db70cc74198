/** An enrolled device's open connection: records in and out, requests, submits, acknowledgements (design.md §6). */
import type { SealedAhead } from '@kuvert/crypto/channel';
import {
  type DeviceId,
  decodeAck,
  decodeSubmit,
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
  u32At,
  type Welcome,
} from '@kuvert/protocol';
import { describeError } from '../log.ts';
import { ChannelConnection, type ConnectionParts } from './channel-connection.ts';
import { MINIMUM_CLIENT_VERSION } from './client-version.ts';
import type { Connection } from './connection.ts';
import { answerRequest, readRequest, toldError } from './dispatch.ts';
import type { Accepted, DeviceCaller } from './routes.ts';

/** Where the number of a submit ends in its record: type byte and 32 bits. */
const SUBMIT_NUMBER_END = 5;

/** @see Connection */
export class DeviceConnection extends ChannelConnection implements Connection {
  readonly tenantId: TenantId;
  readonly personId: PersonId;
  readonly deviceId: DeviceId;
  readonly #caller: DeviceCaller;
  readonly #onClose: (() => void)[] = [];
  /** Submits without an answer. */
  #submitsOpen = 0;

  constructor(parts: ConnectionParts & { readonly identity: Omit<DeviceCaller, 'connection'> }) {
    super(parts);
    const { identity } = parts;
    this.tenantId = identity.tenantId;
    this.personId = identity.personId;
    this.deviceId = identity.deviceId;
    this.#caller = { ...identity, connection: this };
  }

  get writableBytes(): number {
    return this.closed ? 0 : this.outgoing.writableBytes;
  }

  /** Welcomes the device, takes the place of its earlier connection and begins the delivery. @param visit see `admit` */
  begin(visit: number, found: Pick<Welcome, 'prekeys' | 'isRestored' | 'deviceSet'>): void {
    const { clock, connections, installationEpoch, log, mailbox } = this.host;
    connections.admit(this, visit);
    log.debug({ event: 'device-connected', tenantId: this.tenantId, deviceId: this.deviceId });
    const data: EventData<'welcome'> = {
      serverTime: clock.nowMs(),
      installationEpoch,
      minimumVersion: MINIMUM_CLIENT_VERSION,
      policyVersion: 0,
      ...found,
    };
    // In one frame with the first page of the mailbox, or with the word that nothing is there.
    this.outgoing.sendUnhurried(encodeControl('event', { event: 'welcome', data }));
    this.#inBackground('delivery-failed', () => mailbox.onReady(this));
  }

  sendRecord(record: Uint8Array): void {
    if (this.closed) return;
    if (record[0] === RECORD_TYPES.deliver) this.host.metrics.deliveries.add();
    this.outgoing.send(record);
  }

  sealAhead(record: Uint8Array): SealedAhead | undefined {
    return this.outgoing.sealAhead(record);
  }

  sendAhead(sealed: SealedAhead): boolean {
    const isSent = this.outgoing.sendAhead(sealed);
    if (isSent) this.host.metrics.deliveries.add();
    return isSent;
  }

  sendEvent<N extends EventName>(name: N, data: EventData<N>): void {
    this.sendRecord(encodeControl('event', { event: name, data }));
  }

  override ended(): void {
    if (this.closed) return;
    super.ended();
    this.host.log.debug({ event: 'device-disconnected', tenantId: this.tenantId, deviceId: this.deviceId });
    for (const callback of this.#onClose.splice(0)) callback();
  }

  onClose(callback: () => void): void {
    if (this.closed) callback();
    else this.#onClose.push(callback);
  }

  onWritable(callback: () => void): void {
    this.outgoing.onWritable(callback);
  }

  protected override handle(record: Uint8Array): boolean {
    switch (record[0]) {
      case RECORD_TYPES.submit:
        return this.#submit(record);
      case RECORD_TYPES.ack:
        this.host.mailbox.onAck(this, decodeAck(record));
        return false;
      case RECORD_TYPES.request: {
        const from = { access: 'device', caller: this.#caller } as const;
        answerRequest(readRequest(record), from, this.host).then((answer) => {
          this.sendRecord(answer);
          this.finished(record);
        });
        return true;
      }
      default:
        throw new KuvertError('bad_request');
    }
  }

  /** A submit that cannot be read is refused under its number, so that its sender learns why; only one without a number ends the connection. */
  #submit(record: Uint8Array): boolean {
    let submit: Submit;
    try {
      submit = decodeSubmit(record);
    } catch (error) {
      if (record.length < SUBMIT_NUMBER_END) throw error;
      this.#refuseSubmit(u32At(record, 1), error);
      return false;
    }
    const { requestNo } = submit;
    const beganMs = this.host.clock.monotonicMs();
    this.#submitsOpen++;
    this.host.mailbox.onSubmit(this, submit, record).then(
      (accepted) => {
        try {
          this.#acceptSubmit(requestNo, accepted, beganMs);
        } catch (error) {
          this.#refuseSubmit(requestNo, error);
        }
        this.#submitOver(record);
      },
      (error: unknown) => {
        this.#refuseSubmit(requestNo, error);
        this.#submitOver(record);
      },
    );
    return true;
  }

  #submitOver(record: Uint8Array): void {
    this.#submitsOpen--;
    this.finished(record);
  }

  #acceptSubmit(requestNo: number, { acceptedAtMs, legs }: Accepted, beganMs: number): void {
    const { clock, metrics } = this.host;
    metrics.submitsAccepted.add();
    metrics.submitSeconds.observe((clock.monotonicMs() - beganMs) / 1_000);
    this.#answerSubmit(encodeSubmitAnswer({ requestNo, acceptedAtMs, legs }));
  }

  /** Whoever has several messages on their way is told of some together; who waits for one alone is told at once. */
  #answerSubmit(answer: Uint8Array): void {
    if (this.closed) return;
    if (this.#submitsOpen > 1) this.outgoing.sendUnhurried(answer);
    else this.outgoing.send(answer);
  }

  #refuseSubmit(requestNo: number, error: unknown): void {
    const told = toldError(error, () =>
      this.host.log.error({ event: 'submit-failed', ...describeError(error) }),
    );
    this.host.metrics.submitsRefused.add(told.code);
    this.sendRecord(encodeSubmitAnswer({ requestNo, error: toWireError(told) }));
  }

  #inBackground(event: string, work: () => void | Promise<void>): void {
    const failed = (error: unknown): void => {
      this.host.log.error({ event, ...describeError(error) });
      this.close('internal');
    };
    try {
      work()?.catch(failed);
    } catch (error) {
      failed(error);
    }
  }
}
