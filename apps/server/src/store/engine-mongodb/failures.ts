/** The one place where errors of the driver become errors of the catalogue. Their texts are not passed on: they can hold keys of rows. */
import { type ErrorCode, KuvertError } from '@kuvert/protocol';
import {
  MongoError,
  MongoInvalidArgumentError,
  MongoNetworkError,
  MongoOperationTimeoutError,
  MongoServerError,
  MongoServerSelectionError,
} from 'mongodb';

/** https://github.com/mongodb/mongo/blob/master/src/mongo/base/error_codes.yml */
const CODES = new Map<number, ErrorCode>([
  // Unauthorized, AuthenticationFailed
  [13, 'store_denied'],
  [18, 'store_denied'],
  // OutOfDiskSpace; 8000 is what a hosted MongoDB answers when its quota is used up
  [14031, 'disk_full'],
  [8000, 'disk_full'],
  // BSONObjectTooLarge
  [10334, 'too_large'],
  // LockTimeout, WriteConflict, NoSuchTransaction, TransactionTooOld
  [24, 'store_busy'],
  [112, 'store_busy'],
  [251, 'store_busy'],
  [225, 'store_busy'],
]);

const UNAVAILABLE = new Set([
  // HostUnreachable, HostNotFound, NetworkTimeout, ShutdownInProgress, PrimarySteppedDown, SocketException
  6, 7, 89, 91, 189, 9001,
  // NotWritablePrimary, InterruptedAtShutdown, InterruptedDueToReplStateChange, NotPrimaryNoSecondaryOk, NotPrimaryOrSecondary
  10107,
  11600, 11602, 13435, 13436,
  // WriteConcernTimeout, UnsatisfiableWriteConcern, MaxTimeMSExpired, ExceededTimeLimit, ReadConcernMajorityNotAvailableYet
  64,
  100, 50, 262, 134,
  // SnapshotUnavailable, InterruptedAtShutdown and friends come with labels; see below
  246,
]);

/** Duplicate key, also where it comes out of a bulk write. */
export function isDuplicate(error: unknown): boolean {
  return error instanceof MongoServerError && error.code === 11000;
}

/** True for a full disk, whatever said so. */
export function isDiskFull(error: unknown): boolean {
  return error instanceof KuvertError && error.code === 'disk_full';
}

/** Gives a failure of the driver its code. What is an error of ours comes back as it is. */
export function storeFailure(error: unknown): unknown {
  if (error instanceof KuvertError || !(error instanceof MongoError)) return error;
  return new KuvertError(codeOf(error), { cause: new DriverFailure(error) });
}

/** What may be logged of a driver's error. */
class DriverFailure extends Error {
  override readonly name: string;
  readonly code: string | undefined;

  constructor(error: MongoError) {
    super(`mongodb ${error.code ?? ''} ${(error as { codeName?: string }).codeName ?? ''}`.trim());
    this.name = error.name;
    this.code = error.code === undefined ? undefined : String(error.code);
  }
}

function codeOf(error: MongoError): ErrorCode {
  if (error instanceof MongoServerSelectionError)
    return deniedIn(error) ? 'store_denied' : 'store_unavailable';
  const code = typeof error.code === 'number' ? error.code : undefined;
  const known = code === undefined ? undefined : CODES.get(code);
  if (known !== undefined) return known;
  if (code !== undefined && UNAVAILABLE.has(code)) return 'store_unavailable';
  if (error instanceof MongoNetworkError || error instanceof MongoOperationTimeoutError)
    return 'store_unavailable';
  if (error instanceof MongoInvalidArgumentError) return 'internal';
  // The driver tells by label what is worth another try.
  if (error.hasErrorLabel('TransientTransactionError')) return 'store_busy';
  if (error.hasErrorLabel('UnknownTransactionCommitResult')) return 'store_unavailable';
  if (error.hasErrorLabel('RetryableWriteError') || error.hasErrorLabel('RetryableError'))
    return 'store_unavailable';
  // A closed pool or client, and everything else that never reached a server.
  return error instanceof MongoServerError ? 'internal' : 'store_unavailable';
}

/** A server that refuses us while the driver looks for one hides in the description of the topology. */
function deniedIn(error: MongoServerSelectionError): boolean {
  const servers = error.reason?.servers?.values() ?? [];
  return [...servers].some(({ error: reason }) => {
    const { code } = (reason ?? {}) as { code?: unknown };
    return code === 18 || code === 13;
  });
}
