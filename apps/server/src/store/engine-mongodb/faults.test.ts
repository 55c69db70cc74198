import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import {
  type Bench,
  codeOf,
  envelopes,
  newId,
  openBench,
  people,
  person,
  readings,
} from '../conformance/fixture.ts';
import { startTestMongo } from '../conformance/mongo-server.ts';

const mongo = await startTestMongo();
afterAll(() => mongo.stop());
const { double } = mongo;

/** A real server has no faults to order; the campaign with real kills is in tests/faults. */
describe.skipIf(double === undefined)('engine-mongodb when things go wrong', () => {
  if (double === undefined) return;
  let bench: Bench;
  beforeAll(async () => {
    bench = await openBench(mongo.engine());
  });
  afterEach(() => double.faults.clear());
  afterAll(() => bench.dispose());
  const scope = () => bench.store.tenant(bench.tenant);
  const rowsOf = async (device: ReturnType<typeof newId<'device'>>) =>
    (await scope().list(envelopes, { equals: [device], limit: 1_000 })).rows;
  const key = (n: number) => new Uint8Array([0, 0, n >> 8, n & 255]);

  test.for([
    ['cut-before', 'commitTransaction'],
    ['cut-after', 'commitTransaction'],
    ['cut-before', 'update'],
    ['cut-after', 'update'],
    ['cut-before', 'insert'],
    ['cut-after', 'insert'],
    ['cut-before', 'find'],
    ['cut-after', 'find'],
    ['step-down', 'commitTransaction'],
    ['step-down-after', 'commitTransaction'],
    ['step-down', 'update'],
    ['step-down-after', 'update'],
    ['step-down', 'find'],
    ['slow-majority', 'commitTransaction'],
  ] as const)('H1 %s of a %s: the list is committed once and whole', async ([kind, command]) => {
    const device = newId('device');
    const row = person({ name: kind });
    double.faults.order({ kind, commands: [command], ms: 150 });
    const { ops } = bench.store;
    const outcome = await scope().commit([
      ops.insert(envelopes, [device, key(1)], key(1)),
      ops.put(envelopes, [device, key(2)], key(2)),
    ]);
    expect(outcome).toEqual({ committed: true });
    expect(await rowsOf(device)).toHaveLength(2);
    double.faults.order({ kind, commands: [command], ms: 150 });
    await scope().write(async (tx) => {
      expect(await tx.find(people, row.id)).toBeUndefined();
      tx.insert(people, row);
    });
    expect(await scope().get(people, row.id)).toEqual(row);
  });

  test('P2 what was committed later is never seen before what is still on its way, nor instead of it', async () => {
    const { ops } = bench.store;
    for (const kind of ['error', 'cut-before', 'step-down'] as const) {
      for (let times = 0; times < 5; times++) {
        const device = newId('device');
        double.faults.order({ kind, code: 112, commands: ['insert', 'update', 'commitTransaction'], ms: 50 });
        const commits: Promise<unknown>[] = [];
        for (let n = 0; n < 5; n++) {
          commits.push(scope().commit([ops.insert(envelopes, [device, key(n)], key(n))]));
          await new Promise(setImmediate);
        }
        const all = Promise.allSettled(commits);
        let isOver = false;
        void all.then(() => {
          isOver = true;
        });
        while (!isOver) {
          const seen = await rowsOf(device);
          expect(seen.map(({ value }) => [...value])).toEqual(seen.map((_, n) => [...key(n)]));
        }
        expect((await all).map(({ status }) => status)).toEqual(commits.map(() => 'fulfilled'));
      }
    }
  });

  test('H1 a connection that is cut in the middle of everything loses nothing', async () => {
    const device = newId('device');
    const { ops } = bench.store;
    const commits = Array.from({ length: 200 }, (_, n) =>
      scope().commit([ops.insert(envelopes, [device, key(n)], key(n))]),
    );
    await scope().find(envelopes, device, key(0));
    double.cutAll();
    const outcomes = await Promise.allSettled(commits);
    const committed = outcomes.filter((outcome) => outcome.status === 'fulfilled' && outcome.value.committed);
    expect((await rowsOf(device)).length).toBeGreaterThanOrEqual(committed.length);
    expect(committed.length).toBe(200);
  });

  test('H1 a primary that steps down in the middle of transactions is waited for', async () => {
    await scope().write((tx) => tx.put(readings, { sensor: 'down', at: 0, value: 0 }));
    const counting = Promise.all(
      Array.from({ length: 12 }, () =>
        scope().write(async (tx) => {
          const row = await tx.get(readings, 'down', 0);
          tx.put(readings, { ...row, value: row.value + 1 });
        }),
      ),
    );
    await scope().find(readings, 'down', 0);
    double.stepDown(200);
    await counting;
    expect((await scope().get(readings, 'down', 0)).value).toBe(12);
  });

  test('H1 on a full disk writes are refused, reads go on, and it recovers when there is space', async () => {
    const device = newId('device');
    const { ops } = bench.store;
    await scope().commit([ops.put(envelopes, [device, key(1)], key(1))]);
    double.faults.diskFull = true;
    expect(await codeOf(scope().commit([ops.put(envelopes, [device, key(2)], key(2))]))).toBe('disk_full');
    expect(await codeOf(scope().write((tx) => tx.insert(people, person())))).toBe('disk_full');
    expect(await rowsOf(device)).toHaveLength(1);
    double.faults.diskFull = false;
    expect(await scope().commit([ops.put(envelopes, [device, key(2)], key(2))])).toEqual({ committed: true });
    expect(await rowsOf(device)).toHaveLength(2);
  });

  test('H1 while the majority is slow, many commits wait together and all of them are answered', async () => {
    double.faults.majorityDelayMs = 300;
    const device = newId('device');
    const { ops } = bench.store;
    const began = performance.now();
    const outcomes = await Promise.all(
      Array.from({ length: 300 }, (_, n) =>
        scope().commit([ops.insert(envelopes, [device, key(n)], key(n))]),
      ),
    );
    double.faults.majorityDelayMs = 0;
    expect(outcomes.every((outcome) => outcome.committed)).toBe(true);
    // One after another they would take a minute and a half.
    expect(performance.now() - began).toBeLessThan(80_000);
  });

  test.for([
    [112, 'WriteConflict'],
    [251, 'NoSuchTransaction'],
    [10107, 'NotWritablePrimary'],
    [11600, 'InterruptedAtShutdown'],
    [91, 'ShutdownInProgress'],
  ] as const)('H1 an error %i (%s) that comes once is not the caller’s business', async ([code]) => {
    const row = { sensor: `e${code}`, at: 0, value: 1 };
    for (const command of ['update', 'insert', 'commitTransaction']) {
      if (code === 112 && command === 'commitTransaction') continue;
      double.faults.order({ kind: 'error', commands: [command], code });
      await scope().write((tx) => tx.put(readings, row));
    }
    expect(await scope().get(readings, `e${code}`, 0)).toEqual(row);
  });

  test('H1 what a server answers in its own words does not get through', async () => {
    double.faults.order({ kind: 'error', commands: ['find'], code: 13 });
    const error = await scope()
      .find(readings, 'x', 0)
      .catch((reason: unknown) => reason as Error);
    expect(error).toMatchObject({ code: 'store_denied' });
    double.faults.order({ kind: 'error', commands: ['update'], code: 8_000 });
    expect(await codeOf(scope().write((tx) => tx.put(readings, { sensor: 'q', at: 0, value: 0 })))).toBe(
      'disk_full',
    );
  });

  test('P1 through a campaign of cuts and step-downs, what was confirmed is there once, and nothing is half there', async () => {
    // Of this one several of the first commands are cut.
    const seed = process.env.KUVERT_TEST_SEED ?? '6';
    console.error(`seed of this campaign: ${seed}`);
    const device = newId('device');
    const { ops } = bench.store;
    double.faults.follow({
      seed,
      ms: 60,
      perThousand: {
        'cut-before': 25,
        'cut-after': 25,
        'step-down': 4,
        'step-down-after': 4,
        'slow-majority': 10,
      },
    });
    const cuts = () => double.faults.happened['cut-before'] + double.faults.happened['cut-after'];
    const before = cuts();
    const confirmed = new Set<number>();
    const refused: string[] = [];
    const send = async (lane: number) => {
      for (let n = lane; n < 400; n += 8) {
        const list = [
          ops.insert(envelopes, [device, key(2 * n)], key(n)),
          ops.insert(envelopes, [device, key(2 * n + 1)], key(n)),
        ];
        // As clients do: the same again until there is an answer.
        for (;;) {
          const outcome = await scope()
            .commit(list)
            .catch((error: { code?: string }) => String(error.code));
          if (typeof outcome !== 'string') {
            confirmed.add(n);
            break;
          }
          refused.push(outcome);
        }
      }
    };
    await Promise.all(Array.from({ length: 8 }, (_, lane) => send(lane)));
    double.faults.clear();
    const there = new Set(
      (await rowsOf(device)).map((row) => ((row.key[1][2] ?? 0) << 8) | (row.key[1][3] ?? 0)),
    );
    for (const n of confirmed) expect([there.has(2 * n), there.has(2 * n + 1)]).toEqual([true, true]);
    expect(there.size).toBe(800);
    expect(cuts()).toBeGreaterThan(before);
    expect(new Set([...refused, 'store_unavailable', 'store_busy'])).toEqual(
      new Set(['store_unavailable', 'store_busy']),
    );
  });
});
