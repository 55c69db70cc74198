/**
 * One connection from its first frame to its end (wire.md §3), without a socket library. Phases:
 *
 *     opening ──▶ (device)    message 3 ──▶ checking ──▶ open
 *             └─▶ (enrolment) ────────────────────────▶ open
 *
 * and `ended` from everywhere. Whatever does not fit ends the connection, because after it there is no telling what else was
 * changed on the way. An unknown tenant, an unknown device, a revoked one and a wrong key get one answer after the same work.
 */
import { timingSafeEqual } from 'node:crypto';
import {
  acceptOpening,
  ChannelError,
  type DeviceHandshake,
  encodeRejection,
  type SecureChannel,
} from '@kuvert/crypto/channel';
import {
  decodeCbor,
  type ErrorCode,
  encodeControl,
  Hello,
  KuvertError,
  PROTOCOL_VERSIONS,
} from '@kuvert/protocol';
import { describeError } from '../log.ts';
import type { ChannelHost, OpenConnection } from './channel-host.ts';
import { isClientTooOld } from './client-version.ts';
import { DeviceConnection } from './device-connection.ts';
import { type Caller, toldError } from './dispatch.ts';
import { EnrolmentConnection } from './enrolment-connection.ts';
import type { FrameSocket } from './frame-socket.ts';
import { LIMITS } from './limits.ts';

type Phase =
  | { readonly name: 'opening' }
  | { readonly name: 'message3'; readonly handshake: DeviceHandshake }
  | { readonly name: 'checking'; readonly channel: SecureChannel; readonly early: Uint8Array[] }
  | { readonly name: 'open'; readonly connection: OpenConnection }
  | { readonly name: 'ended' };

/** Compared with when there is no such device, so that the answer takes the same work. */
const NO_KEY = new Uint8Array(32);

/** @see the head of this file */
export class ChannelSession {
  readonly #host: ChannelHost;
  readonly #socket: FrameSocket;
  readonly #address: string;
  readonly #onAuthenticated: (kind: Caller['access']) => void;
  #phase: Phase = { name: 'opening' };
  #endedWhileChecking: ErrorCode | undefined;

  /** @param onAuthenticated called when the peer is a known device, or when an enrolment's handshake is through */
  constructor(options: {
    readonly host: ChannelHost;
    readonly socket: FrameSocket;
    readonly address: string;
    readonly onAuthenticated: (kind: Caller['access']) => void;
  }) {
    this.#host = options.host;
    this.#socket = options.socket;
    this.#address = options.address;
    this.#onAuthenticated = options.onAuthenticated;
  }

  /** A binary frame of the peer. */
  receive(frame: Uint8Array): void {
    const phase = this.#phase;
    try {
      if (phase.name === 'open') phase.connection.receive(frame);
      else if (phase.name === 'opening') this.#open(frame);
      else if (phase.name === 'message3') this.#finish(phase.handshake, frame);
      else if (phase.name === 'checking') this.#keepEarly(phase.early, frame);
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Something that is not a binary frame. */
  refuse(): void {
    this.#fail(new ChannelError('malformed', 'a frame that is not binary'));
  }

  close(code: ErrorCode): void {
    const phase = this.#phase;
    if (phase.name === 'open') phase.connection.close(code);
    else if (phase.name === 'checking') this.#endedWhileChecking ??= code;
    else if (phase.name !== 'ended') this.#end('normal');
  }

  async drain(code: ErrorCode): Promise<void> {
    if (this.#phase.name === 'open') await this.#phase.connection.drain(code);
    else this.close(code);
  }

  /** The socket has ended, for whatever reason. */
  ended(): void {
    const phase = this.#phase;
    this.#phase = { name: 'ended' };
    if (phase.name === 'open') phase.connection.ended();
    if (phase.name === 'checking') phase.channel.close();
  }

  #open(frame: Uint8Array): void {
    if (this.#host.isBusy()) {
      // Before the handshake, which is what a connection costs most; those that are open are served on.
      this.#socket.send(encodeRejection({ reason: 'busy', supported: PROTOCOL_VERSIONS }), () => undefined);
      this.#host.metrics.connectionsRefused.add('busy');
      this.#end('normal');
      return;
    }
    const accepted = acceptOpening(frame, {
      statics: this.#host.statics(),
      supported: PROTOCOL_VERSIONS,
    });
    this.#socket.send(accepted.reply, () => undefined);
    if (accepted.kind === 'rejected') {
      this.#host.log.debug({ event: 'channel-rejected', reason: accepted.reason });
      this.#host.metrics.connectionsRefused.add('rejected');
      this.#end('normal');
    } else if (accepted.kind === 'device') {
      this.#phase = { name: 'message3', handshake: accepted.handshake };
    } else {
      const connection = new EnrolmentConnection({
        ...this.#parts(accepted.channel),
        address: this.#address,
      });
      this.#phase = { name: 'open', connection };
      this.#onAuthenticated('enrolment');
      this.#host.metrics.connectionsOpened.add('enrolment');
    }
  }

  #finish(handshake: DeviceHandshake, frame: Uint8Array): void {
    const { channel, payload, remoteStatic } = handshake.finish(frame);
    const hello = readHello(payload);
    this.#phase = { name: 'checking', channel, early: [] };
    this.#check(channel, hello, remoteStatic).catch((error: unknown) => {
      const told = toldError(error, () => {
        this.#host.log.error({ event: 'hello-failed', ...describeError(error) });
      });
      this.#refuseDevice(channel, told.code);
    });
  }

  async #check(channel: SecureChannel, hello: Hello, remoteStatic: Uint8Array): Promise<void> {
    const host = this.#host;
    const { tenant: tenantId, device: deviceId } = hello;
    const unclaim = host.connections.claim(tenantId, deviceId, this);
    try {
      // What is asked together is one question to the store, and each of them costs a login as much as several messages.
      const [device, known, stock] = await Promise.all([
        host.door.findForChannel(tenantId, deviceId),
        host.door.lastState(tenantId, deviceId),
        host.door.countPrekeys(tenantId, deviceId),
      ]);
      const isListedKey = timingSafeEqual(device?.noiseStatic ?? NO_KEY, remoteStatic);
      if (device === undefined || !isListedKey) {
        this.#refuseDevice(channel, 'device_not_accepted');
        return;
      }
      if (device.refusal !== undefined) {
        this.#refuseDevice(channel, device.refusal);
        return;
      }
      if (isClientTooOld(hello.clientVersion)) {
        this.#refuseDevice(channel, 'client_too_old');
        return;
      }
      const { personId } = device;
      const identity = { scope: host.store.tenant(tenantId), tenantId, personId, deviceId };
      const [isRestored, deviceSet] = await Promise.all([
        host.door.noteState(identity, { known, now: hello.stateCounter }),
        host.door.deviceSet(identity),
      ]);
      // One that was restored has just lost its one-time keys.
      const prekeys = isRestored ? await host.door.countPrekeys(tenantId, deviceId) : stock;
      const phase = this.#phase;
      if (phase.name !== 'checking') return;
      if (this.#endedWhileChecking !== undefined) {
        this.#refuseDevice(channel, this.#endedWhileChecking);
        return;
      }
      const connection = new DeviceConnection({ ...this.#parts(channel), identity });
      this.#phase = { name: 'open', connection };
      this.#onAuthenticated('device');
      host.metrics.connectionsOpened.add('device');
      connection.begin(hello.stateCounter, {
        prekeys,
        ...(isRestored ? { isRestored } : {}),
        ...(deviceSet && { deviceSet }),
      });
      this.#socket.resume();
      for (const frame of phase.early) this.receive(frame);
    } finally {
      unclaim();
    }
  }

  #parts(channel: SecureChannel) {
    return { host: this.#host, socket: this.#socket, channel, onFail: (error: unknown) => this.#fail(error) };
  }

  #keepEarly(early: Uint8Array[], frame: Uint8Array): void {
    if (early.length >= LIMITS.earlyFramesMax)
      throw new ChannelError('out_of_turn', 'too much before the welcome');
    early.push(frame);
    // A client says nothing before the welcome, so mostly there is nothing to be held back.
    this.#socket.pause();
  }

  /** The refusal travels sealed: nobody else may tell a device that it was revoked. */
  #refuseDevice(channel: SecureChannel, code: ErrorCode): void {
    if (this.#phase.name !== 'checking') return;
    this.#host.log.info({ event: 'device-refused', code });
    this.#host.metrics.connectionsRefused.add('device');
    const closing = encodeControl('event', { event: 'closing', data: { code } });
    for (const frame of channel.seal([closing])) this.#socket.send(frame, () => undefined);
    channel.close();
    this.#end('normal');
  }

  #fail(error: unknown): void {
    if (this.#phase.name === 'ended') return;
    if (error instanceof ChannelError) {
      this.#host.log.info({ event: 'channel-broken', reason: error.failure });
    } else if (error instanceof KuvertError) {
      this.#host.log.info({ event: 'channel-broken', code: error.code });
    } else {
      this.#host.log.error({ event: 'channel-failed', ...describeError(error) });
    }
    this.#end('protocol');
  }

  #end(reason: 'normal' | 'protocol'): void {
    this.ended();
    this.#socket.resume();
    this.#socket.close(reason);
  }
}

function readHello(payload: Uint8Array): Hello {
  try {
    return Hello.parse(decodeCbor(payload));
  } catch (cause) {
    throw new ChannelError('malformed', 'a hello that cannot be read', { cause });
  }
}
