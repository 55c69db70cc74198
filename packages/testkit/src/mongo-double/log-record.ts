/** What the log keeps of each commit. */
import type { Document } from 'bson';
import type { RecordId } from './collection-state.ts';

/** One change as the log keeps it: `put` (without a document: removed), or a new set of collection and indexes. */
export type Change =
  | { readonly k: 'put'; readonly n: string; readonly i: RecordId; readonly d?: Document }
  | { readonly k: 'create'; readonly n: string; readonly o: Document; readonly u: string }
  | { readonly k: 'options'; readonly n: string; readonly o: Document }
  | { readonly k: 'index'; readonly n: string; readonly s: Document }
  | { readonly k: 'dropIndex'; readonly n: string; readonly name: string }
  | { readonly k: 'drop'; readonly n: string };

/** What the log keeps beside the changes, so that a retried write finds its first answer after a restart too. */
export interface SessionNote {
  readonly session: string;
  readonly txnNumber: string;
  /** Undefined for the commit of a transaction. */
  readonly statement?: number;
  readonly result?: Document;
}

/** One record of the log. */
export interface LogRecord {
  readonly c: readonly Change[];
  readonly s?: SessionNote;
}
