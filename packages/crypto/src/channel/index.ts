/**
 * The device channel's cryptography (wire.md §3): Noise XK and NK, the opening before it, the record layer in
 * it. No I/O: whoever holds the WebSocket moves the frames. {@link ClientHandshake} and {@link acceptOpening}
 * are where to begin; both end in a {@link SecureChannel}.
 */
export type { ChannelCipher } from './channel-cipher.ts';
export { ChannelError, type ChannelFailure } from './channel-error.ts';
export {
  MESSAGES_PER_KEY_MAX,
  NOISE_MESSAGE_BYTES_MAX,
  NOISE_PLAINTEXT_BYTES_MAX,
  type SealedAhead,
} from './cipher-state.ts';
export {
  type Acceptance,
  acceptOpening,
  ChannelRejectedError,
  ClientHandshake,
  type DeviceHandshake,
} from './establish.ts';
export { createInitiator, createResponder } from './handshake.ts';
export type { Handshake, NoisePattern } from './handshake-state.ts';
export {
  type ChannelMode,
  decodeOpening,
  decodeServerFrame,
  encodeNoiseFrame,
  encodeOpening,
  encodeRejection,
  OPENING_BYTES,
  type Opening,
  prologueOf,
  type Rejection,
  type RejectionReason,
  SERVER_KEY_ID_BYTES,
  type ServerFrame,
  serverKeyId,
} from './opening.ts';
export { RECORD_BYTES_MAX, RecordReader, RecordWriter } from './records.ts';
export { SecureChannel } from './secure-channel.ts';
export { chooseVersion, type VersionRange } from './versions.ts';
export { generateStaticKeyPair, type StaticKeyPair } from './x25519.ts';
