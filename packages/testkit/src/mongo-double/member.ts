/** One member of the set: a TCP server and its connections. */
import { createServer, type Server, type Socket } from 'node:net';
import type { Document } from 'bson';
import { type Asker, CUT, dispatch } from './dispatch.ts';
import type { Engine } from './engine.ts';
import { asNumber } from './numbers.ts';
import { encodeReply, MessageReader, type Request } from './wire.ts';

const GREETINGS = new Set(['hello', 'isMaster', 'ismaster']);

/** See the head of the file. */
export class Member {
  readonly #engine: Engine;
  readonly #number: number;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  constructor(engine: Engine, number: number) {
    this.#engine = engine;
    this.#number = number;
    this.#server = createServer({ noDelay: true }, (socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
      socket.on('error', () => undefined);
      new Connection(this.#engine, this.#number, socket);
    });
  }

  /** Listens; resolves with the address that clients use. */
  async listen(port: number, host: string): Promise<string> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, host, resolve);
    });
    const address = this.#server.address();
    return `${host}:${typeof address === 'object' && address !== null ? address.port : port}`;
  }

  /** Ends all connections and listens no more. */
  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.cutAll();
    await closed;
  }

  /** Ends all connections. */
  cutAll(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}

/** Answers the messages of one connection in their order. */
class Connection {
  readonly #engine: Engine;
  readonly #member: number;
  readonly #socket: Socket;
  readonly #reader = new MessageReader();
  #appName: string | undefined;
  #last: Promise<void> = Promise.resolve();

  constructor(engine: Engine, member: number, socket: Socket) {
    this.#engine = engine;
    this.#member = member;
    this.#socket = socket;
    socket.on('data', (bytes: Buffer) => {
      try {
        for (const request of this.#reader.push(bytes)) {
          this.#last = this.#last
            .then(() => this.#answer(request))
            .catch(() => {
              socket.destroy();
            });
        }
      } catch {
        socket.destroy();
      }
    });
  }

  async #answer(request: Request): Promise<void> {
    const { command } = request;
    const name = Object.keys(command)[0] ?? '';
    if (GREETINGS.has(name)) {
      await this.#greet(request, name);
      return;
    }
    const asker: Asker = { member: this.#member, appName: this.#appName };
    const reply = await dispatch(this.#engine, command, asker);
    if (reply === CUT) this.#socket.destroy();
    else if (!request.silent) this.#socket.write(encodeReply(request, reply));
  }

  /** Answers at once, or when there is news; and again and again where the client has asked for that. */
  async #greet(request: Request, name: string): Promise<void> {
    const { command } = request;
    const { set, failPoints, times } = this.#engine;
    this.#appName = command.client?.application?.name ?? this.#appName;
    const failure = failPoints.onCommand(name, this.#appName);
    if (failure?.closeConnection === true) {
      this.#socket.destroy();
      return;
    }
    if (failure?.code !== undefined) {
      this.#socket.write(
        encodeReply(request, {
          ok: 0,
          code: failure.code,
          errmsg: `Failing command via 'failCommand' failpoint`,
        }),
      );
      return;
    }
    let known = command.topologyVersion as Document | undefined;
    do {
      if (known !== undefined) await set.news(known, asNumber(command.maxAwaitTimeMS) ?? 10_000);
      const hello = { ...set.hello(this.#member, name), ...times };
      this.#socket.write(encodeReply(request, hello, request.exhaustAllowed));
      known = set.topologyVersion;
    } while (request.exhaustAllowed && !this.#socket.destroyed);
  }
}
