/** Logical sessions: the open transaction of each, and the first answers of its retryable writes. */
import { type Document, Long } from 'bson';
import { bsonClass } from './bson-order.ts';
import { CommandError } from './command-error.ts';
import type { SessionNote } from './log-record.ts';
import type { Unit } from './storage.ts';

/** A transaction that has begun. */
export interface Transaction {
  readonly number: bigint;
  state: 'open' | 'committed' | 'aborted';
  readonly unit: Unit;
  readonly expires: NodeJS.Timeout;
}

/** One session. */
export class Session {
  readonly id: string;
  txnNumber = -1n;
  transaction: Transaction | undefined;
  /** Number of the last transaction that was committed, also before a restart. */
  committed = -1n;
  /** First answers by statement number, of the current {@link txnNumber}. */
  readonly answers = new Map<number, Document>();
  #last: Promise<unknown> = Promise.resolve();

  constructor(id: string) {
    this.id = id;
  }

  /** One operation at a time: a retry that overtakes its first try must wait for that one's answer. */
  exclusively<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(work, work);
    this.#last = result.catch(() => undefined);
    return result;
  }

  /** Begins a retryable write or finds that it is a repetition. @throws CommandError TransactionTooOld */
  enter(txnNumber: bigint): void {
    if (txnNumber < this.txnNumber) {
      throw new CommandError(
        'TransactionTooOld',
        `Cannot start with txnNumber ${txnNumber} because a newer txnNumber ${this.txnNumber} has already started on session.`,
      );
    }
    if (txnNumber === this.txnNumber) return;
    this.abort();
    this.txnNumber = txnNumber;
    this.answers.clear();
  }

  /** The open transaction of this number. @throws CommandError NoSuchTransaction, TransactionCommitted */
  open(txnNumber: bigint): Transaction {
    const { transaction } = this;
    if (txnNumber < this.txnNumber) this.enter(txnNumber);
    if (transaction?.number === txnNumber && transaction.state === 'open') return transaction;
    if (this.committed === txnNumber) {
      throw new CommandError(
        'TransactionCommitted',
        `Transaction with { txnNumber: ${txnNumber} } has been committed.`,
      );
    }
    const why =
      transaction?.number === txnNumber
        ? 'has been aborted.'
        : 'does not match any in-progress transactions.';
    throw new CommandError('NoSuchTransaction', `Transaction with { txnNumber: ${txnNumber} } ${why}`);
  }

  /** Ends the open transaction without its changes. */
  abort(): void {
    const { transaction } = this;
    if (transaction?.state !== 'open') return;
    transaction.state = 'aborted';
    clearTimeout(transaction.expires);
    transaction.unit.end();
  }
}

/** All sessions of a server. */
export class Sessions {
  readonly #sessions = new Map<string, Session>();

  /** The session of an `lsid`. */
  of(lsid: Document): Session {
    const { id } = lsid;
    const name =
      bsonClass(id) === 'UUID' || bsonClass(id) === 'Binary'
        ? Buffer.from(id.buffer).toString('hex')
        : String(id);
    return this.#named(name);
  }

  /** Puts back what the log remembers. */
  recall(note: SessionNote): void {
    const session = this.#named(note.session);
    session.enter(BigInt(note.txnNumber));
    if (note.statement === undefined) session.committed = BigInt(note.txnNumber);
    else session.answers.set(note.statement, note.result ?? {});
  }

  end(lsid: Document): void {
    const session = this.of(lsid);
    session.abort();
    this.#sessions.delete(session.id);
  }

  /** A primary that steps down aborts what is open. */
  abortAll(): void {
    for (const session of this.#sessions.values()) session.abort();
  }

  list(): Session[] {
    return [...this.#sessions.values()];
  }

  #named(name: string): Session {
    const known = this.#sessions.get(name);
    if (known !== undefined) return known;
    const made = new Session(name);
    this.#sessions.set(name, made);
    return made;
  }
}

/** A transaction number of a command. */
export function txnNumberOf(value: unknown): bigint {
  return Long.isLong(value) ? value.toBigInt() : BigInt(String(value));
}
