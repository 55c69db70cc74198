/** What a command is refused with: the codes, names and labels of MongoDB's `error_codes.yml`, as far as the double gives them. */
import type { Document } from 'bson';

/** Codes by name. A number that is not here is answered with the name `Location<number>`, as MongoDB does. */
export const ERROR_CODES = {
  InternalError: 1,
  BadValue: 2,
  HostUnreachable: 6,
  HostNotFound: 7,
  FailedToParse: 9,
  Unauthorized: 13,
  TypeMismatch: 14,
  InvalidLength: 16,
  InvalidIdField: 53,
  IllegalOperation: 20,
  AlreadyInitialized: 23,
  LockTimeout: 24,
  NamespaceNotFound: 26,
  IndexNotFound: 27,
  PathNotViable: 28,
  ConflictingUpdateOperators: 40,
  CursorNotFound: 43,
  NamespaceExists: 48,
  MaxTimeMSExpired: 50,
  DollarPrefixedFieldName: 52,
  NotSingleValueField: 54,
  CommandNotFound: 59,
  WriteConcernFailed: 64,
  ImmutableField: 66,
  CannotCreateIndex: 67,
  InvalidOptions: 72,
  InvalidNamespace: 73,
  IndexOptionsConflict: 85,
  IndexKeySpecsConflict: 86,
  NetworkTimeout: 89,
  ShutdownInProgress: 91,
  UnsatisfiableWriteConcern: 100,
  OperationFailed: 96,
  WriteConflict: 112,
  CommandNotSupported: 115,
  DocumentValidationFailure: 121,
  ReadConcernMajorityNotEnabled: 148,
  StaleClusterTime: 209,
  PrimarySteppedDown: 189,
  TransactionTooOld: 225,
  SnapshotTooOld: 239,
  SnapshotUnavailable: 246,
  NoSuchTransaction: 251,
  TransactionCommitted: 256,
  ExceededTimeLimit: 262,
  OperationNotSupportedInTransaction: 263,
  PreparedTransactionInProgress: 267,
  OutOfDiskSpace: 14031,
  DuplicateKey: 11000,
  InterruptedAtShutdown: 11600,
  Interrupted: 11601,
  InterruptedDueToReplStateChange: 11602,
  BSONObjectTooLarge: 10334,
  NotWritablePrimary: 10107,
  NotPrimaryNoSecondaryOk: 13435,
  NotPrimaryOrSecondary: 13436,
  SocketException: 9001,
  IncompleteTransactionHistory: 217,
} as const;

/** A name in {@link ERROR_CODES}. */
export type ErrorName = keyof typeof ERROR_CODES;

const NAMES = new Map<number, string>(Object.entries(ERROR_CODES).map(([name, code]) => [code, name]));

/** The name that MongoDB gives a code. */
export function codeName(code: number): string {
  return NAMES.get(code) ?? `Location${code}`;
}

/** Codes on which a driver may send a retryable write again (driver specification "retryable writes"). */
const RETRYABLE = new Set([6, 7, 89, 91, 134, 189, 262, 9001, 10107, 11600, 11602, 13435, 13436]);

/** Codes after which a whole transaction may be run again. */
const TRANSIENT = new Set([24, 112, 246, 251, 261, 267]);

/** Whether a retryable write that failed with this code gets the label `RetryableWriteError`. */
export function isRetryableCode(code: number): boolean {
  return RETRYABLE.has(code);
}

/** Whether a command of a transaction that failed with this code gets the label `TransientTransactionError`. */
export function isTransientCode(code: number): boolean {
  return TRANSIENT.has(code);
}

/** A command, or one statement of it, is refused. */
export class CommandError extends Error {
  readonly code: number;
  /** More fields of the answer, such as `keyPattern` and `keyValue` of a duplicate key. */
  readonly fields: Document;
  /** Labels that the answer carries whatever the command is. */
  readonly labels: readonly string[];

  constructor(
    code: ErrorName | number,
    message: string,
    more: { fields?: Document; labels?: readonly string[] } = {},
  ) {
    super(message);
    this.code = typeof code === 'number' ? code : ERROR_CODES[code];
    this.fields = more.fields ?? {};
    this.labels = more.labels ?? [];
  }

  /** The answer to the command. */
  toReply(): Document {
    return { ok: 0, errmsg: this.message, code: this.code, codeName: codeName(this.code), ...this.fields };
  }
}

/** A unit of work met a document or key that another one has taken and not yet committed or given back. */
export class Locked extends CommandError {
  /** Resolves when the other one has ended. */
  readonly free: Promise<void>;

  constructor(free: Promise<void>) {
    super(
      'WriteConflict',
      'Caused by :: Write conflict during plan execution and yielding is disabled. :: Please retry your operation or multi-document transaction.',
    );
    this.free = free;
  }
}

/** The error that a transaction gets whose snapshot is older than what it wants to change. */
export function writeConflict(): CommandError {
  return new Locked(Promise.resolve());
}

/** The connection ends instead of an answer. */
export class ConnectionCut extends Error {}
