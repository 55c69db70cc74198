/** Conformance: random histories against a model that is nothing but a map. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { StoreError } from '../errors.ts';
import {
  type Bench,
  type EngineUnderTest,
  newId,
  openBench,
  type PersonRow,
  people,
  person,
} from './fixture.ts';

type Step =
  | {
      readonly kind: 'insert' | 'put';
      readonly who: number;
      readonly team: string;
      readonly rank: number;
      readonly badge: number | null;
    }
  | { readonly kind: 'delete'; readonly who: number }
  | {
      readonly kind: 'list';
      readonly team: string;
      readonly from: number;
      readonly before: number;
      readonly desc: boolean;
      readonly limit: number;
    };

const who = fc.nat({ max: 7 });
const team = fc.constantFrom('a', 'a\0', 'b', '');
const rank = fc.integer({ min: -3, max: 3 });
const badge = fc.option(fc.nat({ max: 3 }), { nil: null });
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constantFrom('insert' as const, 'put' as const), who, team, rank, badge }),
  fc.record({ kind: fc.constant('delete' as const), who }),
  fc.record({
    kind: fc.constant('list' as const),
    team,
    from: rank,
    before: rank,
    desc: fc.boolean(),
    limit: fc.integer({ min: 1, max: 5 }),
  }),
);

export function describeModel(engine: EngineUnderTest): void {
  describe('model', () => {
    let bench: Bench;
    beforeAll(async () => {
      bench = await openBench(engine);
    });
    afterAll(() => bench.dispose());

    test('H1 any history of writes and queries gives what a map would give', async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
          const tenant = newId('tenant');
          await bench.store.operator().createTenantSpace(tenant);
          const scope = bench.store.tenant(tenant);
          const ids = Array.from({ length: 8 }, () => newId('person'));
          const model = new Map<string, PersonRow>();
          for (const action of steps) {
            if (action.kind === 'list') {
              const { team: equal, from, before, desc, limit } = action;
              const page = await scope.list(people, {
                index: 'byTeam',
                equals: [equal],
                from,
                before,
                order: desc ? 'desc' : 'asc',
                limit,
              });
              const expected = [...model.values()]
                .filter((row) => row.team === equal && row.rank >= from && row.rank < before)
                .map((row) => row.rank)
                .sort((a, b) => (desc ? b - a : a - b))
                .slice(0, limit);
              expect(page.rows.map((row) => row.rank)).toEqual(expected);
              continue;
            }
            const id = ids[action.who] ?? newId('person');
            const expected = apply(model, id, action);
            const row = model.get(id) ?? person({ id });
            const outcome = await scope
              .write((tx) => {
                if (action.kind === 'delete') tx.delete(people, id);
                else {
                  const { team: its, rank: at, badge: number } = action;
                  tx[action.kind](people, { ...person({ id }), team: its, rank: at, badge: number });
                }
              })
              .then(
                () => 'done',
                (error: unknown) => (error instanceof StoreError ? error.code : String(error)),
              );
            expect(outcome).toBe(expected);
            if (model.has(id)) expect(await scope.get(people, id)).toEqual(row);
            else expect(await scope.find(people, id)).toBeUndefined();
          }
          expect((await scope.list(people)).rows).toHaveLength(model.size);
        }),
        { numRuns: 25 },
      );
    });
  });
}

function apply(
  model: Map<string, PersonRow>,
  id: PersonRow['id'],
  action: Exclude<Step, { kind: 'list' }>,
): string {
  if (action.kind === 'delete') {
    model.delete(id);
    return 'done';
  }
  if (action.kind === 'insert' && model.has(id)) return 'already_exists';
  const taken = [...model.values()].some(
    (row) => row.id !== id && row.badge !== null && row.badge === action.badge,
  );
  if (taken) return 'not_unique';
  model.set(id, person({ id, team: action.team, rank: action.rank, badge: action.badge }));
  return 'done';
}
