/** What the thread that seals is asked and answers: exactly one answer for each question, in their order. */
import type { Batch, FileHashes, SealingOrder } from './file-sealer.ts';

/** Memory that goes to the thread and comes back with the answer. */
export interface BatchMemory {
  readonly plain: Uint8Array<ArrayBuffer>;
  readonly sealed: Uint8Array<ArrayBuffer>;
}

/** A question; `file` tells apart what is sealed at the same time. */
export type SealingQuestion = { readonly file: number } & (
  | { readonly kind: 'begin'; readonly order: SealingOrder }
  | ({ readonly kind: 'seal'; readonly batch: Batch } & BatchMemory)
  | { readonly kind: 'finish' }
  | { readonly kind: 'drop' }
);

/** Its answer; `error` for the person who looks for the cause. */
export type SealingAnswer = Partial<BatchMemory> & {
  readonly hashes?: FileHashes;
  readonly error?: string;
};
