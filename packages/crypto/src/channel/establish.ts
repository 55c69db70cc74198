/**
 * Both ends of a connection's beginning (wire.md §3), without I/O:
 *
 *     client                                          server
 *     ClientHandshake.begin() ── opening ‖ message 1 ──▶ acceptOpening()
 *     ClientHandshake.finish() ◀── 0 ‖ message 2 ────────
 *                  (device) ──── message 3 ────────────▶ DeviceHandshake.finish()
 *
 * The client chooses the version, so that no round trip is spent on it. The server insists on the best
 * version that the offer and its own range have in common; as the offer is bound into the handshake, nobody
 * on the way can talk the two down.
 */
import type { ErrorCode } from '@kuvert/protocol';
import { ChannelError } from './channel-error.ts';
import { createInitiator, createResponder } from './handshake.ts';
import type { Handshake } from './handshake-state.ts';
import {
  type ChannelMode,
  decodeOpening,
  decodeServerFrame,
  encodeNoiseFrame,
  encodeOpening,
  encodeRejection,
  type Opening,
  patternOf,
  prologueOf,
  type Rejection,
  type RejectionReason,
  serverKeyId,
} from './opening.ts';
import { SecureChannel } from './secure-channel.ts';
import { chooseVersion, type VersionRange } from './versions.ts';
import type { StaticKeyPair } from './x25519.ts';

const NOTHING = new Uint8Array(0);

const REJECTION_CODES: Record<RejectionReason, ErrorCode> = {
  version_unsupported: 'version_unsupported',
  server_key_unknown: 'server_key_unknown',
  malformed: 'channel_broken',
  busy: 'overloaded',
};

/**
 * The server refused the opening. Anybody on the way can forge a rejection: a client may try again with
 * `chooseVersion(offered, rejection.supported)` or later, and believes nothing else because of it.
 */
export class ChannelRejectedError extends ChannelError {
  readonly rejection: Rejection;

  constructor(rejection: Rejection) {
    const code = REJECTION_CODES[rejection.reason];
    super('rejected', `the server refused the connection: ${rejection.reason}`, { code });
    this.rejection = rejection;
  }
}

/** The client's end. One object makes one connection. */
export class ClientHandshake {
  readonly #opening: Opening;
  readonly #handshake: Handshake;
  #answered = false;

  /**
   * @param options.chosen the version to speak, best first: `offered.max`, or what a rejection left
   * @param options.serverStatic the pinned key, 32 bytes
   * @param options.deviceKeyPair needed for mode `device`
   */
  constructor(options: {
    readonly mode: ChannelMode;
    readonly offered: VersionRange;
    readonly chosen?: number | undefined;
    readonly serverStatic: Uint8Array;
    readonly deviceKeyPair?: StaticKeyPair | undefined;
  }) {
    const { mode, offered, serverStatic } = options;
    this.#opening = {
      mode,
      offered,
      chosen: options.chosen ?? offered.max,
      serverKeyId: serverKeyId(serverStatic),
    };
    this.#handshake = createInitiator({
      pattern: patternOf(mode),
      prologue: prologueOf(this.#opening),
      remoteStatic: serverStatic,
      staticKeyPair: options.deviceKeyPair,
    });
  }

  /** The first frame: opening and Noise message 1. */
  begin(): Uint8Array<ArrayBuffer> {
    const message = this.#handshake.writeMessage(NOTHING);
    return Uint8Array.from(Buffer.concat([encodeOpening(this.#opening), message]));
  }

  /**
   * Reads the server's answer. For mode `device` it also gives the last frame to send, with `payload`
   * (tenant, device, hello) sealed in it to the server; an enrolment has no third message and takes no
   * payload.
   * @throws ChannelRejectedError when the server refused; ChannelError when the answer is not the pinned
   * server's
   */
  finish(
    frame: Uint8Array,
    payload: Uint8Array = NOTHING,
  ): { channel: SecureChannel; frame?: Uint8Array<ArrayBuffer> } {
    if (this.#answered) throw new ChannelError('closed', 'the server has answered before');
    this.#answered = true;
    const answer = decodeServerFrame(frame);
    if (answer.type === 'rejection') throw new ChannelRejectedError(answer.rejection);
    this.#handshake.readMessage(answer.message);
    if (this.#opening.mode === 'enrolment') return { channel: establish(this.#opening, this.#handshake) };
    const last = this.#handshake.writeMessage(payload);
    return { channel: establish(this.#opening, this.#handshake), frame: last };
  }
}

/** A device's handshake at the server, which waits for message 3. */
export class DeviceHandshake {
  readonly #opening: Opening;
  readonly #handshake: Handshake;

  constructor(opening: Opening, handshake: Handshake) {
    this.#opening = opening;
    this.#handshake = handshake;
  }

  /**
   * Reads message 3. `payload` is what the device says of itself and `remoteStatic` the key it has proven to
   * hold: the host compares that key with the one it knows for the device named in the payload before it does
   * anything else.
   * @throws ChannelError
   */
  finish(frame: Uint8Array): { channel: SecureChannel; payload: Uint8Array; remoteStatic: Uint8Array } {
    const payload = this.#handshake.readMessage(frame);
    const remoteStatic = this.#handshake.remoteStatic as Uint8Array;
    return { channel: establish(this.#opening, this.#handshake), payload, remoteStatic };
  }
}

/** What a server does with a first frame; `reply` is to be sent in every case. */
export type Acceptance =
  | { readonly kind: 'rejected'; readonly reply: Uint8Array<ArrayBuffer>; readonly reason: RejectionReason }
  | { readonly kind: 'device'; readonly reply: Uint8Array<ArrayBuffer>; readonly handshake: DeviceHandshake }
  | { readonly kind: 'enrolment'; readonly reply: Uint8Array<ArrayBuffer>; readonly channel: SecureChannel };

/**
 * The server's end of a first frame. Never throws for anything a client can send.
 * @param server.statics the server's static key pairs; two while one is being replaced
 * @param server.supported the versions that the server speaks
 */
export function acceptOpening(
  frame: Uint8Array,
  server: { readonly statics: readonly StaticKeyPair[]; readonly supported: VersionRange },
): Acceptance {
  const refuse = (reason: RejectionReason): Acceptance => ({
    kind: 'rejected',
    reason,
    reply: encodeRejection({ reason, supported: server.supported }),
  });
  try {
    const { opening, message } = decodeOpening(frame);
    if (chooseVersion(opening.offered, server.supported) !== opening.chosen)
      return refuse('version_unsupported');
    const staticKeyPair = server.statics.find(
      (pair) => Buffer.compare(serverKeyId(pair.publicKey), opening.serverKeyId) === 0,
    );
    if (staticKeyPair === undefined) return refuse('server_key_unknown');
    const prologue = prologueOf(opening);
    const handshake = createResponder({ pattern: patternOf(opening.mode), prologue, staticKeyPair });
    handshake.readMessage(message);
    const reply = encodeNoiseFrame(handshake.writeMessage(NOTHING));
    return opening.mode === 'device'
      ? { kind: 'device', reply, handshake: new DeviceHandshake(opening, handshake) }
      : { kind: 'enrolment', reply, channel: establish(opening, handshake) };
  } catch (error) {
    if (error instanceof ChannelError) return refuse('malformed');
    throw error;
  }
}

function establish(opening: Opening, handshake: Handshake): SecureChannel {
  return new SecureChannel({
    mode: opening.mode,
    version: opening.chosen,
    cipher: handshake.split(),
  });
}
