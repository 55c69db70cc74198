/**
 * The WebSocket side of the device channel: which upgrades are let in, how many at once, how long they may take and live. What is
 * in the frames is the business of `channel-session.ts`.
 */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { CHANNEL_PATH, type ErrorCode, KuvertError } from '@kuvert/protocol';
import { type WebSocket, WebSocketServer } from 'ws';
import { problemBytes } from '../http/problem.ts';
import type { ConnectionRefusal } from '../metrics/server-metrics.ts';
import type { ChannelHost } from './channel-host.ts';
import { ChannelSession } from './channel-session.ts';
import { ConnectionCount } from './connection-count.ts';
import { DeadlineWheel, type Timed } from './deadline-wheel.ts';
import type { FrameSocket } from './frame-socket.ts';
import { LIMITS } from './limits.ts';
import { readIntoSharedBuffer } from './shared-read-buffer.ts';

/** How long a peer may take to answer a close frame. An option that the type declarations of `ws` do not have yet. */
const CLOSE_TIMEOUT = { closeTimeout: 5_000 };

/** The channel of one server process. */
export class ChannelServer {
  readonly #host: ChannelHost;
  readonly #wheel: DeadlineWheel;
  readonly #sessions = new Map<ChannelSession, FrameSocket>();
  #onLastEnd: (() => void) | undefined;
  readonly #all = new ConnectionCount(LIMITS.connectionsMax, LIMITS.connectionsPerAddressMax);
  readonly #unauthenticated = new ConnectionCount(
    LIMITS.unauthenticatedMax,
    LIMITS.unauthenticatedPerAddressMax,
  );
  readonly #webSockets = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: LIMITS.frameBytesMax,
    // A frame is at most 64 KiB; more pieces than this are not sent in good faith.
    maxFragments: 64,
    maxBufferedChunks: 1_024,
    ...CLOSE_TIMEOUT,
  });
  readonly #addressOf: (request: IncomingMessage) => string;
  #draining = false;

  /** @param addressOf from where somebody comes, behind proxies too */
  constructor(
    host: ChannelHost,
    addressOf: (request: IncomingMessage) => string = ({ socket }) => socket.remoteAddress ?? '',
  ) {
    this.#host = host;
    this.#addressOf = addressOf;
    this.#wheel = new DeadlineWheel(host.clock);
    this.#wheel.start();
    // An upgrade that is none; without a listener `ws` would answer in its own words.
    this.#webSockets.on('wsClientError', (_error, socket) => {
      host.metrics.connectionsRefused.add('upgrade');
      refuse(socket, 'bad_request');
    });
  }

  /** Connections of any kind, those in their handshake included. */
  get size(): number {
    return this.#sessions.size;
  }

  /** Takes an `upgrade` event of the HTTP server. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    // Until `ws` takes over, an error on the socket would have no listener and end the process.
    const ignore = (): void => undefined;
    socket.on('error', ignore);
    const address = this.#addressOf(request);
    const refusal = this.#refusalOf(request, address);
    if (refusal !== undefined) {
      this.#host.metrics.connectionsRefused.add(refusal.reason);
      refuse(socket, refusal.code);
      return;
    }
    this.#webSockets.handleUpgrade(request, socket, head, (webSocket) => {
      socket.off('error', ignore);
      readIntoSharedBuffer(socket);
      this.#begin(webSocket, socket, address);
    });
  }

  /** Lets nobody in any more, finishes what was begun, then closes every connection with a code that says to come again. */
  async drain(code: ErrorCode = 'shutting_down'): Promise<void> {
    this.#draining = true;
    await within(
      LIMITS.drainMs,
      Promise.all([...this.#sessions.keys()].map((session) => session.drain(code))),
    );
    for (const session of this.#sessions.keys()) session.close(code);
    if (this.#sessions.size > 0) {
      // A peer that does not answer the closing frame would keep the listener from closing.
      await within(
        LIMITS.closeMs,
        new Promise<void>((resolve) => {
          this.#onLastEnd = resolve;
        }),
      );
    }
    for (const socket of this.#sessions.values()) socket.terminate();
    this.#wheel.stop();
  }

  /** Looks at all timeouts that are due; the interval does so every second. For tests that move the clock. */
  checkTimeouts(): void {
    this.#wheel.turn();
  }

  #refusalOf(
    request: IncomingMessage,
    address: string,
  ): { readonly code: ErrorCode; readonly reason: ConnectionRefusal } | undefined {
    if (request.url !== CHANNEL_PATH) return { code: 'not_found', reason: 'path' };
    if (this.#draining) return { code: 'shutting_down', reason: 'draining' };
    // Only browsers send an Origin, and no page has business here: without this check any page that a person opens could talk to
    // a server on their machine or in their network.
    const { origin, host } = request.headers;
    if (origin !== undefined && !isSameHost(origin, host))
      return { code: 'origin_refused', reason: 'origin' };
    for (const count of [this.#all, this.#unauthenticated]) {
      if (!count.hasRoom(address)) return { code: 'overloaded', reason: count.isFull ? 'room' : 'address' };
    }
    return undefined;
  }

  #begin(webSocket: WebSocket, stream: Duplex, address: string): void {
    const { clock } = this.#host;
    const beganMs = clock.monotonicMs();
    let heardMs = beganMs;
    let pingedMs = beganMs;
    let access: 'device' | 'enrolment' | undefined;
    const leaveAll = this.#all.enter(address);
    const leaveUnauthenticated = this.#unauthenticated.enter(address);
    const socket = new WebSocketFrames(webSocket, stream);
    const session = new ChannelSession({
      host: this.#host,
      socket,
      address,
      onAuthenticated: (kind) => {
        access = kind;
        leaveUnauthenticated();
      },
    });
    const timeouts: Timed = {
      look: (nowMs) => {
        if (access === undefined && nowMs - beganMs >= LIMITS.handshakeMs) {
          socket.terminate();
          return undefined;
        }
        const ageMaxMs = access === 'enrolment' ? LIMITS.enrolmentMs : LIMITS.connectionAgeMs;
        if (nowMs - beganMs >= ageMaxMs) {
          session.close('connection_expired');
          return undefined;
        }
        // What a paused socket has to say is in its buffer, so its silence means nothing.
        if (socket.isPaused) heardMs = nowMs;
        if (nowMs - heardMs >= LIMITS.silenceMs) {
          socket.terminate();
          return undefined;
        }
        if (access === undefined) return beganMs + LIMITS.handshakeMs;
        if (nowMs - Math.max(heardMs, pingedMs) >= LIMITS.pingMs) {
          pingedMs = nowMs;
          socket.ping();
        }
        return Math.min(beganMs + ageMaxMs, Math.max(heardMs, pingedMs) + LIMITS.pingMs);
      },
    };
    this.#sessions.set(session, socket);
    this.#wheel.add(timeouts, beganMs + LIMITS.handshakeMs);
    const heard = (): void => {
      heardMs = clock.monotonicMs();
    };
    webSocket.on('message', (data, isBinary) => {
      heard();
      if (isBinary && Buffer.isBuffer(data)) session.receive(data);
      else session.refuse();
    });
    webSocket.on('ping', heard);
    webSocket.on('pong', heard);
    // The errors of `ws` come from what a peer sent and are always followed by `close`.
    webSocket.on('error', () => undefined);
    webSocket.on('close', () => {
      this.#wheel.remove(timeouts);
      this.#sessions.delete(session);
      leaveUnauthenticated();
      leaveAll();
      session.ended();
      if (this.#sessions.size === 0) this.#onLastEnd?.();
    });
  }
}

/** Answers an upgrade with a refusal and ends its connection. */
function refuse(socket: Duplex, code: ErrorCode): void {
  socket.end(problemBytes(new KuvertError(code)), () => socket.destroy());
}

/** Waits for `work`, but no longer than this. */
async function within(timeMs: number, work: Promise<unknown>): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, timeMs);
  await Promise.race([work, promise]);
  clearTimeout(timer);
}

function isSameHost(origin: string, host: string | undefined): boolean {
  const parsed = URL.canParse(origin) ? new URL(origin) : undefined;
  return host !== undefined && parsed?.host === host.toLowerCase();
}

/** A `ws` socket as sessions see it. A class, because eight closures for each of thousands of connections are half a kilobyte. */
class WebSocketFrames implements FrameSocket {
  readonly #webSocket: WebSocket;
  readonly #stream: Duplex;
  /** It is not read at the moment. */
  isPaused = false;

  constructor(webSocket: WebSocket, stream: Duplex) {
    this.#webSocket = webSocket;
    this.#stream = stream;
  }

  send(frame: Uint8Array, sent: () => void): void {
    if (this.#webSocket.readyState !== this.#webSocket.OPEN) {
      sent();
      return;
    }
    // Head and payload as one piece, which costs half of the two writes of `ws`, and all that a server has to do to send a message.
    const message = binaryMessage(frame);
    const stream = this.#stream;
    if (stream.writableLength + message.length < stream.writableHighWaterMark) {
      stream.write(message);
      sent();
    } else stream.write(message, sent);
  }

  close(reason: 'normal' | 'protocol'): void {
    this.#webSocket.close(reason === 'normal' ? 1000 : 1002);
  }

  terminate(): void {
    this.#webSocket.terminate();
  }

  pause(): void {
    this.isPaused = true;
    this.#webSocket.pause();
  }

  resume(): void {
    if (!this.isPaused) return;
    this.isPaused = false;
    this.#webSocket.resume();
  }

  ping(): void {
    this.#webSocket.ping();
  }

  get bufferedBytes(): number {
    return this.#webSocket.bufferedAmount;
  }
}

/** A final binary frame without a mask (RFC 6455 §5.2). */
function binaryMessage(payload: Uint8Array): Buffer {
  const { length } = payload;
  const head = length < 126 ? 2 : 4;
  const message = Buffer.allocUnsafe(head + length);
  message[0] = 0x82;
  if (head === 2) message[1] = length;
  else {
    message[1] = 126;
    message.writeUInt16BE(length, 2);
  }
  message.set(payload, head);
  return message;
}
