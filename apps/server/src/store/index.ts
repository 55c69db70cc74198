/** The store's door: declarations, scopes and errors for features, `openStore` for the wiring. Start with README.md. */
export {
  type AnyCollection,
  type BinaryCollection,
  type BinaryRow,
  type ByteCodec,
  binaryCollection,
  collection,
  type DocumentCollection,
  type KeyValue,
  type RowOf,
} from './collection.ts';
export { StoreError, type StoreErrorCode } from './errors.ts';
export { bytesPart, idPart, integerPart, type KeyPart } from './key-parts.ts';
export { type OpenEngine, openStore, type StoreOptions } from './open-store.ts';
export type {
  CommitOp,
  CommitOps,
  CommitOutcome,
  OperatorScope,
  Page,
  Query,
  Scope,
  Store,
  TenantScope,
  Tx,
} from './store.ts';
