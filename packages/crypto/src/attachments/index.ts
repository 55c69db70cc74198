/**
 * Sealing of attachments: a key for each, a check on every segment, sizes padded. It imports little, because the thread that seals loads it
 * while somebody waits.
 */
import { utf8 } from '@kuvert/protocol/bytes';
import { LABELS } from '@kuvert/protocol/labels';
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

/** The first bytes of a new attachment. `random` must be cryptographically secure. */
export function attachmentHeader(random: (count: number) => Uint8Array): Uint8Array<ArrayBuffer> {
  return newHeader(random);
}

/** Seals a new attachment, or opens a sealed one by its first bytes. @throws AttachmentError `malformed` */
export function attachmentCipher(key: Uint8Array, header: Uint8Array): StreamingCipher {
  return new StreamingCipher(key, header, PARAMETERS);
}
