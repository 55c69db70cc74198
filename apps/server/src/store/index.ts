/**
 * The store's door: declarations, scopes and errors for features, `openStore` for the wiring. Start with README.md. Further
 * types of the port stand in `store.ts` and `collection.ts`; one that a feature needs is added here.
 */
export { binaryCollection, collection, type RowOf, type ScopeKind } from './collection.ts';
export { StoreError } from './errors.ts';
export { bytesPart, idPart, integerPart } from './key-parts.ts';
export type { OpenEngine } from './open-store.ts';
export { openStore } from './start-store.ts';
export type { CommitOp, CommitOps, CommitOutcome, Store, TenantScope, Tx } from './store.ts';
