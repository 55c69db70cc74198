/** What the engine and its writer thread say to one another. */
import type { CollectionLayout } from '../engine.ts';

/** Given to the thread at its start. */
export interface ThreadSettings {
  readonly layouts: readonly CollectionLayout[];
  /** The data folder; the thread watches its free space and keeps the reserve in it. */
  readonly folder: string;
  /** Size of the reserve, and the free space below which only lists that shrink the data are taken. */
  readonly reserveBytes: number;
  /** After so long what was committed is in its file and no longer in its log, also when nothing else comes. */
  readonly foldAfterMs: number;
  /** For crash tests: the process kills itself at this step of the writer, counted from 1. */
  readonly killAtStep: number | undefined;
}

/** Work on one space: packed requests, see packing.ts. */
export interface WorkGroup {
  readonly space: number;
  readonly work: Uint8Array<ArrayBuffer>;
  /** Everything else in it was refused already (writer-lane.ts). */
  readonly mayOnlyShrink: boolean;
}

export type ToThread =
  | {
      readonly kind: 'open';
      readonly space: number;
      readonly spaces: 'tenants' | 'control';
      readonly file: string;
      readonly key: string;
      readonly create: boolean;
    }
  | { readonly kind: 'close-space'; readonly space: number }
  | { readonly kind: 'batch'; readonly groups: readonly WorkGroup[] }
  | { readonly kind: 'end' };

/** Why a space could not be opened: a code of the error catalogue. */
export type OpenFailure = 'keys_wrong' | 'data_too_new' | 'data_damaged' | 'disk_full';

export type FromThread =
  | {
      readonly kind: 'opened';
      readonly space: number;
      readonly failure: OpenFailure | undefined;
      readonly detail: string;
    }
  /** Answers to some requests of group `group`: (request number, answer)*. The last ones of a batch say that it is done. */
  | {
      readonly kind: 'answers';
      readonly group: number;
      readonly answers: Uint8Array<ArrayBuffer>;
      /** The buffer that the group's requests came in, with its last answers: both sides hand it back and forth. */
      readonly work?: ArrayBuffer;
      readonly isDone: boolean;
    }
  | { readonly kind: 'failed'; readonly detail: string };
