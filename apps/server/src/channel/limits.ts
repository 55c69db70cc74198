/** Every limit of the device channel in one place (style.md: everything bounded). */
import { NOISE_MESSAGE_BYTES_MAX } from '@kuvert/crypto/channel';

/** Limits of connections and of what one connection may hold. */
export const LIMITS = {
  /** A frame carries one Noise message; the first one carries the opening before it. */
  frameBytesMax: NOISE_MESSAGE_BYTES_MAX + 64,
  /** All connections of this process. */
  connectionsMax: 100_000,
  /** Connections of one address. Does not count for this machine itself: there a proxy or a test stands for many. */
  connectionsPerAddressMax: 1_000,
  /** Connections whose device is not known yet. */
  unauthenticatedMax: 1_000,
  unauthenticatedPerAddressMax: 50,
  /** From the upgrade to the welcome. */
  handshakeMs: 10_000,
  /** An enrolment is a few requests and no more. */
  enrolmentMs: 120_000,
  enrolmentRequestsMax: 16,
  /** Keys are fresh for each connection, so no connection lives longer (wire.md §3). */
  connectionAgeMs: 24 * 3_600_000,
  /** A silent peer is asked after this time, and given up after {@link LIMITS.silenceMs}. */
  pingMs: 30_000,
  silenceMs: 90_000,
  /** Requests, submits and their bytes that are being worked on; beyond that the socket is not read. */
  inFlightMax: 256,
  requestsInFlightMax: 32,
  inFlightBytesMax: 4 * 1_048_576,
  /** Frames that may arrive while the hello is being checked; the socket is paused from the first one on, so few do. */
  earlyFramesMax: 64,
  /** Bytes on their way out at which features are asked to stop. */
  outgoingBytesMax: 1_048_576,
  /** Bytes on their way out at which a connection is given up: something did not stop. */
  outgoingBytesLimit: 16 * 1_048_576,
  /** How long a record that holds nobody up waits for others to leave with: less than anybody sees. */
  unhurriedMs: 20,
  /** How long work in flight may take when the server stops. */
  drainMs: 4_000,
  /** How long peers may take then to answer that the connection is closed. */
  closeMs: 1_000,
} as const;
