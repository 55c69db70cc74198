/** The part of the store port that holds attachments on their way to the server. */
import type { AttachmentId, ContentId } from '@kuvert/protocol';

/** `outlived`: its message has disappeared here, and perhaps not yet everywhere. `remove`: nobody needs it, so the server need not keep it. */
export type UploadState = 'upload' | 'stored' | 'outlived' | 'remove';

/** An attachment of a message of one's own. */
export interface UploadRow {
  readonly attachment: AttachmentId;
  readonly contentId: ContentId;
  readonly sealedBytes: number;
  readonly sealedSha256: Uint8Array<ArrayBuffer>;
  readonly state: UploadState;
  /** When the server had it last confirmed. */
  readonly storedAtMs: number | undefined;
  /** Of one that is `outlived`: how long its message stays with whoever has read it. */
  readonly timerMs: number | undefined;
  /** Of one that is `outlived`: when its message has disappeared everywhere, by the server's clock. */
  readonly removeAtMs: number | undefined;
}

/** Attachments on their way. */
export interface UploadStore {
  add(row: Pick<UploadRow, 'attachment' | 'contentId' | 'sealedBytes' | 'sealedSha256'>): void;
  get(attachment: AttachmentId): UploadRow | undefined;
  list(state: UploadState, limit: number): UploadRow[];
  setState(attachment: AttachmentId, state: UploadState, storedAtMs?: number): void;
  /** The message of a stored one has disappeared here. */
  setOutlived(attachment: AttachmentId, timerMs: number): void;
  setRemoval(attachment: AttachmentId, removeAtMs: number): void;
  /** The largest first. */
  listOutlived(limit: number): UploadRow[];
  /** What was stored before a time, while its message still waits: the server is to keep it longer. */
  listStale(beforeMs: number, limit: number): UploadRow[];
  delete(attachment: AttachmentId): void;
  /** Those whose message the server has accepted, with nothing left to do. */
  takeDone(limit: number): UploadRow[];
}
