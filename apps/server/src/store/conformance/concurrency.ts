/** Conformance: transactions that get in each other's way. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  type Bench,
  codeOf,
  type EngineUnderTest,
  envelopes,
  newId,
  openBench,
  people,
  person,
  readings,
} from './fixture.ts';

export function describeConcurrency(engine: EngineUnderTest): void {
  describe('concurrency', () => {
    let bench: Bench;
    beforeAll(async () => {
      bench = await openBench(engine);
    });
    afterAll(() => bench.dispose());
    const scope = () => bench.store.tenant(bench.tenant);
    const all = <T>(count: number, work: (n: number) => Promise<T>) =>
      Promise.allSettled(Array.from({ length: count }, (_, n) => work(n)));
    const done = (results: PromiseSettledResult<unknown>[]) =>
      results.filter((result) => result.status === 'fulfilled').length;

    test('H1 of many that count one row up at once, each is counted exactly once', async () => {
      await scope().write((tx) => tx.insert(readings, { sensor: 'count', at: 0, value: 0 }));
      let runs = 0;
      const results = await all(40, () =>
        scope().write(async (tx) => {
          runs++;
          const row = await tx.get(readings, 'count', 0);
          tx.put(readings, { ...row, value: row.value + 1 });
        }),
      );
      expect(done(results)).toBe(40);
      expect((await scope().get(readings, 'count', 0)).value).toBe(40);
      expect(runs).toBeGreaterThan(40);
    });

    test('H1 a unique index has one winner, and the losers are told', async () => {
      const results = await all(20, (n) =>
        scope().write((tx) => tx.insert(people, person({ badge: 1, rank: n }))),
      );
      expect(done(results)).toBe(1);
      for (const result of results) {
        if (result.status === 'rejected')
          expect(result.reason).toMatchObject({ code: 'not_unique', index: 'byBadge' });
      }
      const mails = await all(20, (n) =>
        scope().write((tx) => tx.put(people, person({ mail: 'one@x.test', rank: n }))),
      );
      expect(done(mails)).toBe(1);
    });

    test('H1 a body that looks first sees the winner in its second run', async () => {
      const answers = await Promise.all(
        Array.from({ length: 10 }, () =>
          scope().write(async (tx) => {
            const taken = await tx.findBy(people, 'byBadge', 2);
            const seen = await tx.find(people, newId('person'));
            if (taken !== undefined || seen !== undefined) return 'taken';
            tx.insert(people, person({ badge: 2 }));
            return 'mine';
          }),
        ),
      );
      expect(answers.filter((answer) => answer === 'mine')).toHaveLength(1);
    });

    test('H1 an insert of a key that is taken is refused, and takes its whole list with it', async () => {
      const row = person();
      await scope().write((tx) => tx.insert(people, row));
      const write = scope().write((tx) => {
        tx.put(readings, { sensor: 'whole', at: 0, value: 0 });
        tx.insert(people, { ...row, name: 'Other' });
        tx.put(readings, { sensor: 'whole', at: 1, value: 0 });
      });
      expect(await codeOf(write)).toBe('already_exists');
      expect((await scope().list(readings, { equals: ['whole'] })).rows).toEqual([]);
      expect(await scope().get(people, row.id)).toEqual(row);
    });

    test('H1 a prebuilt list is committed whole or not at all, and says which condition failed', async () => {
      const { ops } = bench.store;
      const device = newId('device');
      const key = (n: number) => new Uint8Array([1, 0, 0, n]);
      const insert = (n: number) => ops.insert(envelopes, [device, key(n)], key(n));
      expect(await scope().commit([insert(0), insert(1)])).toMatchObject({ committed: true });
      expect(await scope().commit([insert(2), insert(1), insert(3)])).toMatchObject({
        committed: false,
        failedAt: 1,
        reason: 'exists',
      });
      expect(await scope().commit([insert(4), ops.mustExist(envelopes, [device, key(9)])])).toMatchObject({
        failedAt: 1,
        reason: 'missing',
      });
      const twice = await Promise.all([
        scope().commit([insert(5), insert(6)]),
        scope().commit([insert(6), insert(7)]),
      ]);
      expect(twice.filter((outcome) => outcome.committed)).toHaveLength(1);
      const { rows } = await scope().list(envelopes, { equals: [device] });
      expect(rows.map((row) => row.key[1][3])).toEqual([0, 1, ...(twice[0]?.committed ? [5, 6] : [6, 7])]);
    });

    test('H1 a row deleted and made again in the meantime counts as changed', async () => {
      const key = ['aba', 0] as const;
      await scope().write((tx) => tx.insert(readings, { sensor: 'aba', at: 0, value: 1 }));
      let runs = 0;
      await scope().write(async (tx) => {
        const row = await tx.get(readings, ...key);
        if (++runs === 1) {
          await scope().write((inner) => inner.delete(readings, ...key));
          await scope().write((inner) => inner.insert(readings, { sensor: 'aba', at: 0, value: 1 }));
        }
        tx.put(readings, { sensor: 'aba', at: 1, value: row.value });
      });
      expect(runs).toBe(2);
    });

    test('H1 a row that a list returned, and the absence that a look-up saw, are checked at commit', async () => {
      await scope().write((tx) => tx.insert(readings, { sensor: 'listed', at: 0, value: 1 }));
      let runs = 0;
      const sum = await scope().write(async (tx) => {
        const { rows } = await tx.list(readings, { equals: ['listed'] });
        const absent = await tx.find(readings, 'listed', 5);
        if (++runs === 1)
          await scope().write((inner) => inner.put(readings, { sensor: 'listed', at: 0, value: 7 }));
        if (runs === 2)
          await scope().write((inner) => inner.put(readings, { sensor: 'listed', at: 5, value: 8 }));
        const total = rows.reduce((before, row) => before + row.value, absent === undefined ? 0 : 1);
        tx.put(readings, { sensor: 'sum', at: 0, value: total });
        return total;
      });
      expect([runs, sum]).toEqual([3, 16]);
    });

    test('H1 a guard makes write skew and phantoms impossible', async () => {
      const results = await all(12, (n) =>
        scope().write(async (tx) => {
          await tx.guard('seats', 'room');
          const { rows } = await tx.list(readings, { equals: ['seat'] });
          if (rows.length >= 3) throw new Error('full');
          tx.insert(readings, { sensor: 'seat', at: n, value: rows.length });
        }),
      );
      expect(done(results)).toBe(3);
      expect((await scope().list(readings, { equals: ['seat'] })).rows).toHaveLength(3);
      // Two rows of which one must stay, each looked at by the one who deletes the other.
      const pair = [0, 1].map((rank) => person({ team: 'admins', rank }));
      await scope().write((tx) => {
        for (const row of pair) tx.insert(people, row);
      });
      const resign = await all(2, (n) =>
        scope().write(async (tx) => {
          await tx.guard('admins');
          const { rows } = await tx.list(people, { index: 'byTeam', equals: ['admins'] });
          if (rows.length < 2) throw new Error('last one');
          tx.delete(people, pair[n]?.id ?? newId('person'));
        }),
      );
      expect(done(resign)).toBe(1);
    });

    test('H1 a guard behind a list is a mistake that is named', async () => {
      const late = scope().write(async (tx) => {
        await tx.list(readings);
        await tx.guard('late');
      });
      expect(await codeOf(late)).toContain('has to come before');
    });

    test('H1 a body sees what it wrote and leaves nothing behind when it throws', async () => {
      const row = person({ name: 'Mine' });
      const failed = scope().write(async (tx) => {
        tx.insert(people, row);
        expect(await tx.get(people, row.id)).toEqual(row);
        tx.delete(people, row.id);
        expect(await tx.find(people, row.id)).toBeUndefined();
        tx.put(people, row);
        throw new Error('changed my mind');
      });
      expect(await codeOf(failed)).toBe('changed my mind');
      expect(await scope().find(people, row.id)).toBeUndefined();
    });

    test('H1 an error that comes from reading two things at two times is not the last word', async () => {
      await scope().write((tx) => {
        tx.put(readings, { sensor: 'left', at: 0, value: 0 });
        tx.put(readings, { sensor: 'right', at: 0, value: 0 });
      });
      let runs = 0;
      await scope().write(async (tx) => {
        const left = await tx.get(readings, 'left', 0);
        if (++runs === 1) {
          await scope().write((inner) => {
            inner.put(readings, { sensor: 'left', at: 0, value: 1 });
            inner.put(readings, { sensor: 'right', at: 0, value: 1 });
          });
        }
        const right = await tx.get(readings, 'right', 0);
        if (left.value !== right.value) throw new Error('they always change together');
      });
      expect(runs).toBe(2);
    });

    test('H1 a body that is disturbed without end gives up with an error that says to try again', async () => {
      await scope().write((tx) => tx.put(readings, { sensor: 'busy', at: 0, value: 0 }));
      let other = 0;
      const write = scope().write(async (tx) => {
        const row = await tx.get(readings, 'busy', 0);
        const { ops } = bench.store;
        expect(ops).toBeDefined();
        await scope().write((inner) => inner.put(readings, { sensor: 'busy', at: 0, value: ++other }));
        tx.put(readings, { ...row, value: -1 });
      });
      expect(await codeOf(write)).toBe('store_busy');
      expect((await scope().get(readings, 'busy', 0)).value).toBe(other);
    });

    test('B5 two first seals for one person at once end with one data key', async () => {
      const row = person({ name: 'first', mail: 'race@x.test' });
      await Promise.all(
        Array.from({ length: 8 }, (_, rank) =>
          scope().write(async (tx) => {
            await tx.find(people, row.id);
            tx.put(people, { ...row, rank });
          }),
        ),
      );
      bench = await bench.reopen();
      expect(await scope().get(people, row.id)).toMatchObject({ name: 'first', mail: 'race@x.test' });
    });
  });
}
