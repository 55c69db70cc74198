/**
 * Mailboxes without anything around them: rows in memory, numbers, pushes, cumulative acknowledgements. The ceiling keeps them in
 * memory only; the deepest layer also commits each row before it is told to anybody.
 */
import { DELIVERY_AT } from '../wire/layout.ts';

/** Where deliveries of one device go. */
export interface Receiver {
  send(record: Uint8Array): void;
}

/** A delivery, and under which key its row was committed. */
export interface Row {
  readonly record: Uint8Array;
  readonly storedKey: Uint8Array | undefined;
}

interface Mailbox {
  readonly rows: Row[];
  /** How many of them were handed over on this connection, and the number of the last one. */
  handedOver: number;
  seq: number;
  receiver: Receiver | undefined;
}

/** All mailboxes of the process. */
export class Mailboxes {
  readonly #mailboxes = new Map<string, Mailbox>();

  /** Begins to deliver; what lies there goes first. */
  connect(device: string, receiver: Receiver): void {
    const mailbox = this.#of(device);
    mailbox.receiver = receiver;
    mailbox.handedOver = 0;
    mailbox.seq = 0;
    this.#deliver(mailbox);
  }

  disconnect(device: string, receiver: Receiver): void {
    const mailbox = this.#of(device);
    if (mailbox.receiver === receiver) mailbox.receiver = undefined;
  }

  add(device: string, row: Row): void {
    const mailbox = this.#of(device);
    mailbox.rows.push(row);
    this.#deliver(mailbox);
  }

  /** @returns what the acknowledgement removed */
  acknowledge(device: string, upTo: number): Row[] {
    const mailbox = this.#of(device);
    const gone = mailbox.rows.splice(0, upTo - (mailbox.seq - mailbox.handedOver));
    mailbox.handedOver -= gone.length;
    return gone;
  }

  #of(device: string): Mailbox {
    let mailbox = this.#mailboxes.get(device);
    if (mailbox === undefined) {
      mailbox = { rows: [], handedOver: 0, seq: 0, receiver: undefined };
      this.#mailboxes.set(device, mailbox);
    }
    return mailbox;
  }

  #deliver(mailbox: Mailbox): void {
    const { receiver, rows } = mailbox;
    if (receiver === undefined) return;
    for (; mailbox.handedOver < rows.length; mailbox.handedOver++) {
      const { record } = rows[mailbox.handedOver] as Row;
      new DataView(record.buffer, record.byteOffset).setUint32(DELIVERY_AT.seq, ++mailbox.seq);
      receiver.send(record);
    }
  }
}
