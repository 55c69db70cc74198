/**
 * The handshakes of the device channel (Noise rev 34 §5.3, §7.5; wire.md §3), as a state machine without I/O:
 *
 *     XK   <- s                      NK   <- s
 *          …                              …
 *          -> e, es                       -> e, es
 *          <- e, ee                       <- e, ee
 *          -> s, se
 *
 * In both the client knows the server's static key beforehand. XK tells the server the device's static key in
 * message 3, sealed; NK (enrolment) has no key of the device yet. A failure in any step ends the handshake
 * for good.
 */
import { ChannelCipher } from './channel-cipher.ts';
import { ChannelError } from './channel-error.ts';
import { NOISE_MESSAGE_BYTES_MAX } from './cipher-state.ts';
import { SymmetricState } from './symmetric-state.ts';
import { DH_BYTES, generateEphemeral, type LoadedKeyPair, sharedSecret } from './x25519.ts';

/** Which handshake: `XK` for enrolled devices, `NK` for enrolment. */
export type NoisePattern = 'XK' | 'NK';

type Token = 'e' | 's' | 'ee' | 'es' | 'se';

const MESSAGES: Record<NoisePattern, readonly (readonly Token[])[]> = {
  XK: [
    ['e', 'es'],
    ['e', 'ee'],
    ['s', 'se'],
  ],
  NK: [
    ['e', 'es'],
    ['e', 'ee'],
  ],
};

/** What a side brings to a handshake. */
export interface HandshakeStart {
  readonly pattern: NoisePattern;
  readonly initiator: boolean;
  readonly prologue: Uint8Array;
  /** Own static key; absent only for the initiator of NK. */
  readonly own: LoadedKeyPair | undefined;
  /** The responder's static key; the initiator knows it beforehand. */
  readonly remoteStatic: Uint8Array | undefined;
  /** Own key of this one handshake, for published vectors only. Never given in production. */
  readonly ephemeral?: LoadedKeyPair;
}

/** `HandshakeState` of the specification, for one side. */
export class Handshake {
  readonly pattern: NoisePattern;
  readonly #initiator: boolean;
  readonly #symmetric: SymmetricState;
  readonly #own: LoadedKeyPair | undefined;
  readonly #injected: LoadedKeyPair | undefined;
  #ephemeral: LoadedKeyPair | undefined;
  #remoteEphemeral: Uint8Array | undefined;
  #remoteStatic: Uint8Array | undefined;
  #step = 0;
  #over = false;

  constructor(start: HandshakeStart) {
    if (start.own === undefined && (start.pattern === 'XK' || !start.initiator)) {
      throw new ChannelError('malformed', 'this side of the handshake needs a static key');
    }
    this.pattern = start.pattern;
    this.#initiator = start.initiator;
    this.#own = start.own;
    this.#injected = start.ephemeral;
    this.#remoteStatic = start.remoteStatic;
    this.#symmetric = new SymmetricState(`Noise_${start.pattern}_25519_AESGCM_SHA256`);
    this.#symmetric.mixHash(start.prologue);
    this.#symmetric.mixHash(expected(start.initiator ? start.remoteStatic : start.own?.publicKey));
  }

  /** True after the last message of the pattern; then {@link split} gives the ciphers. */
  get done(): boolean {
    return this.#step === MESSAGES[this.pattern].length;
  }

  /** The other side's static key, once it is authenticated: for the responder of XK after message 3. */
  get remoteStatic(): Uint8Array | undefined {
    return this.#initiator || this.done ? this.#remoteStatic : undefined;
  }

  /** The hash of the whole handshake, the same at both ends and for no other connection. */
  get handshakeHash(): Uint8Array {
    return this.#symmetric.handshakeHash;
  }

  /** The next message of the pattern, with a payload. @throws ChannelError */
  writeMessage(payload: Uint8Array): Uint8Array<ArrayBuffer> {
    return this.#advance(this.#initiator, (tokens) => {
      const parts: Uint8Array[] = [];
      for (const token of tokens) {
        if (token === 'e') {
          this.#ephemeral = this.#injected ?? generateEphemeral();
          parts.push(this.#ephemeral.publicKey);
          this.#symmetric.mixHash(this.#ephemeral.publicKey);
        } else if (token === 's') {
          parts.push(this.#symmetric.encryptAndHash(expected(this.#own).publicKey));
        } else {
          this.#symmetric.mixKey(this.#agree(token));
        }
      }
      parts.push(this.#symmetric.encryptAndHash(payload));
      const message = Uint8Array.from(Buffer.concat(parts));
      if (message.length > NOISE_MESSAGE_BYTES_MAX)
        throw new ChannelError('too_long', 'a handshake message is too long');
      return message;
    });
  }

  /** Reads the other side's next message and gives its payload. @throws ChannelError */
  readMessage(message: Uint8Array): Uint8Array {
    return this.#advance(!this.#initiator, (tokens) => {
      if (message.length > NOISE_MESSAGE_BYTES_MAX)
        throw new ChannelError('too_long', 'a handshake message is too long');
      let at = 0;
      const take = (length: number): Uint8Array => {
        if (at + length > message.length)
          throw new ChannelError('malformed', 'a handshake message is too short');
        at += length;
        return message.subarray(at - length, at);
      };
      for (const token of tokens) {
        if (token === 'e') {
          this.#remoteEphemeral = Uint8Array.from(take(DH_BYTES));
          this.#symmetric.mixHash(this.#remoteEphemeral);
        } else if (token === 's') {
          this.#remoteStatic = this.#symmetric.decryptAndHash(take(DH_BYTES + this.#symmetric.overheadBytes));
        } else {
          this.#symmetric.mixKey(this.#agree(token));
        }
      }
      return this.#symmetric.decryptAndHash(message.subarray(at));
    });
  }

  /**
   * The ciphers of the connection; once, after the last message.
   * @throws ChannelError `out_of_turn`, `closed`
   */
  split(): ChannelCipher {
    if (this.#over) throw new ChannelError('closed', 'the handshake is over');
    if (!this.done) throw this.#end(new ChannelError('out_of_turn', 'the handshake is not done'));
    this.#over = true;
    const { initiator, responder } = this.#symmetric.split();
    return new ChannelCipher(
      this.#initiator ? { send: initiator, receive: responder } : { send: responder, receive: initiator },
    );
  }

  #advance<Result>(fromInitiator: boolean, action: (tokens: readonly Token[]) => Result): Result {
    if (this.#over) throw new ChannelError('closed', 'the handshake is over');
    try {
      const tokens = MESSAGES[this.pattern][this.#step];
      if (tokens === undefined || (this.#step % 2 === 0) !== fromInitiator) {
        throw new ChannelError('out_of_turn', 'it is not the turn of this handshake message');
      }
      const result = action(tokens);
      this.#step++;
      if (this.done) this.#ephemeral = undefined;
      return result;
    } catch (error) {
      throw this.#end(error);
    }
  }

  /** Diffie-Hellman of a token; its first letter is the initiator's key, its second the responder's. */
  #agree(token: 'ee' | 'es' | 'se'): Buffer {
    const ownLetter = token[this.#initiator ? 0 : 1];
    const remoteLetter = token[this.#initiator ? 1 : 0];
    const own = expected(ownLetter === 'e' ? this.#ephemeral : this.#own);
    const remote = expected(remoteLetter === 'e' ? this.#remoteEphemeral : this.#remoteStatic);
    return sharedSecret(own.privateKey, remote);
  }

  #end<Reason>(error: Reason): Reason {
    this.#over = true;
    this.#symmetric.wipe();
    this.#ephemeral = undefined;
    this.#remoteStatic = undefined;
    return error;
  }
}

function expected<Value>(value: Value | undefined): Value {
  if (value === undefined)
    throw new ChannelError('malformed', 'a handshake lacks a key that its pattern needs');
  return value;
}
