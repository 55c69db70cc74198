/**
 * The device channel without its cryptography: the same records in the same frames of the same size, with zeros where the
 * authentication tag would be. What it costs less than `SecureChannel` is what Noise costs.
 */
import { RecordReader, RecordWriter } from '@kuvert/crypto/channel';

const TAG_BYTES = 16;

/** What the load client and the layered server need of a channel; `SecureChannel` is one. */
export interface Channel {
  queue(record: Uint8Array): void;
  flush(): Uint8Array[];
  open(frame: Uint8Array): Uint8Array[];
}

/** @see the head of this file */
export class PlainChannel implements Channel {
  readonly #writer = new RecordWriter();
  readonly #reader = new RecordReader();

  queue(record: Uint8Array): void {
    this.#writer.add(record);
  }

  flush(): Uint8Array[] {
    return this.#writer.take().map((plaintext) => {
      const frame = new Uint8Array(plaintext.length + TAG_BYTES);
      frame.set(plaintext);
      return frame;
    });
  }

  open(frame: Uint8Array): Uint8Array[] {
    return this.#reader.push(frame.subarray(0, frame.length - TAG_BYTES));
  }
}
