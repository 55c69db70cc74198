/** insert, update, delete, findAndModify. */
import { calculateObjectSize, type Document, ObjectId } from 'bson';
import { isPlain, sameValue } from './bson-order.ts';
import { CommandError, codeName } from './command-error.ts';
import { compileFilter } from './match.ts';
import { asNumber, truthy } from './numbers.ts';
import type { Operation } from './operation.ts';
import { compileProjection } from './projection.ts';
import { run } from './scan.ts';
import type { Unit } from './storage.ts';
import { applyUpdate, isReplacement, type UpdateSpec, upsertSeed } from './update.ts';
import { DOCUMENT_BYTES_MAX } from './wire.ts';

/** Errors that end the whole command instead of one statement of it. */
const OF_THE_COMMAND = new Set([112, 50, 10107, 189, 11602, 91, 11600, 14031, 225, 251]);

/** Runs the statements of a command and gathers what they did. */
async function statements(
  operation: Operation,
  list: readonly Document[],
  one: (statement: Document, number: number) => Promise<Document>,
): Promise<{ answers: Document[]; errors: Document[]; retried: number[] }> {
  const ordered = truthy(operation.command.ordered ?? true);
  const answers: Document[] = [];
  const errors: Document[] = [];
  const retried: number[] = [];
  for (const [index, statement] of list.entries()) {
    const number = statementNumber(operation, index);
    try {
      const answer = await one(statement, number);
      if (answer.retried === true) retried.push(number);
      answers.push({ index, ...answer });
    } catch (error) {
      if (!(error instanceof CommandError) || OF_THE_COMMAND.has(error.code)) throw error;
      errors.push({ index, ...errorOf(error) });
      if (ordered || operation.transaction !== undefined) break;
    }
  }
  return { answers, errors, retried };
}

/** A failed statement as `writeErrors` shows it. */
export function errorOf(error: CommandError): Document {
  const named = error.code === 11000 ? {} : { codeName: codeName(error.code) };
  return { code: error.code, ...named, ...error.fields, errmsg: error.message };
}

function statementNumber({ command }: Operation, index: number): number {
  const first = asNumber(command.stmtId);
  return asNumber((command.stmtIds as unknown[] | undefined)?.[index]) ?? (first ?? 0) + index;
}

function total(answers: readonly Document[], field: string): number {
  return answers.reduce((sum, answer) => sum + (asNumber(answer[field]) ?? 0), 0);
}

function replyOf(
  { answers, errors, retried }: Awaited<ReturnType<typeof statements>>,
  more: Document = {},
): Document {
  return {
    n: total(answers, 'n'),
    ...more,
    ...(errors.length > 0 ? { writeErrors: errors } : {}),
    ...(retried.length > 0 ? { retriedStmtIds: retried } : {}),
    ok: 1,
  };
}

/** The document as it is stored: `_id` first, made when it is missing. @throws CommandError */
export function storable(doc: Document): Document {
  if (Array.isArray(doc._id))
    throw new CommandError('InvalidIdField', "The '_id' value cannot be of type array");
  if (isPlain(doc._id) && Object.keys(doc._id).some((name) => name.startsWith('$'))) {
    throw new CommandError('DollarPrefixedFieldName', '_id fields may not contain $-prefixed fields');
  }
  if (calculateObjectSize(doc) > DOCUMENT_BYTES_MAX) {
    throw new CommandError(
      'BSONObjectTooLarge',
      `object to insert too large. size in bytes: ${calculateObjectSize(doc)}`,
    );
  }
  return Object.keys(doc)[0] === '_id' ? doc : { _id: '_id' in doc ? doc._id : new ObjectId(), ...doc };
}

/** insert */
export async function insert(operation: Operation): Promise<Document> {
  const { ns, command } = operation;
  const documents = command.documents as Document[] | undefined;
  if (!Array.isArray(documents) || documents.length === 0 || documents.length > 100_000) {
    throw new CommandError('InvalidLength', 'Write batch sizes must be between 1 and 100000');
  }
  const done = await statements(operation, documents, (doc, number) =>
    operation.write(number, (unit) => {
      unit.insert(ns, storable(doc), !truthy(command.bypassDocumentValidation));
      return { n: 1 };
    }),
  );
  return replyOf(done);
}

/** One statement of an update, shared with bulkWrite. */
export interface UpdateStatement {
  readonly ns: string;
  readonly filter: Document;
  readonly update: Document | Document[];
  readonly multi: boolean;
  readonly upsert: boolean;
  readonly hint?: unknown;
  readonly sort?: Document | undefined;
  readonly arrayFilters?: Document[] | undefined;
  readonly variables: Document;
  readonly bypass: boolean;
}

/** Does it; the answer has `n`, `nModified` and, for an upsert, `upserted`. */
export function updateInUnit(unit: Unit, statement: UpdateStatement): Document {
  const { ns, filter, update, multi, upsert, hint, sort, variables, bypass } = statement;
  if (multi && isReplacement(update)) {
    throw new CommandError('FailedToParse', 'multi update is not supported for replacement-style update');
  }
  const state = unit.find(ns);
  const query = { filter, hint, sort, variables };
  const found = state === undefined ? [] : multi ? [...run(state, query)] : first(run(state, query));
  const spec: UpdateSpec = { update, arrayFilters: statement.arrayFilters ?? [], query: filter, variables };
  let modified = 0;
  for (const [id, doc] of found) {
    const after = applyUpdate(doc, spec, false);
    if (exactlyEqual(after, doc)) continue;
    unit.put(ns, id, storable(after), !bypass);
    modified += 1;
  }
  if (found.length > 0 || !upsert) return { n: found.length, nModified: modified };
  const after = upserted(spec);
  unit.insert(ns, after, !bypass);
  return { n: 1, nModified: 0, upserted: after._id };
}

function first<T>(list: Iterable<T>): T[] {
  for (const one of list) return [one];
  return [];
}

/** Same fields in the same order with the same types: such an update modifies nothing. */
function exactlyEqual(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((element, at) => exactlyEqual(element, b[at]));
  }
  if (isPlain(a) && isPlain(b)) {
    const [left, right] = [Object.keys(a), Object.keys(b)];
    return (
      left.length === right.length &&
      left.every((name, at) => right[at] === name && exactlyEqual(a[name], b[name]))
    );
  }
  return sameValue(a, b) && Object.getPrototypeOf(a ?? 0) === Object.getPrototypeOf(b ?? 0);
}

function upserted(spec: UpdateSpec): Document {
  const seed = upsertSeed(spec.query);
  const base = isReplacement(spec.update) ? ('_id' in seed ? { _id: seed._id } : {}) : seed;
  return storable(applyUpdate(base, spec, true));
}

/** update */
export async function update(operation: Operation): Promise<Document> {
  const { ns, command, variables } = operation;
  const done = await statements(operation, command.updates as Document[], (statement, number) =>
    operation.write(number, (unit) =>
      updateInUnit(unit, {
        ns,
        filter: statement.q ?? {},
        update: statement.u,
        multi: truthy(statement.multi),
        upsert: truthy(statement.upsert),
        hint: statement.hint,
        sort: statement.sort,
        arrayFilters: statement.arrayFilters,
        variables: { ...variables, ...statement.c },
        bypass: truthy(command.bypassDocumentValidation),
      }),
    ),
  );
  const upsertedIds = done.answers
    .filter((answer) => 'upserted' in answer)
    .map(({ index, upserted: _id }) => ({ index, _id }));
  return replyOf(done, {
    nModified: total(done.answers, 'nModified'),
    ...(upsertedIds.length > 0 ? { upserted: upsertedIds } : {}),
  });
}

/** One statement of a delete, shared with bulkWrite. */
export function deleteInUnit(
  unit: Unit,
  statement: { ns: string; filter: Document; multi: boolean; hint?: unknown; variables: Document },
): Document {
  const { ns, filter, multi, hint, variables } = statement;
  const state = unit.find(ns);
  if (state === undefined) {
    compileFilter(filter);
    return { n: 0 };
  }
  const found = multi
    ? [...run(state, { filter, hint, variables })]
    : first(run(state, { filter, hint, variables }));
  for (const [id] of found) unit.put(ns, id, undefined);
  return { n: found.length };
}

/** delete */
export async function remove(operation: Operation): Promise<Document> {
  const { ns, command, variables } = operation;
  const done = await statements(operation, command.deletes as Document[], (statement, number) =>
    operation.write(number, (unit) =>
      deleteInUnit(unit, {
        ns,
        filter: statement.q ?? {},
        multi: asNumber(statement.limit) !== 1,
        hint: statement.hint,
        variables,
      }),
    ),
  );
  return replyOf(done);
}

/** findAndModify */
export async function findAndModify(operation: Operation): Promise<Document> {
  const { ns, command, variables } = operation;
  const project = compileProjection(command.fields, variables);
  const removes = truthy(command.remove);
  if (removes === (command.update !== undefined)) {
    throw new CommandError('FailedToParse', 'Either an update or remove=true must be specified');
  }
  if (removes && truthy(command.new)) {
    throw new CommandError(
      'FailedToParse',
      "Cannot specify both new=true and remove=true; 'remove' always returns the deleted document",
    );
  }
  const filter: Document = command.query ?? {};
  const answer = await operation.write(asNumber(command.stmtId) ?? 0, (unit) => {
    const state = unit.find(ns);
    const [found] =
      state === undefined
        ? []
        : first(run(state, { filter, sort: command.sort, hint: command.hint, variables }));
    if (removes) {
      if (found !== undefined) unit.put(ns, found[0], undefined);
      return {
        lastErrorObject: { n: found === undefined ? 0 : 1 },
        value: found === undefined ? null : project(found[1]),
      };
    }
    const spec: UpdateSpec = {
      update: command.update,
      arrayFilters: command.arrayFilters ?? [],
      query: filter,
      variables,
    };
    const validate = !truthy(command.bypassDocumentValidation);
    if (found !== undefined) {
      const after = storable(applyUpdate(found[1], spec, false));
      if (!exactlyEqual(after, found[1])) unit.put(ns, found[0], after, validate);
      const value = project(truthy(command.new) ? after : found[1]);
      return { lastErrorObject: { n: 1, updatedExisting: true }, value };
    }
    if (!truthy(command.upsert)) return { lastErrorObject: { n: 0, updatedExisting: false }, value: null };
    const after = upserted(spec);
    unit.insert(ns, after, validate);
    return {
      lastErrorObject: { n: 1, updatedExisting: false, upserted: after._id },
      value: truthy(command.new) ? project(after) : null,
    };
  });
  const { retried, ...reply } = answer;
  return { ...reply, ...(retried === true ? { retriedStmtId: 0 } : {}), ok: 1 };
}
