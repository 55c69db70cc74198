/** Why a sealed file cannot be read. */
export type AttachmentErrorCode = 'malformed' | 'not_authentic';

/** A sealed file that is not what it claims to be. */
export class AttachmentError extends Error {
  override name = 'AttachmentError';
  readonly code: AttachmentErrorCode;

  constructor(code: AttachmentErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
