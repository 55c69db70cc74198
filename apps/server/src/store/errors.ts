/**
 * What can go wrong in the store and is the caller's business. Everything that may reach a client is a `KuvertError` of the
 * catalogue (`not_found`, `store_busy`, `overloaded`, `disk_full`, `cursor_invalid`, …); a {@link StoreError} is for the feature
 * alone, which turns it into an answer of its own.
 */

/** `already_exists`: the key of an insert is taken. `not_unique`: a unique index already has this value. */
export type StoreErrorCode = 'already_exists' | 'not_unique';

/** A refused write that the feature has to explain. */
export class StoreError extends Error {
  override readonly name = 'StoreError';
  readonly code: StoreErrorCode;
  readonly collection: string;
  /** The unique index, for `not_unique`. */
  readonly index: string | undefined;

  constructor(code: StoreErrorCode, where: { collection: string; index?: string | undefined }) {
    super(`${code} in ${where.collection}${where.index === undefined ? '' : `.${where.index}`}`);
    this.code = code;
    this.collection = where.collection;
    this.index = where.index;
  }
}
