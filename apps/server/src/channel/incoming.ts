/**
 * The way in of one connection: how much of what a peer sent is being worked on at once. One frame can hold thousands of records,
 * so they wait here in order, and while any waits the socket is not read. The peer's own send queue is then the back pressure.
 */
import { RECORD_TYPES } from '@kuvert/protocol';
import { LIMITS } from './limits.ts';

/** Handles one record. @returns true when it is in flight until {@link Incoming.finished}, which may have been called already */
export type RecordHandler = (record: Uint8Array) => boolean;

/** Records in order, a bounded number at a time. */
export class Incoming {
  readonly #handle: RecordHandler;
  readonly #socket: { pause(): void; resume(): void };
  #waiting: Uint8Array[] = [];
  #inFlight = 0;
  #requests = 0;
  #bytes = 0;
  #paused = false;
  #ended = false;
  #working = false;
  readonly #idle: (() => void)[] = [];

  constructor(handle: RecordHandler, socket: { pause(): void; resume(): void }) {
    this.#handle = handle;
    this.#socket = socket;
  }

  push(records: readonly Uint8Array[]): void {
    if (this.#ended) return;
    for (const record of records) this.#waiting.push(record);
    this.#work();
  }

  /** Takes nothing more; what is in flight goes on. */
  end(): void {
    this.#ended = true;
    this.#waiting = [];
  }

  /** Resolves when nothing is in flight. */
  async settled(): Promise<void> {
    if (this.#inFlight === 0) return;
    await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  /** A record that was in flight is done with. A call for each, because a promise for each submit costs as much as handling it. */
  finished(record: Uint8Array): void {
    this.#count(record, -1);
    if (this.#waiting.length > 0) this.#work();
    if (this.#inFlight > 0 || this.#idle.length === 0) return;
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  #work(): void {
    // A record that is finished at once would come back in here and do later records first.
    if (this.#working) return;
    this.#working = true;
    let next = 0;
    while (!this.#ended && next < this.#waiting.length && this.#hasRoom()) {
      this.#start(this.#waiting[next++] as Uint8Array);
    }
    this.#working = false;
    if (this.#ended) return;
    // Nearly always nothing is left, and then it is the same list again.
    if (next === this.#waiting.length) this.#waiting.length = 0;
    else this.#waiting = this.#waiting.slice(next);
    if (this.#waiting.length > 0 !== this.#paused) {
      this.#paused = !this.#paused;
      if (this.#paused) this.#socket.pause();
      else this.#socket.resume();
    }
  }

  #hasRoom(): boolean {
    return (
      this.#inFlight < LIMITS.inFlightMax &&
      this.#requests < LIMITS.requestsInFlightMax &&
      this.#bytes < LIMITS.inFlightBytesMax
    );
  }

  #start(record: Uint8Array): void {
    this.#count(record, 1);
    if (!this.#handle(record)) this.#count(record, -1);
  }

  #count(record: Uint8Array, by: 1 | -1): void {
    this.#inFlight += by;
    this.#bytes += by * record.length;
    if (record[0] === RECORD_TYPES.request) this.#requests += by;
  }
}
