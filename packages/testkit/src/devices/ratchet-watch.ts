/**
 * Looks into the legs that a server accepts: at which place of which double ratchet each was encrypted. A place is a ratchet key and a
 * counter; two legs at one place are encrypted under one key. The watch holds the private identity keys of the devices that it watches,
 * which no server has.
 */
import { createHash } from 'node:crypto';
import { type OwnDevice, SessionCipher } from '@kuvert/crypto/session';
import type { SubmitClass } from '@kuvert/protocol';
import type { TestInstallation } from '../installation.ts';
import type { Ledger } from '../ledger/ledger.ts';

/** Fields of libsignal's wire.proto: the message inside of one that begins a session, and ratchet key and counter inside of that. */
const INNER_MESSAGE = 4;
const RATCHET_KEY = 1;
const COUNTER = 2;
/** At the end of a message that is not inside of another one. */
const MAC_BYTES = 8;

/** @see the top of this file */
export class RatchetWatch implements Disposable {
  readonly #ledger: () => Ledger | undefined;
  readonly #ciphers = new Map<string, SessionCipher>();
  readonly #stop: () => void;

  /** @param ledger where to write; asked at each submit */
  constructor(installation: TestInstallation, ledger: () => Ledger | undefined) {
    this.#ledger = ledger;
    const { channelHost } = installation.server.context;
    const { mailbox: honest } = channelHost;
    const host = channelHost as { mailbox: typeof honest };
    host.mailbox = {
      ...honest,
      onSubmit: async (connection, submit) => {
        // Legs are views into the record, which is used again.
        const legs = submit.legs.map(({ device, bytes }) => ({ device, bytes: Uint8Array.from(bytes) }));
        const answer = await honest.onSubmit(connection, submit);
        for (const { device, bytes } of legs) this.#note(device, bytes, submit.class);
        return answer;
      },
    };
    this.#stop = () => {
      host.mailbox = honest;
    };
  }

  /** Watches what is encrypted to this device. */
  watch(own: OwnDevice): void {
    const none = (): never => {
      throw new Error('the watch decrypts nothing');
    };
    const records = new Proxy({}, { get: none }) as ConstructorParameters<typeof SessionCipher>[1];
    this.#ciphers.set(own.deviceId, new SessionCipher(own, records));
  }

  [Symbol.dispose](): void {
    this.#stop();
  }

  #note(peer: string, leg: Uint8Array, submitClass: SubmitClass): void {
    const opened = this.#ciphers.get(peer)?.openLeg(leg, submitClass);
    if (opened === undefined) return;
    const bytes = createHash('sha256').update(opened.ciphertext).digest('hex').slice(0, 32);
    this.#ledger()?.record({
      kind: 'ratchet-used',
      device: opened.senderDevice,
      peer,
      place: placeOf(opened.type, opened.ciphertext),
      bytes,
    });
  }
}

/** Ratchet key and counter of a ciphertext. */
function placeOf(type: 'prekey' | 'message', ciphertext: Uint8Array): string {
  const inner =
    type === 'message' ? ciphertext : (fieldsOf(ciphertext.subarray(1)).get(INNER_MESSAGE) as Uint8Array);
  const fields = fieldsOf(inner.subarray(1, -MAC_BYTES));
  return `${Buffer.from(fields.get(RATCHET_KEY) as Uint8Array).toString('hex')} ${fields.get(COUNTER) ?? 0}`;
}

/** The outermost level of a protobuf message that has numbers and bytes only. */
function fieldsOf(message: Uint8Array): Map<number, number | Uint8Array> {
  const fields = new Map<number, number | Uint8Array>();
  let at = 0;
  const varint = (): number => {
    for (let value = 0, factor = 1; ; factor *= 128) {
      const byte = message[at++];
      if (byte === undefined) throw new Error('a message that ends in the middle of a number');
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
  };
  while (at < message.length) {
    const tag = varint();
    if ((tag & 7) === 0) fields.set(tag >> 3, varint());
    else if ((tag & 7) === 2) {
      const length = varint();
      fields.set(tag >> 3, message.subarray(at, at + length));
      at += length;
    } else throw new Error('a message of another kind');
  }
  return fields;
}
