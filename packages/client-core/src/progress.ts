/** How far work is that takes long: files on their way, and what is done for each of the many people of a group. Nothing of it is kept. */
import type { AttachmentId, GroupId } from '@kuvert/protocol';

/** A file is read and sealed, sent, or fetched. */
export interface FileProgress {
  readonly work: 'sealing' | 'uploading' | 'downloading';
  readonly attachment: AttachmentId;
  /** Bytes, of `total`. */
  readonly done: number;
  readonly total: number;
}

/**
 * Something is asked or sent for each of many people: who has an address, which devices somebody has, the sender key of this device before its
 * next message.
 */
export interface PeopleProgress {
  readonly work: 'looking-up' | 'asking-for-devices' | 'handing-out-keys';
  /** Undefined before it is known which group it is for. */
  readonly groupId: GroupId | undefined;
  /** People, of `total`. */
  readonly done: number;
  readonly total: number;
}

export type Progress = FileProgress | PeopleProgress;

/** Tells everybody who listens. */
export class ProgressBoard {
  readonly #listeners = new Set<(progress: Progress) => void>();

  /** Calls `listener` with every step from now on. @returns stops it */
  onProgress(listener: (progress: Progress) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  tell(progress: Progress): void {
    for (const listener of [...this.#listeners]) listener(progress);
  }
}
