/** Sealing of attachments: a key for each, a check on every segment, sizes padded. */
import { LABELS, utf8 } from '@kuvert/protocol';
import { newHeader, StreamingCipher, StreamingLayout, type StreamingParameters } from './streaming.ts';

export { AttachmentError, type AttachmentErrorCode } from './attachment-error.ts';
export { paddedBytes } from './padding.ts';
export type { SegmentPlace, StreamingCipher, StreamingLayout } from './streaming.ts';

/** Bytes of the key of one attachment. */
export const ATTACHMENT_KEY_BYTES = 32;
/** Bytes at the beginning of a sealed attachment, before its first segment. */
export const ATTACHMENT_HEADER_BYTES = 40;

const PARAMETERS: StreamingParameters = {
  segmentBytes: 256 * 1_024,
  derivedKeyBytes: 32,
  hkdfHash: 'sha256',
  associatedData: utf8(LABELS.attachment),
};

/** Sizes of an attachment whose padded plaintext has so many bytes. */
export function attachmentLayout(plainBytes: number): StreamingLayout {
  return new StreamingLayout(plainBytes, PARAMETERS);
}

/** For sealing a new attachment. `random` must be cryptographically secure. */
export function sealingCipher(key: Uint8Array, random: (count: number) => Uint8Array): StreamingCipher {
  return new StreamingCipher(key, newHeader(random), PARAMETERS);
}

/** For opening a sealed attachment by its first bytes. @throws AttachmentError `malformed` */
export function openingCipher(key: Uint8Array, header: Uint8Array): StreamingCipher {
  return new StreamingCipher(key, header, PARAMETERS);
}
