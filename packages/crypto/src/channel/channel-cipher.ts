import { ChannelError } from './channel-error.ts';
import {
  type CipherState,
  NOISE_MESSAGE_BYTES_MAX,
  NOISE_PLAINTEXT_BYTES_MAX,
  type SealedAhead,
} from './cipher-state.ts';

/**
 * The two directions of a connection after its handshake (Noise rev 34 §5.2 `Split`). Messages open in the
 * order in which they were sealed, each once. After any failure, and after {@link ChannelCipher.close}, every
 * call throws.
 */
export class ChannelCipher {
  #directions: { readonly send: CipherState; readonly receive: CipherState } | undefined;

  constructor(directions: { readonly send: CipherState; readonly receive: CipherState }) {
    this.#directions = directions;
  }

  /**
   * Seals up to {@link NOISE_PLAINTEXT_BYTES_MAX} bytes into one Noise message.
   * @throws ChannelError `too_long`, `exhausted`, `closed`
   */
  seal(plaintext: Uint8Array): Uint8Array<ArrayBuffer> {
    return this.sealShared(plaintext).slice();
  }

  /** The same in memory that the next message of any cipher takes. */
  sealShared(plaintext: Uint8Array): Uint8Array<ArrayBuffer> {
    const { send } = this.#opened();
    try {
      if (plaintext.length > NOISE_PLAINTEXT_BYTES_MAX) {
        throw new ChannelError('too_long', 'a plaintext does not fit into one Noise message');
      }
      return send.encryptShared(plaintext);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Seals for the place that is next now. @returns undefined when there is none, or the channel is closed */
  sealAhead(plaintext: Uint8Array): SealedAhead | undefined {
    return this.#directions?.send.encryptAhead(plaintext);
  }

  /** What was sealed in advance, as the next message. @returns undefined when another has its place, or the channel is closed */
  takeAhead(sealed: SealedAhead): Uint8Array<ArrayBuffer> | undefined {
    return this.#directions === undefined ? undefined : sealed.take(this.#directions.send);
  }

  /**
   * Opens the next Noise message of the other side.
   * @throws ChannelError `not_authentic` (flipped, cut, repeated, reordered or foreign), `malformed`,
   * `too_long`, `exhausted`, `closed`
   */
  open(message: Uint8Array): Uint8Array {
    const { receive } = this.#opened();
    try {
      if (message.length > NOISE_MESSAGE_BYTES_MAX) {
        throw new ChannelError('too_long', 'a Noise message is longer than 65,535 bytes');
      }
      return receive.decrypt(message);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Forgets both keys. */
  close(): void {
    this.#directions?.send.wipe();
    this.#directions?.receive.wipe();
    this.#directions = undefined;
  }

  #opened(): { readonly send: CipherState; readonly receive: CipherState } {
    if (this.#directions === undefined) throw new ChannelError('closed', 'the channel is closed');
    return this.#directions;
  }
}
