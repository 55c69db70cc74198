/**
 * What goes in clear before and around the handshake (wire.md §3). The client's first WebSocket frame is
 *
 *     0x4b ‖ mode u8 ‖ min u16 ‖ max u16 ‖ chosen u16 ‖ server key id (8) ‖ Noise message 1
 *
 * and the server's handshake frames begin with their type: 0 ‖ Noise message 2, or 1 ‖ reason u8 ‖ min u16 ‖
 * max u16 for a rejection. Numbers are big-endian. Everything from `min` to the key id is the Noise prologue,
 * behind a label that stands for the mode, so a changed opening makes the handshake fail.
 */
import { hash } from 'node:crypto';
import { concatBytes, LABELS, utf8 } from '@kuvert/protocol';
import { ChannelError } from './channel-error.ts';
import type { NoisePattern } from './handshake-state.ts';
import type { VersionRange } from './versions.ts';
import { DH_BYTES } from './x25519.ts';

/** What a connection is for: a device's channel (XK) or an enrolment (NK). */
export type ChannelMode = 'device' | 'enrolment';

/** Bytes of a server key id. */
export const SERVER_KEY_ID_BYTES = 8;
/** Bytes of an opening. */
export const OPENING_BYTES = 16;

/** The client's opening. */
export interface Opening {
  readonly mode: ChannelMode;
  readonly offered: VersionRange;
  readonly chosen: number;
  /**
   * First 8 bytes of SHA-256(label ‖ server static key): which of the server's keys the client has pinned.
   */
  readonly serverKeyId: Uint8Array;
}

/**
 * Why a server answers with a rejection instead of Noise message 2. It is not authenticated: a hint, never a
 * fact.
 */
export type RejectionReason = 'version_unsupported' | 'server_key_unknown' | 'malformed' | 'busy';

/** A server's answer before Noise; `supported` is the server's range of versions. */
export interface Rejection {
  readonly reason: RejectionReason;
  readonly supported: VersionRange;
}

/** A handshake frame of the server. */
export type ServerFrame =
  | { readonly type: 'noise'; readonly message: Uint8Array }
  | { readonly type: 'rejection'; readonly rejection: Rejection };

const MAGIC = 0x4b;
const MODES: Record<
  ChannelMode,
  { readonly byte: number; readonly pattern: NoisePattern; readonly label: string }
> = {
  device: { byte: 1, pattern: 'XK', label: LABELS.channelPrologue },
  enrolment: { byte: 2, pattern: 'NK', label: LABELS.enrolmentPrologue },
};
const NOISE_FRAME = 0;
const REJECTION_FRAME = 1;
const REJECTION_BYTES = 6;
const REASONS: readonly RejectionReason[] = [
  'version_unsupported',
  'server_key_unknown',
  'malformed',
  'busy',
];
const VERSION_MAX = 0xffff;

/** The Noise pattern of a mode. */
export function patternOf(mode: ChannelMode): NoisePattern {
  return MODES[mode].pattern;
}

/** The id under which clients name a server's static key, 8 bytes. */
export function serverKeyId(serverStatic: Uint8Array): Uint8Array {
  if (serverStatic.length !== DH_BYTES) throw new ChannelError('malformed', 'a server key is 32 bytes');
  const digest = hash('sha256', concatBytes(utf8(LABELS.serverKeyId), serverStatic), 'buffer');
  return Uint8Array.from(digest.subarray(0, SERVER_KEY_ID_BYTES));
}

/** The opening's 16 bytes. @throws ChannelError `malformed` on versions that are not min ≤ chosen ≤ max */
export function encodeOpening(opening: Opening): Uint8Array<ArrayBuffer> {
  checkVersions(opening.offered, opening.chosen);
  if (opening.serverKeyId.length !== SERVER_KEY_ID_BYTES)
    throw new ChannelError('malformed', 'a key id is 8 bytes');
  const bytes = new Uint8Array(OPENING_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, MAGIC);
  view.setUint8(1, MODES[opening.mode].byte);
  view.setUint16(2, opening.offered.min);
  view.setUint16(4, opening.offered.max);
  view.setUint16(6, opening.chosen);
  bytes.set(opening.serverKeyId, 8);
  return bytes;
}

/**
 * Takes a client's first frame apart: the opening, and Noise message 1 behind it (a view).
 * @throws ChannelError `malformed`
 */
export function decodeOpening(frame: Uint8Array): {
  readonly opening: Opening;
  readonly message: Uint8Array;
} {
  if (frame.length < OPENING_BYTES) throw new ChannelError('malformed', 'an opening is too short');
  const view = new DataView(frame.buffer, frame.byteOffset, frame.length);
  const mode = (Object.keys(MODES) as ChannelMode[]).find((name) => MODES[name].byte === view.getUint8(1));
  if (view.getUint8(0) !== MAGIC || mode === undefined) {
    throw new ChannelError('malformed', 'a frame is not an opening');
  }
  const offered = { min: view.getUint16(2), max: view.getUint16(4) };
  const chosen = view.getUint16(6);
  checkVersions(offered, chosen);
  const opening = { mode, offered, chosen, serverKeyId: Uint8Array.from(frame.subarray(8, OPENING_BYTES)) };
  return { opening, message: frame.subarray(OPENING_BYTES) };
}

/** What both sides bind into the handshake: the mode's label, then the opening's bytes from `min` on. */
export function prologueOf(opening: Opening): Uint8Array<ArrayBuffer> {
  return concatBytes(utf8(MODES[opening.mode].label), encodeOpening(opening).subarray(2));
}

/** A server frame that carries a Noise handshake message. */
export function encodeNoiseFrame(message: Uint8Array): Uint8Array<ArrayBuffer> {
  return concatBytes(Uint8Array.of(NOISE_FRAME), message);
}

/** A server frame that refuses an opening. */
export function encodeRejection(rejection: Rejection): Uint8Array<ArrayBuffer> {
  checkVersions(rejection.supported, rejection.supported.max);
  const bytes = new Uint8Array(REJECTION_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, REJECTION_FRAME);
  view.setUint8(1, REASONS.indexOf(rejection.reason) + 1);
  view.setUint16(2, rejection.supported.min);
  view.setUint16(4, rejection.supported.max);
  return bytes;
}

/** Reads a handshake frame of the server. @throws ChannelError `malformed` */
export function decodeServerFrame(frame: Uint8Array): ServerFrame {
  if (frame[0] === NOISE_FRAME) return { type: 'noise', message: frame.subarray(1) };
  if (frame[0] !== REJECTION_FRAME || frame.length !== REJECTION_BYTES) {
    throw new ChannelError('malformed', 'a frame is neither a handshake message nor a rejection');
  }
  const view = new DataView(frame.buffer, frame.byteOffset, frame.length);
  const reason = REASONS[view.getUint8(1) - 1];
  if (reason === undefined) throw new ChannelError('malformed', 'a rejection for no known reason');
  const supported = { min: view.getUint16(2), max: view.getUint16(4) };
  checkVersions(supported, supported.max);
  return { type: 'rejection', rejection: { reason, supported } };
}

function checkVersions(range: VersionRange, chosen: number): void {
  const { min, max } = range;
  const whole = Number.isInteger(min) && Number.isInteger(max) && Number.isInteger(chosen);
  if (!whole || min < 1 || min > chosen || chosen > max || max > VERSION_MAX) {
    throw new ChannelError('malformed', 'versions are not a range with the chosen one in it');
  }
}
