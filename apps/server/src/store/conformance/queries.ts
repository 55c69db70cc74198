/** Conformance: every query shape, cursors, expiry. */
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

export function describeQueries(engine: EngineUnderTest): void {
  describe('queries', () => {
    let bench: Bench;
    beforeAll(async () => {
      bench = await openBench(engine);
    });
    afterAll(() => bench.dispose());
    const scope = () => bench.store.tenant(bench.tenant);

    test('H1 a row is found by its key and its unique indexes, whole, and not by what it is not', async () => {
      const anna = person({ badge: 7, mail: 'Anna@Acme.test', note: 'tall', expiresAt: 5 });
      await scope().write((tx) => tx.insert(people, anna));
      expect(await scope().get(people, anna.id)).toEqual(anna);
      expect(await scope().find(people, newId('person'))).toBeUndefined();
      expect(await codeOf(scope().get(people, newId('person')))).toBe('not_found');
      expect(await scope().findBy(people, 'byBadge', 7)).toEqual(anna);
      expect(await scope().findBy(people, 'byBadge', 8)).toBeUndefined();
      expect(await scope().findBy(people, 'byMail', 'aNNA@acme.TEST')).toEqual(anna);
      expect(await scope().findBy(people, 'byMail', 'anna@acme.tes')).toBeUndefined();
      await scope().write((tx) => tx.delete(people, anna.id));
      expect(await scope().findBy(people, 'byMail', 'anna@acme.test')).toBeUndefined();
    });

    test('H1 a range is asked by equality prefix, bounds and order on the last part', async () => {
      const ats = [-(2 ** 53) + 1, -300, -1, 0, 1, 255, 256, 2 ** 32, 2 ** 53 - 1];
      await scope().write((tx) => {
        for (const at of ats) tx.insert(readings, { sensor: 's', at, value: 1 });
        for (const sensor of ['r', 's\0', 't', '']) tx.insert(readings, { sensor, at: 0, value: 2 });
      });
      const list = async (query: object) => (await scope().list(readings, query)).rows.map((row) => row.at);
      expect(await list({ equals: ['s'] })).toEqual(ats);
      expect(await list({ equals: ['s'], order: 'desc' })).toEqual([...ats].reverse());
      expect(await list({ equals: ['s'], from: -1, before: 256 })).toEqual([-1, 0, 1, 255]);
      expect(await list({ equals: ['s'], from: -1, before: 256, order: 'desc', limit: 2 })).toEqual([255, 1]);
      expect(await list({ equals: ['s', 256] })).toEqual([256]);
      expect(await list({ equals: ['none'] })).toEqual([]);
      const sensors = (await scope().list(readings, { from: 's', before: 't' })).rows.map(
        (row) => row.sensor,
      );
      expect(new Set(sensors)).toEqual(new Set(['s', 's\0']));
      expect((await scope().list(readings)).rows).toHaveLength(ats.length + 4);
    });

    test('H1 an index lists its rows in order, without those that lack a field', async () => {
      const team = `t${newId('person')}`;
      const rows = [3, 1, 2, 2].map((rank) => person({ team, rank, badge: null }));
      await scope().write((tx) => {
        for (const row of rows) tx.insert(people, row);
      });
      const ranks = (page: { rows: readonly { rank: number }[] }) => page.rows.map((row) => row.rank);
      expect(ranks(await scope().list(people, { index: 'byTeam', equals: [team] }))).toEqual([1, 2, 2, 3]);
      expect(
        ranks(await scope().list(people, { index: 'byTeam', equals: [team], from: 2, before: 3 })),
      ).toEqual([2, 2]);
      expect(ranks(await scope().list(people, { index: 'byTeam', equals: [team], order: 'desc' }))).toEqual([
        3, 2, 2, 1,
      ]);
      expect((await scope().list(people, { index: 'byBadge' })).rows).toEqual([]);
      await scope().write((tx) => tx.put(people, { ...(rows[0] ?? person()), team: 'moved' }));
      expect(ranks(await scope().list(people, { index: 'byTeam', equals: [team] }))).toEqual([1, 2, 2]);
    });

    test('H1 pages follow one another without gap or repetition, also while rows come and go', async () => {
      const sensor = 'paged';
      await scope().write((tx) => {
        for (let at = 0; at < 25; at++) tx.insert(readings, { sensor, at: at * 10, value: 0 });
      });
      for (const order of ['asc', 'desc'] as const) {
        const seen: number[] = [];
        let cursor: string | undefined;
        do {
          const page: { rows: readonly { at: number }[]; next: string | undefined } = await scope().list(
            readings,
            {
              equals: [sensor],
              order,
              limit: 4,
              ...(cursor === undefined ? {} : { cursor }),
            },
          );
          seen.push(...page.rows.map((row) => row.at));
          cursor = page.next;
          // What comes behind the reader, what goes before it, and the very row that the cursor names.
          const last = seen[seen.length - 1] ?? 0;
          await scope().write((tx) => {
            tx.put(readings, { sensor, at: order === 'asc' ? last - 5 : last + 5, value: 1 });
            tx.delete(readings, sensor, last);
          });
        } while (cursor !== undefined);
        expect(new Set(seen).size).toBe(seen.length);
        expect(seen.filter((at) => at % 10 === 0)).toHaveLength(
          order === 'asc' ? 25 : seen.filter((at) => at % 10 === 0).length,
        );
        expect([...seen].sort((a, b) => (order === 'asc' ? a - b : b - a))).toEqual(seen);
      }
    });

    test('H1 rows of bytes are listed by device, oldest first, and found by stored key', async () => {
      const [device, another] = [newId('device'), newId('device')];
      const { ops } = bench.store;
      const rowId = (n: number) => new Uint8Array([0, 0, n, 255 - n]);
      await scope().commit(
        [5, 1, 3].map((n) => ops.put(envelopes, [device, rowId(n)], new Uint8Array(n).fill(n), n)),
      );
      await scope().commit([ops.put(envelopes, [another, rowId(2)], new Uint8Array(0))]);
      const { rows } = await scope().list(envelopes, { equals: [device] });
      expect(rows.map((row) => row.value.length)).toEqual([1, 3, 5]);
      expect(rows.map((row) => row.expiresAt)).toEqual([1, 3, 5]);
      expect(rows[0]?.key).toEqual([device, rowId(1)]);
      expect(await scope().find(envelopes, another, rowId(2))).toMatchObject({
        value: new Uint8Array(0),
        expiresAt: undefined,
      });
      await scope().commit(rows.map((row) => ops.delete(envelopes, row.storedKey)));
      expect((await scope().list(envelopes, { equals: [device] })).rows).toEqual([]);
      expect((await scope().list(envelopes, { equals: [another] })).rows).toHaveLength(1);
    });

    test('H1 a page that is bounded by bytes ends soon behind them, and those behind it hold the rest, whole', async () => {
      const device = newId('device');
      const rowId = (n: number) => new Uint8Array([0, 0, n >> 8, n & 0xff]);
      // So many small ones, one large one, and small ones again.
      const sizes = Array.from({ length: 300 }, (_, n) => (n === 150 ? 300_000 : n % 40));
      await scope().commit(
        sizes.map((size, n) =>
          bench.store.ops.put(envelopes, [device, rowId(n)], new Uint8Array(size).fill(n)),
        ),
      );
      for (const bytesMax of [1, 500, 4_000, 10_000_000]) {
        const pages: number[][] = [];
        let cursor: string | undefined;
        do {
          const query = { equals: [device] as const, limit: 200, bytesMax };
          const page: { rows: readonly { value: Uint8Array }[]; next: string | undefined } =
            await scope().list(envelopes, cursor === undefined ? query : { ...query, cursor });
          pages.push(page.rows.map(({ value }) => value.length));
          cursor = page.next;
        } while (cursor !== undefined);
        expect(pages.flat()).toEqual(sizes);
        for (const page of pages) expect(page.length).toBeLessThanOrEqual(200);
        // Nothing much comes behind what was enough: an engine reads some rows at once.
        if (bytesMax < 4_000) expect(pages.length).toBeGreaterThan(3);
        else expect(pages.length).toBeLessThan(5);
      }
    });

    test('H1 expiry removes what is due, oldest first and no more than asked, and nothing else', async () => {
      const { store, other } = bench;
      const place = store.tenant(other);
      const device = newId('device');
      const rowId = (n: number) => new Uint8Array([0, 0, 0, n]);
      const times = [30, 10, 20, undefined, 40];
      await place.commit(
        times.map((time, n) => store.ops.put(envelopes, [device, rowId(n)], new Uint8Array([n]), time)),
      );
      expect(await place.count(envelopes, { equals: [device], limit: 10 })).toBe(5);
      expect(await place.count(envelopes, { equals: [device], limit: 3 })).toBe(3);
      expect(await place.count(envelopes, { equals: [newId('device')], limit: 3 })).toBe(0);
      expect(await place.expire(envelopes, 9)).toBe(0);
      expect(await place.expire(envelopes, 30, 2)).toBe(2);
      expect((await place.list(envelopes)).rows.map((row) => row.expiresAt)).toEqual([30, undefined, 40]);
      expect(await place.expire(envelopes, 30, 2)).toBe(1);
      expect(await place.expire(envelopes, 2 ** 52)).toBe(1);
      expect((await place.list(envelopes)).rows).toHaveLength(1);
    });

    test('H1 keys, values and pages at their limits are taken, and above them refused', async () => {
      const long = 'x'.repeat(1000);
      await scope().write((tx) => tx.insert(readings, { sensor: long, at: 1, value: 1 }));
      expect((await scope().list(readings, { equals: [long] })).rows).toHaveLength(1);
      const tooLong = 'x'.repeat(1024);
      expect(
        await codeOf(scope().write((tx) => tx.insert(readings, { sensor: tooLong, at: 1, value: 1 }))),
      ).toBe('too_large');
      expect(await codeOf(scope().find(readings, tooLong, 1))).toBe('too_large');
      const big = new Uint8Array(1024 * 1024).fill(3);
      const device = newId('device');
      await scope().commit([bench.store.ops.put(envelopes, [device, new Uint8Array(4)], big)]);
      expect((await scope().get(envelopes, device, new Uint8Array(4))).value).toEqual(big);
      for (const limit of [0, -1, 1.5, 1001, Number.NaN]) {
        expect(await codeOf(scope().list(readings, { limit }))).toBe('bad_request');
      }
      expect((await scope().list(readings, { limit: 1000 })).rows.length).toBeGreaterThan(1);
    });

    test('H1 a document that does not fit its schema is not written, and the error does not repeat it', async () => {
      const wrong = { ...person(), rank: 'SECRET-VALUE' } as unknown as ReturnType<typeof person>;
      const error = await scope()
        .write((tx) => tx.insert(people, wrong))
        .catch((reason: unknown) => reason as Error);
      expect(String(error)).toContain('rank');
      expect(String(error)).not.toContain('SECRET-VALUE');
      expect(await scope().find(people, wrong.id)).toBeUndefined();
    });
  });
}
