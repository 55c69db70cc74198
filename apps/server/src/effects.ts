/**
 * What an operation has done, told in the commit in which it is done. Every change that somebody makes through an API passes through one of
 * these, so that what hangs on a change (the audit log, the answer kept for a repeated request, the end of an approval) is committed with it or not at all.
 */
import { createHash } from 'node:crypto';
import { type CborValue, KuvertError, LABELS } from '@kuvert/protocol';
import type { ScopeKind } from './store/collection.ts';
import type { Tx } from './store/index.ts';

/** One change, as the audit log has it where the service leaves no record of its own. Never holds a secret other than in `answer`. */
export interface Effect {
  /** Id of what was changed; undefined where it is the tenant or the installation itself. */
  readonly object?: string;
  /** How it was, and how it is. */
  readonly before?: { readonly [field: string]: CborValue | undefined };
  readonly after?: { readonly [field: string]: CborValue | undefined };
  /** What the caller is answered, as the operation's result; wanted of operations that take an idempotency key. */
  readonly answer?: object;
}

/** Takes an effect into a transaction. The body of a transaction may run again, and so may this. */
export type NoteEffect<S extends ScopeKind> = (tx: Tx<S>, effect: Effect) => Promise<void>;

/** Both kinds, by the file in which the change is committed. */
export interface Noted {
  readonly tenant: NoteEffect<'tenant'>;
  readonly operator: NoteEffect<'operator'>;
}

/** For changes that nobody makes by an API: sweeps, tests of a service. */
export const UNNOTED: Noted = { tenant: async () => undefined, operator: async () => undefined };

/** The version of what was read, for `ETag`. */
export function versionOf(value: object): string {
  return createHash('sha256')
    .update(LABELS.rowVersion)
    .update(JSON.stringify(value))
    .digest('base64url')
    .slice(0, 22);
}

/** @throws KuvertError `version_conflict` when what is there is not what the caller has read */
export function requireVersion(value: object, ifMatch: string | undefined): void {
  if (ifMatch !== undefined && ifMatch !== versionOf(value)) throw new KuvertError('version_conflict');
}
