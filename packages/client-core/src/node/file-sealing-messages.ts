/** What the thread that seals is asked and answers: exactly one answer for each question, in their order. */
import type { Batch, BatchMemory, FileHashes, SealingOrder } from '../attachments/file-sealer.ts';

/** A question; `file` tells apart what is sealed at the same time. */
export type SealingQuestion = { readonly file: number } & (
  | { readonly kind: 'begin'; readonly order: SealingOrder }
  | { readonly kind: 'seal'; readonly batch: Batch; readonly memory: BatchMemory }
  | { readonly kind: 'finish' }
  | { readonly kind: 'drop' }
);

/** Its answer. Memory moves to the thread with a question and back with the answer. */
export interface SealingAnswer {
  readonly memory?: BatchMemory;
  readonly hashes?: FileHashes;
  /** For whoever looks for the cause. */
  readonly error?: string;
}
