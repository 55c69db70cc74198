/**
 * A port that belongs to one test for as long as it wants, also while nobody listens on it: between the end of a server and its next start
 * the system would otherwise give it to any process that asks for a free one, such as a server of a test that runs beside this one.
 *
 * One end of a connection is bound to it. The system gives a bound port to nobody by itself, and lets whoever names it listen there all the
 * same, as a server that is started again does beside the connections of its predecessor.
 */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

const HOST = '127.0.0.1';

/** @see the head of this file */
export class ReservedPort implements Disposable {
  readonly number: number;
  readonly #ends: readonly Socket[];

  private constructor(number: number, ends: readonly Socket[]) {
    this.number = number;
    this.#ends = ends;
    for (const end of ends) end.on('error', () => undefined).unref();
  }

  /** Reserves one that nobody has. */
  static async take(): Promise<ReservedPort> {
    const meeting = createServer().listen(0, HOST);
    await once(meeting, 'listening');
    const accepted = once(meeting, 'connection') as Promise<[Socket]>;
    const own = connect({ host: HOST, port: (meeting.address() as AddressInfo).port, localAddress: HOST });
    await once(own, 'connect');
    const [other] = await accepted;
    meeting.close();
    return new ReservedPort(own.localPort ?? 0, [own, other]);
  }

  [Symbol.dispose](): void {
    // Reset, so that nothing of the connection stays behind.
    for (const end of this.#ends) end.resetAndDestroy();
  }
}
