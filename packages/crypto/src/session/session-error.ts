/** Why an operation of this package was refused; the messenger decides by `reason` what to do next. */
export type SessionFailure =
  /** This very ciphertext was opened before: acknowledge it, show nothing. */
  | 'duplicate'
  /** There is no usable session with the device: take a prekey bundle first. Only when encrypting. */
  | 'no-session'
  /** The ciphertext does not open: quarantine it, acknowledge it, ask the sender to send again. */
  | 'undecryptable'
  /** The peer's identity key is not the one of its verified device list: refuse, tell people. */
  | 'untrusted-identity'
  /** Bytes that do not have the shape they must have. Treat like `undecryptable`, but without hope. */
  | 'malformed'
  /** A header of a later version: keep the bytes, say that the app is too old for this message. */
  | 'too-new'
  /** Two operations at once on one {@link SessionCipher}: a fault of the caller. Nothing was changed. */
  | 'busy';

/** A refusal of the session layer. Its message is a fixed sentence and holds nothing of keys or content. */
export class SessionError extends Error {
  override readonly name = 'SessionError';
  readonly reason: SessionFailure;

  constructor(reason: SessionFailure, message: string, options: { readonly cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.reason = reason;
  }
}
