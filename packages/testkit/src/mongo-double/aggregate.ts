/** Pipelines: the plain stages here, on exact values and through indexes; the others by mingo. */
import { type Document, EJSON } from 'bson';
import { CommandError } from './command-error.ts';
import { storable } from './commands-write.ts';
import { evaluate, runStages } from './expressions.ts';
import { compileFilter } from './match.ts';
import { asNumber } from './numbers.ts';
import type { Operation } from './operation.ts';
import { compileProjection } from './projection.ts';
import { run, sortedBy } from './scan.ts';
import type { Unit } from './storage.ts';

/** Whether a pipeline only reads. */
export function readsOf(pipeline: readonly Document[]): boolean {
  return !pipeline.some((stage) => '$out' in stage || '$merge' in stage);
}

function nameOf(stage: Document): string {
  const names = Object.keys(stage);
  if (names.length !== 1) {
    throw new CommandError(40323, 'A pipeline stage specification object must contain exactly one field.');
  }
  return names[0] ?? '';
}

/** The documents that come out; of a collection, or of the database when `ns` is undefined. */
export async function aggregateDocs(
  operation: Operation,
  ns: string | undefined,
  pipeline: Document[],
): Promise<Document[]> {
  const stages = [...pipeline];
  const last = stages.at(-1);
  const writes = last !== undefined && !readsOf([last]) ? stages.pop() : undefined;
  if (writes !== undefined && operation.command.readConcern?.level === 'linearizable') {
    throw new CommandError(
      'InvalidOptions',
      `${nameOf(writes)} cannot be used with a 'linearizable' read concern level`,
    );
  }
  let docs = source(operation, ns, stages);
  for (const stage of stages) docs = runStage(operation, stage, docs);
  if (writes === undefined) return docs;
  const result = docs;
  await operation.alter((unit) => {
    if ('$out' in writes) out(operation, unit, writes.$out, result);
    else merge(operation, unit, writes.$merge, result);
    return {};
  });
  return [];
}

/** What the first stages can leave to indexes is taken from `stages`. */
function source(operation: Operation, ns: string | undefined, stages: Document[]): Document[] {
  const first = stages[0] === undefined ? '' : nameOf(stages[0]);
  if (ns === undefined) {
    const listed = stages.shift()?.$documents;
    if (first === '$listLocalSessions') {
      const id = operation.session?.id ?? '';
      return [{ _id: { id, uid: '' }, lastUse: new Date() }];
    }
    if (first === '$currentOp') return [{ type: 'op', ns: `${operation.db}.$cmd.aggregate`, command: {} }];
    if (first === '$documents') return evaluate(listed, {}, operation.variables) as Document[];
    throw new CommandError(
      'InvalidNamespace',
      `{aggregate: 1} is not valid for '${first}'; a collection is required.`,
    );
  }
  const state = operation.read(ns);
  if (first === '$collStats') {
    stages.shift();
    const count = state?.records.size ?? 0;
    return [{ ns, count, storageStats: { count } }];
  }
  const filter = first === '$match' ? stages.shift()?.$match : {};
  const sort = stages[0] !== undefined && nameOf(stages[0]) === '$sort' ? stages.shift()?.$sort : undefined;
  if (state === undefined) {
    compileFilter(filter, operation.variables);
    return [];
  }
  const most =
    stages[0] !== undefined && nameOf(stages[0]) === '$limit' ? (asNumber(stages[0].$limit) ?? 0) : 0;
  const { hint } = operation.command;
  const docs: Document[] = [];
  for (const [, doc] of run(state, { filter, sort, hint, variables: operation.variables })) {
    docs.push(doc);
    if (docs.length === most) break;
  }
  return docs;
}

function runStage({ variables }: Operation, stage: Document, docs: Document[]): Document[] {
  const name = nameOf(stage);
  const operand = stage[name];
  switch (name) {
    case '$match':
      return docs.filter(compileFilter(operand, variables));
    case '$sort':
      return sortedBy(docs, operand, (doc) => doc);
    case '$limit':
      return docs.slice(0, asNumber(operand));
    case '$skip':
      return docs.slice(asNumber(operand));
    case '$count':
      return docs.length === 0 ? [] : [{ [operand]: docs.length }];
    case '$group':
      // What a driver's countDocuments asks; no need to turn every document into mingo's numbers.
      if (EJSON.stringify(operand) === '{"_id":1,"n":{"$sum":1}}')
        return docs.length === 0 ? [] : [{ _id: 1, n: docs.length }];
      break;
    case '$project':
      if (Object.values(operand).every((value) => asNumber(value) !== undefined))
        return docs.map(compileProjection(operand));
      break;
    case '$out':
    case '$merge':
      throw new CommandError(40601, `${name} can only be the final stage in the pipeline`);
  }
  return runStages([stage], docs, variables);
}

function out(operation: Operation, unit: Unit, target: string | Document, docs: readonly Document[]): void {
  const ns = typeof target === 'string' ? `${operation.db}.${target}` : `${target.db}.${target.coll}`;
  for (const [id] of unit.find(ns)?.records.entries() ?? []) unit.put(ns, id, undefined);
  for (const doc of docs) unit.insert(ns, storable(doc));
}

function merge(operation: Operation, unit: Unit, target: string | Document, docs: readonly Document[]): void {
  const spec: Document = typeof target === 'string' ? { into: target } : target;
  const ns =
    typeof spec.into === 'string' ? `${operation.db}.${spec.into}` : `${spec.into.db}.${spec.into.coll}`;
  for (const raw of docs) {
    const doc = storable(raw);
    const state = unit.find(ns);
    const [found] = state === undefined ? [] : [...run(state, { filter: { _id: doc._id } })];
    if (found === undefined) {
      if (spec.whenNotMatched === 'fail')
        throw new CommandError(13113, '$merge could not find a matching document');
      if (spec.whenNotMatched !== 'discard') unit.insert(ns, doc);
    } else if (spec.whenMatched === 'fail' && state !== undefined) {
      const index = state.indexes.get('_id_');
      if (index !== undefined) throw state.duplicateKey(index, doc);
    } else if (spec.whenMatched !== 'keepExisting') {
      unit.put(ns, found[0], spec.whenMatched === 'replace' ? doc : { ...found[1], ...doc });
    }
  }
}
