/**
 * What one connection was given and has not acknowledged: at most `windowRows` and `windowBytes`. Numbers count 1, 2, 3 … on each connection
 * without a gap, so what is in flight are the last ones, and a cumulative acknowledgement takes from the front.
 */
import { MAILBOX_LIMITS } from '@kuvert/protocol';
import type { Connection } from '../../channel/connection.ts';
import type { LeavingRow } from './deletions.ts';

/** One delivery. */
export interface InFlight {
  /** Undefined for what is never stored. */
  readonly row: LeavingRow | undefined;
  readonly recordBytes: number;
  /** An earlier connection has acknowledged it, and it was still there when this one began: it is on its way out already. */
  readonly isLeaving?: boolean;
  /** Set for the word of what has expired. */
  readonly tombstone?: readonly Uint8Array[];
}

/** @see the top of this file */
export class DeliveryWindow {
  /** Oldest first. */
  readonly inFlight: InFlight[] = [];
  /** Number of the last delivery; 0 before the first. */
  lastSeq = 0;
  /** Nothing is handed over any more. */
  isClosed = false;
  #bytes = 0;
  #wake: (() => void) | undefined;
  readonly #connection: Pick<Connection, 'writableBytes'>;

  constructor(connection: Pick<Connection, 'writableBytes'>) {
    this.#connection = connection;
  }

  /** Whether a record of so many bytes may be sent now. The first one always may: no record is larger than a connection takes. */
  hasRoom(bytes: number): boolean {
    const { inFlight } = this;
    if (this.#connection.writableBytes <= 0 || inFlight.length >= MAILBOX_LIMITS.windowRows) return false;
    return inFlight.length === 0 || this.#bytes + bytes <= MAILBOX_LIMITS.windowBytes;
  }

  /** Waits until so many bytes may be sent. One at a time may wait. @returns false when the window was closed */
  async room(bytes: number): Promise<boolean> {
    while (!this.isClosed && !this.hasRoom(bytes)) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = undefined;
    }
    return !this.isClosed;
  }

  /** Something made room: whoever waits for it looks again. */
  wake(): void {
    this.#wake?.();
  }

  /** Notes what is handed over under the next number. */
  add(delivery: InFlight): void {
    this.lastSeq++;
    this.inFlight.push(delivery);
    this.#bytes += delivery.recordBytes;
  }

  /** Takes out what was acknowledged, oldest first: everything up to a number. */
  takeUpTo(deliverySeq: number): readonly InFlight[] {
    const { inFlight } = this;
    const lastTaken = this.lastSeq - inFlight.length;
    const taken = inFlight.splice(0, Math.max(0, deliverySeq - lastTaken));
    for (const { recordBytes } of taken) this.#bytes -= recordBytes;
    return taken;
  }

  close(): void {
    this.isClosed = true;
    this.wake();
  }
}
