/** Open cursors: what a query has not yet given out. */
import { calculateObjectSize, type Document, Long } from 'bson';
import { CommandError } from './command-error.ts';
import { DOCUMENT_BYTES_MAX } from './wire.ts';

interface Cursor {
  readonly ns: string;
  readonly rest: Iterator<Document>;
  /** The session (and transaction) it belongs to. */
  readonly owner: string;
  /** The next document, taken already to know whether there is one. */
  ahead: Document | undefined;
}

/** The cursors of a server. */
export class Cursors {
  readonly #open = new Map<bigint, Cursor>();
  #last = BigInt(Date.now()) * 1000n;

  /** How many are open. */
  get count(): number {
    return this.#open.size;
  }

  /** The first batch, and a cursor for the rest if there is one. */
  begin(
    ns: string,
    docs: Iterable<Document>,
    options: { batchSize: number; single: boolean; owner: string },
  ): Document {
    const rest = docs[Symbol.iterator]();
    const cursor: Cursor = { ns, rest, owner: options.owner, ahead: undefined };
    const firstBatch = options.batchSize === 0 ? [] : this.#take(cursor, options.batchSize);
    const more = options.batchSize === 0 || cursor.ahead !== undefined;
    if (!more || options.single) return { firstBatch, id: Long.ZERO, ns };
    this.#last += 1n;
    this.#open.set(this.#last, cursor);
    return { firstBatch, id: Long.fromBigInt(this.#last), ns };
  }

  /** The next batch. @throws CommandError CursorNotFound */
  more(id: bigint, batchSize: number, owner: string): Document {
    const cursor = this.#open.get(id);
    if (cursor === undefined) throw new CommandError('CursorNotFound', `cursor id ${id} not found`);
    if (cursor.owner !== owner) {
      throw new CommandError(
        50738,
        `Cannot run getMore on cursor ${id}, which was not created in this session or transaction`,
      );
    }
    const nextBatch = this.#take(cursor, batchSize);
    if (cursor.ahead === undefined) this.#open.delete(id);
    return { nextBatch, id: cursor.ahead === undefined ? Long.ZERO : Long.fromBigInt(id), ns: cursor.ns };
  }

  /** Closes a cursor; false when there is none. */
  kill(id: bigint): boolean {
    return this.#open.delete(id);
  }

  #take(cursor: Cursor, most: number): Document[] {
    const batch: Document[] = [];
    let bytes = 0;
    for (;;) {
      const next = cursor.ahead ?? this.#next(cursor);
      cursor.ahead = undefined;
      if (next === undefined) return batch;
      const size = calculateObjectSize(next);
      if (batch.length > 0 && (batch.length >= most || bytes + size > DOCUMENT_BYTES_MAX)) {
        cursor.ahead = next;
        return batch;
      }
      batch.push(next);
      bytes += size;
    }
  }

  #next(cursor: Cursor): Document | undefined {
    const { done, value } = cursor.rest.next();
    return done === true ? undefined : value;
  }
}
