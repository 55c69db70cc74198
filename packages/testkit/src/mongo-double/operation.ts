/** One command on its way through the double: what it may see, how it writes, and what of it is remembered. */
import type { Document, Timestamp } from 'bson';
import type { CollectionState } from './collection-state.ts';
import { CommandError, ConnectionCut, Locked } from './command-error.ts';
import type { Engine } from './engine.ts';
import { constants } from './expressions.ts';
import type { SessionNote } from './log-record.ts';
import { asNumber, truthy } from './numbers.ts';
import type { Session, Transaction } from './sessions.ts';
import type { Unit, View } from './storage.ts';

/** What came before, and is true for every statement of the command. */
export interface OperationContext {
  readonly engine: Engine;
  readonly command: Document;
  readonly session: Session | undefined;
  readonly transaction: Transaction | undefined;
  /** Set for a retryable write. */
  readonly retryableNumber: bigint | undefined;
  /** For reads at a moment of the past, see `readConcern: snapshot`. */
  readonly view: View | undefined;
  readonly at: Timestamp | undefined;
  readonly appName: string | undefined;
}

/** See the head of the file. */
export class Operation {
  readonly engine: Engine;
  readonly command: Document;
  readonly name: string;
  readonly db: string;
  readonly session: Session | undefined;
  readonly transaction: Transaction | undefined;
  readonly retryableNumber: bigint | undefined;
  readonly appName: string | undefined;
  /** The moment that is read, where the client wants to know it. */
  readonly at: Timestamp | undefined;
  /** Variables of the command's `let`. */
  readonly variables: Document;
  readonly #view: View | undefined;
  readonly #deadline: number;

  constructor(context: OperationContext) {
    const { engine, command, session, transaction, retryableNumber, view, at, appName } = context;
    this.engine = engine;
    this.command = command;
    this.name = Object.keys(command)[0] ?? '';
    this.db = String(command.$db ?? 'test');
    this.session = session;
    this.transaction = transaction;
    this.retryableNumber = retryableNumber;
    this.appName = appName;
    this.at = at;
    this.variables = constants(command.let);
    this.#view = view;
    this.#deadline = Date.now() + (asNumber(command.maxTimeMS) || 120_000);
  }

  /** The namespace that the command names. @throws CommandError InvalidNamespace */
  get ns(): string {
    const collection = this.command[this.name];
    if (typeof collection !== 'string' || collection === '') {
      throw new CommandError(
        'InvalidNamespace',
        `Invalid namespace specified '${this.db}.${String(collection)}'`,
      );
    }
    return `${this.db}.${collection}`;
  }

  /** A collection as this command reads it. */
  read(ns: string): CollectionState | undefined {
    if (this.transaction !== undefined) return this.transaction.unit.find(ns);
    return this.#view === undefined ? this.engine.storage.snapshot().get(ns) : this.#view.get(ns);
  }

  /** Whether its writes are durable before anyone is told. */
  get durable(): boolean {
    const concern = this.command.writeConcern as Document | undefined;
    return concern?.w === undefined || typeof concern.w === 'string' || truthy(concern.j);
  }

  /**
   * Runs one statement: in the transaction, or as a unit of its own, which waits for others to end and starts again. `number` is the
   * statement's number in a retryable write; its first answer is what every repetition gets.
   * @throws CommandError; what a statement had done before it failed stays done outside of a transaction
   */
  async write(number: number, work: (unit: Unit) => Document): Promise<Document> {
    if (this.transaction !== undefined) return work(this.transaction.unit);
    const known = this.retryableNumber === undefined ? undefined : this.session?.answers.get(number);
    if (known !== undefined) return { ...known, retried: true };
    for (;;) {
      const unit = this.engine.storage.begin();
      let result: Document | undefined;
      let failure: unknown;
      try {
        result = work(unit);
      } catch (error) {
        if (error instanceof Locked) {
          unit.end();
          await this.#turn(error.free);
          continue;
        }
        failure = error;
      }
      const failPoint =
        this.retryableNumber === undefined ? undefined : this.engine.failPoints.onTransactionalWrite();
      if (failPoint?.code !== undefined) {
        unit.end();
        if (failPoint.cuts) throw new ConnectionCut();
        throw new CommandError(failPoint.code, 'Failing write via onPrimaryTransactionalWrite fail point');
      }
      await this.engine.storage.commit(unit, { durable: this.durable, note: this.#note(number, result) });
      this.engine.tick();
      if (result === undefined) throw failure;
      if (this.retryableNumber !== undefined) this.session?.answers.set(number, result);
      if (failPoint?.cuts === true) throw new ConnectionCut();
      return result;
    }
  }

  /** Changes collections or indexes, at once. */
  async alter(work: (unit: Unit) => Document): Promise<Document> {
    return this.write(0, work);
  }

  #note(number: number, result: Document | undefined): SessionNote | undefined {
    if (this.retryableNumber === undefined || this.session === undefined || result === undefined)
      return undefined;
    return { session: this.session.id, txnNumber: String(this.retryableNumber), statement: number, result };
  }

  /** Waits until another unit has ended. */
  async #turn(free: Promise<void>): Promise<void> {
    const left = this.#deadline - Date.now();
    const late = new CommandError('MaxTimeMSExpired', 'operation exceeded time limit');
    if (left <= 0) throw late;
    let timer: NodeJS.Timeout | undefined;
    const expired = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(late), left);
    });
    try {
      await Promise.race([free, expired]);
    } finally {
      clearTimeout(timer);
    }
  }
}
