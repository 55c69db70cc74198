/** bulkWrite of MongoDB 8: writes to several collections in one command. */
import type { Document } from 'bson';
import { CommandError } from './command-error.ts';
import { deleteInUnit, errorOf, storable, updateInUnit } from './commands-write.ts';
import { asNumber, truthy } from './numbers.ts';
import type { Operation } from './operation.ts';
import type { Unit } from './storage.ts';

/** Errors that end the command; see commands-write.ts. */
const OF_THE_COMMAND = new Set([112, 50, 10107, 189, 11602, 91, 11600, 14031, 225, 251]);

const COUNTERS = { nErrors: 0, nInserted: 0, nMatched: 0, nModified: 0, nUpserted: 0, nDeleted: 0 };

/** bulkWrite */
export async function bulkWrite(operation: Operation): Promise<Document> {
  const { command, engine } = operation;
  const ops = command.ops as Document[] | undefined;
  if (!Array.isArray(ops) || ops.length === 0) {
    throw new CommandError('InvalidLength', 'Write batch sizes must be between 1 and 100000');
  }
  const errorsOnly = truthy(command.errorsOnly);
  const counters = { ...COUNTERS };
  const results: Document[] = [];
  const retried: number[] = [];
  for (const [idx, op] of ops.entries()) {
    const number =
      asNumber((command.stmtIds as unknown[] | undefined)?.[idx]) ?? (asNumber(command.stmtId) ?? 0) + idx;
    try {
      const answer = await operation.write(number, (unit) => one(operation, unit, op));
      if (answer.retried === true) retried.push(number);
      count(counters, op, answer);
      if (!errorsOnly) results.push(resultOf(idx, answer));
    } catch (error) {
      if (!(error instanceof CommandError) || OF_THE_COMMAND.has(error.code)) throw error;
      counters.nErrors += 1;
      results.push({ ok: 0, idx, n: 0, ...errorOf(error) });
      if (truthy(command.ordered ?? true) || operation.transaction !== undefined) break;
    }
  }
  const owner = `${operation.session?.id ?? ''} ${operation.transaction?.number ?? ''}`;
  const batchSize = asNumber(command.cursor?.batchSize) ?? Number.POSITIVE_INFINITY;
  const cursor = engine.cursors.begin('admin.$cmd.bulkWrite', results, { batchSize, single: false, owner });
  return { cursor, ...counters, ...(retried.length > 0 ? { retriedStmtIds: retried } : {}), ok: 1 };
}

function namespaceOf({ command }: Operation, index: unknown): string {
  const { ns } = (command.nsInfo as Document[] | undefined)?.[asNumber(index) ?? -1] ?? {};
  if (typeof ns !== 'string')
    throw new CommandError('BadValue', `BulkWrite ops entry has an invalid nsInfo index.`);
  return ns;
}

function one(operation: Operation, unit: Unit, op: Document): Document {
  const { command, variables } = operation;
  const bypass = truthy(command.bypassDocumentValidation);
  if ('insert' in op) {
    unit.insert(namespaceOf(operation, op.insert), storable(op.document), !bypass);
    return { n: 1 };
  }
  if ('update' in op) {
    return updateInUnit(unit, {
      ns: namespaceOf(operation, op.update),
      filter: op.filter ?? {},
      update: op.updateMods,
      multi: truthy(op.multi),
      upsert: truthy(op.upsert),
      hint: op.hint,
      sort: op.sort,
      arrayFilters: op.arrayFilters,
      variables: { ...variables, ...op.constants },
      bypass,
    });
  }
  if ('delete' in op) {
    return deleteInUnit(unit, {
      ns: namespaceOf(operation, op.delete),
      filter: op.filter ?? {},
      multi: truthy(op.multi),
      hint: op.hint,
      variables,
    });
  }
  throw new CommandError('BadValue', 'an op of bulkWrite is insert, update or delete');
}

function count(counters: typeof COUNTERS, op: Document, answer: Document): void {
  const n = asNumber(answer.n) ?? 0;
  if ('insert' in op) counters.nInserted += n;
  else if ('delete' in op) counters.nDeleted += n;
  else if ('upserted' in answer) counters.nUpserted += 1;
  else {
    counters.nMatched += n;
    counters.nModified += asNumber(answer.nModified) ?? 0;
  }
}

function resultOf(idx: number, { n, nModified, upserted }: Document): Document {
  return {
    ok: 1,
    idx,
    n,
    ...(nModified === undefined ? {} : { nModified }),
    ...(upserted === undefined ? {} : { upserted: { _id: upserted } }),
  };
}
