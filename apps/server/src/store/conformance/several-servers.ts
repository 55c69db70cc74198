/** Conformance of engines that several servers share: two stores on one database get in each other's way. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Store } from '../store.ts';
import {
  type Bench,
  codeOf,
  type EngineUnderTest,
  envelopes,
  gates,
  newId,
  openBench,
  people,
  person,
  readings,
} from './fixture.ts';

export function describeSeveralServers(name: string, engine: EngineUnderTest): void {
  describe(`${name} serves several servers`, () => {
    let bench: Bench;
    let other: Store;
    beforeAll(async () => {
      bench = await openBench(engine);
      other = await bench.second();
    });
    afterAll(() => bench.dispose());
    const scopes = () => [bench.store.tenant(bench.tenant), other.tenant(bench.tenant)] as const;
    const scope = (n: number) => scopes()[n % 2] ?? scopes()[0];
    const all = <T>(count: number, work: (n: number) => Promise<T>) =>
      Promise.allSettled(Array.from({ length: count }, (_, n) => work(n)));
    const done = (results: PromiseSettledResult<unknown>[]) =>
      results.filter((result) => result.status === 'fulfilled').length;

    test('H1 what one has committed the other reads at once', async () => {
      for (let n = 0; n < 20; n++) {
        const row = { sensor: 'seen', at: n, value: n };
        await scope(n).write((tx) => tx.put(readings, row));
        expect(await scope(n + 1).get(readings, 'seen', n)).toEqual(row);
        expect((await scope(n + 1).list(readings, { equals: ['seen'] })).rows).toHaveLength(n + 1);
      }
    });

    test('H1 of many on both that count one row up at once, each is counted exactly once', async () => {
      await scope(0).write((tx) => tx.insert(readings, { sensor: 'count', at: 0, value: 0 }));
      const results = await all(40, (n) =>
        scope(n).write(async (tx) => {
          const row = await tx.get(readings, 'count', 0);
          tx.put(readings, { ...row, value: row.value + 1 });
        }),
      );
      const refused = results.flatMap((result) => (result.status === 'rejected' ? result.reason.code : []));
      expect(new Set([...refused, 'store_busy'])).toEqual(new Set(['store_busy']));
      expect((await scope(1).get(readings, 'count', 0)).value).toBe(done(results));
      expect(done(results)).toBeGreaterThan(10);
    });

    test('H1 each looking at the row that the other changes, only one of two passes (write skew)', async () => {
      for (let round = 0; round < 15; round++) {
        const sensor = `skew-${round}`;
        await scope(0).write((tx) => {
          for (const at of [0, 1]) tx.insert(readings, { sensor, at, value: 1 });
        });
        // At least one of the two has to stay 1.
        await all(2, (n) =>
          scope(n).write(async (tx) => {
            const mine = await tx.get(readings, sensor, n);
            const theirs = await tx.get(readings, sensor, 1 - n);
            if (theirs.value === 1) tx.put(readings, { ...mine, value: 0 });
          }),
        );
        const { rows } = await scope(0).list(readings, { equals: [sensor] });
        expect(rows.reduce((sum, row) => sum + row.value, 0)).toBe(1);
      }
    });

    test('H1 each relying on the absence of the row that the other makes, only one of two passes', async () => {
      for (let round = 0; round < 15; round++) {
        const sensor = `absent-${round}`;
        await all(2, (n) =>
          scope(n).write(async (tx) => {
            const theirs = await tx.find(readings, sensor, 1 - n);
            if (theirs === undefined) tx.insert(readings, { sensor, at: n, value: 1 });
          }),
        );
        expect((await scope(0).list(readings, { equals: [sensor] })).rows).toHaveLength(1);
      }
    });

    test('H1 under one guard there are no phantoms', async () => {
      const results = await all(10, (n) =>
        scope(n).write(async (tx) => {
          await tx.guard('seats', 'room');
          const { rows } = await tx.list(readings, { equals: ['seat'] });
          if (rows.length >= 3) throw new Error('full');
          tx.insert(readings, { sensor: 'seat', at: n, value: rows.length });
        }),
      );
      expect(done(results)).toBe(3);
      expect((await scope(1).list(readings, { equals: ['seat'] })).rows).toHaveLength(3);
    });

    test('H1 a unique index has one winner among both, and the losers are told', async () => {
      const results = await all(20, (n) =>
        scope(n).write((tx) => tx.insert(people, person({ badge: 1, rank: n }))),
      );
      expect(done(results)).toBe(1);
      for (const result of results) {
        if (result.status === 'rejected')
          expect(result.reason).toMatchObject({ code: 'not_unique', index: 'byBadge' });
      }
    });

    test('H1 a value that a row gives up may be taken in the same list, and two rows cannot have it', async () => {
      const [one, two] = [person({ badge: 50 }), person({ badge: 51 })];
      await scope(0).write((tx) => {
        tx.insert(people, one);
        tx.insert(people, two);
      });
      await scope(1).write((tx) => {
        tx.put(people, { ...one, badge: 52 });
        tx.put(people, { ...two, badge: 50 });
      });
      expect((await scope(0).findBy(people, 'byBadge', 50))?.id).toBe(two.id);
      const wrong = scope(0).write((tx) => tx.put(people, { ...one, badge: 50 }));
      expect(await codeOf(wrong)).toBe('not_unique');
    });

    test('P5 once a gate was taken away, nothing that relied on it comes to be', async () => {
      const { ops } = bench.store;
      for (let round = 0; round < 5; round++) {
        const [gate, mailbox] = [newId('device'), newId('device')];
        await scope(0).commit([ops.put(gates, [gate], new Uint8Array(1))]);
        let stopped = false;
        let sent = 0;
        const send = async (n: number): Promise<number> => {
          let accepted = 0;
          for (let m = 0; m < 60; m++) {
            sent++;
            const key = new Uint8Array([round, n, 0, m]);
            const outcome = await scope(n).commit([
              ops.insert(envelopes, [mailbox, key], key),
              ops.mustExist(gates, [gate]),
            ]);
            if (!outcome.committed) {
              expect(outcome).toMatchObject({ failedAt: 1, reason: 'missing' });
              return accepted;
            }
            expect(stopped).toBe(false);
            accepted++;
          }
          return accepted;
        };
        const senders = [0, 1, 2, 3].map(send);
        while (sent < 12) await scope(1).find(gates, gate);
        await scope(1).commit([ops.delete(gates, [gate])]);
        const { rows } = await scope(1).list(envelopes, { equals: [mailbox], limit: 1_000 });
        const accepted = await Promise.all(senders);
        stopped = true;
        expect(rows).toHaveLength(accepted.reduce((sum, count) => sum + count, 0));
      }
    });

    test('H1 many who rely on one gate do not get in each other’s way', async () => {
      const { ops } = bench.store;
      const [gate, mailbox] = [newId('device'), newId('device')];
      await scope(0).commit([ops.put(gates, [gate], new Uint8Array(1))]);
      const outcomes = await Promise.all(
        Array.from({ length: 400 }, (_, n) => {
          const key = new Uint8Array([0, 0, n >> 8, n & 255]);
          return scope(n).commit([ops.insert(envelopes, [mailbox, key], key), ops.mustExist(gates, [gate])]);
        }),
      );
      expect(outcomes.every((outcome) => outcome.committed)).toBe(true);
    });

    test('B5 two first seals for one person on two servers end with one data key', async () => {
      const row = person({ name: 'first', mail: 'race@x.test' });
      await all(8, (rank) =>
        scope(rank).write(async (tx) => {
          await tx.find(people, row.id);
          tx.put(people, { ...row, rank });
        }),
      );
      for (const n of [0, 1]) expect(await scope(n).get(people, row.id)).toMatchObject({ name: 'first' });
    });

    test('B5 after one server has rotated the wrapping key, what the other seals can still be opened', async () => {
      await bench.store.rotateWrappingKey();
      const row = person({ name: 'after the rotation' });
      await scope(1).write((tx) => tx.insert(people, row));
      expect(await scope(0).get(people, row.id)).toEqual(row);
      const tenant = newId('tenant');
      await other.operator().createTenantSpace(tenant);
      await bench.store.rotateWrappingKey();
      await other.tenant(tenant).write((tx) => tx.insert(people, row));
      bench = await bench.reopen();
      expect(await bench.store.tenant(bench.tenant).get(people, row.id)).toEqual(row);
      expect(await bench.store.tenant(tenant).get(people, row.id)).toEqual(row);
    });

    test('B5 first seals on one server while the other rotates are never lost', async () => {
      const rows = Array.from({ length: 12 }, (_, n) => person({ name: `n${n}` }));
      const writing = all(rows.length, (n) =>
        other.tenant(bench.tenant).write((tx) => tx.insert(people, rows[n] ?? person())),
      );
      await Promise.all([bench.store.rotateWrappingKey(), writing]);
      bench = await bench.reopen();
      for (const [n, result] of (await writing).entries()) {
        if (result.status === 'fulfilled')
          expect(await bench.store.tenant(bench.tenant).get(people, rows[n]?.id ?? newId('person'))).toEqual(
            rows[n],
          );
      }
      expect(done(await writing)).toBe(rows.length);
    });

    test('C1 a hundred tenants on two servers each have their own rows', async () => {
      const tenants = Array.from({ length: 100 }, () => newId('tenant'));
      await Promise.all(
        tenants.map((tenant, n) => (n % 2 ? other : bench.store).operator().createTenantSpace(tenant)),
      );
      const both = (n: number) => (n % 2 ? bench.store : other);
      for (let round = 0; round < 3; round++) {
        await Promise.all(
          tenants.map((tenant, n) =>
            both(n + round)
              .tenant(tenant)
              .write((tx) => tx.insert(readings, { sensor: 's', at: round, value: n })),
          ),
        );
      }
      for (const [n, tenant] of tenants.entries()) {
        const { rows } = await both(n).tenant(tenant).list(readings);
        expect(rows.map((row) => [row.at, row.value])).toEqual([0, 1, 2].map((round) => [round, n]));
      }
    });
  });
}
