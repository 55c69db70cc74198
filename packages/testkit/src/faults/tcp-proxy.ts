/**
 * A TCP proxy between clients and server that a campaign can tell to misbehave. It forwards bytes and knows nothing of frames, so that
 * what it cuts is mostly the middle of one. Its own port stays the same while the server behind it gets a new one at each start.
 */
import { connect, createServer, type Server, type Socket } from 'node:net';

/** What a way of a connection does with bytes. */
type Mode = 'open' | 'held' | 'dropped' | 'trickling';

/** One direction of one connection. Bytes keep their order, as TCP does. */
class Way {
  mode: Mode = 'open';
  delayMs = 0;
  /** Called when this many more bytes have passed; the rest of the chunk does not pass. */
  #limit: { left: number; then: () => void } | undefined;
  #flipAfter: number | undefined;
  #queue: Buffer[] = [];
  #isMoving = false;
  readonly #to: Socket;

  constructor(to: Socket) {
    this.#to = to;
  }

  push(chunk: Buffer): void {
    if (this.mode === 'dropped') return;
    this.#queue.push(this.#flip(chunk));
    this.#move();
  }

  /** Ends the connection in the middle of what comes next. */
  limit(bytes: number, then: () => void): void {
    this.#limit = { left: bytes, then };
    if (bytes === 0) then();
  }

  /** Changes one bit of what comes after this many bytes. */
  flipAfter(bytes: number): void {
    this.#flipAfter = bytes;
  }

  /** Lets everything through that waits. */
  heal(): void {
    this.mode = 'open';
    this.delayMs = 0;
    this.#move();
  }

  #flip(chunk: Buffer): Buffer {
    if (this.#flipAfter === undefined) return chunk;
    if (this.#flipAfter >= chunk.length) {
      this.#flipAfter -= chunk.length;
      return chunk;
    }
    const flipped = Buffer.from(chunk);
    flipped[this.#flipAfter] = (flipped[this.#flipAfter] ?? 0) ^ 0x10;
    this.#flipAfter = undefined;
    return flipped;
  }

  #move(): void {
    if (this.#isMoving || this.mode === 'held') return;
    const chunk = this.#queue.shift();
    if (chunk === undefined) return;
    const size = this.mode === 'trickling' ? 7 : chunk.length;
    if (size < chunk.length) this.#queue.unshift(chunk.subarray(size));
    const wait = this.mode === 'trickling' ? 2 : this.delayMs;
    if (wait === 0) {
      this.#write(chunk.subarray(0, size));
      this.#move();
      return;
    }
    this.#isMoving = true;
    setTimeout(() => {
      this.#isMoving = false;
      this.#write(chunk.subarray(0, size));
      this.#move();
    }, wait);
  }

  #write(bytes: Buffer): void {
    if (this.#to.destroyed || this.#to.writableEnded) return;
    const limit = this.#limit;
    if (limit === undefined || limit.left > bytes.length) {
      if (limit !== undefined) limit.left -= bytes.length;
      this.#to.write(bytes);
      return;
    }
    this.#limit = undefined;
    if (limit.left > 0) this.#to.write(bytes.subarray(0, limit.left), limit.then);
    else limit.then();
  }
}

/** One connection through the proxy. */
export class ProxiedConnection {
  readonly client: Socket;
  readonly server: Socket;
  readonly up: Way;
  readonly down: Way;
  /** When true, the end of one side is not passed on to the other. */
  keepsOtherSide = false;

  constructor(client: Socket, server: Socket) {
    this.client = client;
    this.server = server;
    this.up = new Way(server);
    this.down = new Way(client);
    client.on('data', (chunk: Buffer) => this.up.push(chunk));
    server.on('data', (chunk: Buffer) => this.down.push(chunk));
    for (const [side, other] of [
      [client, server],
      [server, client],
    ] as const) {
      side.setNoDelay(true);
      side.on('error', () => undefined);
      side.on('close', () => {
        if (!this.keepsOtherSide) other.destroy();
      });
    }
  }

  /** Ends both sides at once, with a reset. */
  reset(): void {
    this.client.resetAndDestroy();
    this.server.resetAndDestroy();
  }

  heal(): void {
    this.up.heal();
    this.down.heal();
  }
}

/** The proxy. */
export class TcpProxy implements AsyncDisposable {
  readonly connections = new Set<ProxiedConnection>();
  /** When false, whoever connects is sent away at once. */
  isReachable = true;
  /** Told of each connection before its first byte. */
  onConnection: (connection: ProxiedConnection) => void = () => undefined;
  readonly #targets = new Map<number, number>();
  readonly #choose: (below: number) => number;
  readonly #listener: Server;
  #port = 0;

  /** @param choose which of several servers a connection goes to, like a balancer that does not look who is there */
  constructor(choose: (below: number) => number = () => 0) {
    this.#choose = choose;
    this.#listener = createServer((client) => this.#accept(client));
  }

  /** Listens on a free port of this machine. */
  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.#listener.listen(0, '127.0.0.1', resolve));
    const address = this.#listener.address();
    if (address === null || typeof address === 'string') throw new Error('the proxy has no port');
    this.#port = address.port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Where connections go from now on, or those that go to one of several servers. */
  forwardTo(port: number, server = 0): void {
    this.#targets.set(server, port);
  }

  /** Ends what is left of all faults; connections that were broken stay broken. */
  heal(): void {
    this.isReachable = true;
    for (const connection of this.connections) connection.heal();
  }

  #accept(client: Socket): void {
    client.on('error', () => undefined);
    if (!this.isReachable) {
      client.resetAndDestroy();
      return;
    }
    const ports = [...this.#targets.values()];
    const port = ports[this.#choose(ports.length)] ?? 0;
    const connection = new ProxiedConnection(client, connect(port, '127.0.0.1'));
    this.connections.add(connection);
    this.onConnection(connection);
    const forget = (): void => {
      if (client.destroyed && connection.server.destroyed) this.connections.delete(connection);
    };
    client.on('close', forget);
    connection.server.on('close', forget);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#listener.close(() => resolve()));
    for (const { client, server } of this.connections) {
      client.destroy();
      server.destroy();
    }
    await closed;
  }
}
