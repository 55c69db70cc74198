/**
 * The device channel over a WebSocket: opening, Noise handshake, then frames of the channel as binary messages (wire.md §3).
 * Records of one tick travel in one frame.
 */
import {
  ChannelRejectedError,
  ClientHandshake,
  chooseVersion,
  type SecureChannel,
  type StaticKeyPair,
} from '@kuvert/crypto/channel';
import { CHANNEL_LIMITS, KuvertError, PROTOCOL_VERSIONS } from '@kuvert/protocol';
import { WebSocket } from 'ws';
import { ChannelClient } from '../channel-client.ts';
import type { Clock, ConnectionEvents } from '../ports.ts';
import { channelUrl } from './server-url.ts';

/** How long the way to an established channel may take. */
const CONNECT_TIMEOUT_MS = 10_000;

/** What to connect to, and as whom. */
export interface ConnectOptions {
  readonly serverUrl: string;
  /** The pinned key, 32 bytes. */
  readonly serverStatic: Uint8Array;
  /** A device with its hello, or nobody yet (enrolment). */
  readonly as: { readonly keyPair: StaticKeyPair; readonly hello: Uint8Array } | undefined;
  readonly events: ConnectionEvents;
  readonly clock: Clock;
}

/**
 * Connects. A server that has another version than we tried tells so, and is tried once more with the best that both have.
 * @throws KuvertError `server_unreachable`, `plain_http_refused`, `version_unsupported`, `server_key_unknown`, `channel_broken`
 */
export async function openConnection(options: ConnectOptions): Promise<ChannelClient> {
  try {
    return await attempt(options, PROTOCOL_VERSIONS.max);
  } catch (error) {
    if (!(error instanceof ChannelRejectedError)) throw error;
    const version = chooseVersion(PROTOCOL_VERSIONS, error.rejection.supported);
    const isOther = version !== undefined && version !== PROTOCOL_VERSIONS.max;
    if (error.code !== 'version_unsupported' || !isOther) throw error;
    return attempt(options, version);
  }
}

function attempt(options: ConnectOptions, version: number): Promise<ChannelClient> {
  const { serverUrl, serverStatic, as, events, clock } = options;
  const url = channelUrl(serverUrl);
  return new Promise((resolve, reject) => {
    const handshake = new ClientHandshake({
      mode: as === undefined ? 'enrolment' : 'device',
      offered: PROTOCOL_VERSIONS,
      chosen: version,
      serverStatic,
      deviceKeyPair: as?.keyPair,
    });
    const socket = new WebSocket(url, {
      maxPayload: CHANNEL_LIMITS.noiseMessageBytesMax + 1,
      perMessageDeflate: false,
      handshakeTimeout: CONNECT_TIMEOUT_MS,
      followRedirects: false,
    });
    let client: ChannelClient | undefined;
    let channel: SecureChannel | undefined;
    const giveUp = (reason: KuvertError) => {
      cancelTimer();
      // First, because the client says what it still has to say before it closes, and a channel that broke seals nothing more.
      socket.terminate();
      if (client === undefined) reject(reason);
      else client.failed(reason);
      channel?.close();
    };
    const cancelTimer = clock.after(CONNECT_TIMEOUT_MS, () => giveUp(new KuvertError('server_unreachable')));
    socket.on('error', (cause) => giveUp(new KuvertError('server_unreachable', { cause })));
    socket.on('close', () => giveUp(new KuvertError('server_unreachable')));
    socket.on('open', () => socket.send(handshake.begin()));
    socket.on('message', (data, isBinary) => {
      try {
        if (!isBinary) throw new KuvertError('channel_broken');
        const frame = bytesOf(data);
        if (client !== undefined && channel !== undefined) {
          for (const record of channel.open(frame)) client.receive(record);
          return;
        }
        const established = handshake.finish(frame, as?.hello);
        if (established.frame !== undefined) socket.send(established.frame);
        cancelTimer();
        channel = established.channel;
        client = new ChannelClient({ link: linkOver(socket, channel), events, clock });
        resolve(client);
      } catch (cause) {
        giveUp(cause instanceof KuvertError ? cause : new KuvertError('channel_broken', { cause }));
      }
    });
  });
}

/** Sends records that were queued in the same tick in as few frames as possible. */
function linkOver(
  socket: WebSocket,
  channel: SecureChannel,
): { send(record: Uint8Array): void; close(): void } {
  let isScheduled = false;
  let isClosed = false;
  const flush = () => {
    isScheduled = false;
    if (socket.readyState !== WebSocket.OPEN) return;
    for (const frame of channel.flush()) socket.send(frame);
  };
  return {
    send(record) {
      if (isClosed) return;
      channel.queue(record);
      if (isScheduled) return;
      isScheduled = true;
      setImmediate(() => {
        if (isScheduled) flush();
      });
    },
    close() {
      if (isClosed) return;
      isClosed = true;
      try {
        if (isScheduled) flush();
      } finally {
        channel.close();
        socket.close(1000);
      }
    },
  };
}

function bytesOf(data: Buffer | ArrayBuffer | Buffer[]): Uint8Array {
  if (Array.isArray(data)) return Buffer.concat(data);
  return data instanceof ArrayBuffer ? new Uint8Array(data) : data;
}
