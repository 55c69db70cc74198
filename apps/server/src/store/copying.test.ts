import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  type Bench,
  codeOf,
  envelopes,
  newId,
  notes,
  openBench,
  people,
  person,
  readings,
} from './conformance/fixture.ts';
import { startTestMongo } from './conformance/mongo-server.ts';
import { type CopyEnd, type CopyProgress, copyStore } from './copying.ts';
import { openSqliteEngine } from './engine-sqlite/engine.ts';
import { changeInstallation } from './installation.ts';
import { openSpaceStore } from './open-store.ts';

const mongo = await startTestMongo();
const root = mkdtempSync(join(tmpdir(), 'copy-'));
afterAll(async () => {
  await mongo.stop();
  rmSync(root, { recursive: true, force: true });
});

const onMongo = mongo.engine();
const ROWS = 1_300;
let places = 0;

for (const [from, to] of [
  ['files', 'MongoDB'],
  ['MongoDB', 'files'],
] as const) {
  describe(`from ${from} to ${to}`, () => {
    let bench: Bench;
    const rows = Array.from({ length: 30 }, (_, n) =>
      person({ rank: n, badge: n, name: `n${n}`, mail: `m${n}@x.test` }),
    );
    const device = newId('device');
    const rowId = (n: number) => new Uint8Array([0, 0, n >> 8, n & 255]);
    beforeAll(async () => {
      bench = await openBench(from === 'files' ? { open: openSqliteEngine } : onMongo);
      const scope = bench.store.tenant(bench.tenant);
      await scope.write((tx) => {
        for (const row of rows) tx.insert(people, row);
        for (const at of [-5, 0, 5]) tx.insert(readings, { sensor: 's\0', at, value: at });
      });
      for (let n = 0; n < ROWS; n += 100) {
        await scope.commit(
          Array.from({ length: 100 }, (_, m) =>
            bench.store.ops.put(
              envelopes,
              [device, rowId(n + m)],
              new Uint8Array(n % 300),
              n % 3 ? n : undefined,
            ),
          ),
        );
      }
      await bench.store.operator().write((tx) => tx.insert(notes, { id: 'n', text: 'text' }));
      await bench.store.close();
    });
    afterAll(() => bench.dispose());

    const target = (): CopyEnd => {
      const folder = join(root, `target-${places++}`);
      mkdirSync(folder);
      return to === 'files' ? { folder } : { folder, openEngine: onMongo.open };
    };
    const source = (): CopyEnd =>
      from === 'files'
        ? { folder: bench.dataFolder }
        : { folder: bench.dataFolder, openEngine: onMongo.open };
    const copy = (end: CopyEnd, onProgress: (progress: CopyProgress) => void = () => undefined) =>
      copyStore({ keys: bench.keys, collections: bench.collections, from: source(), to: end, onProgress });
    const openAt = (end: CopyEnd) =>
      openSpaceStore({
        ...end,
        keys: bench.keys,
        collections: bench.collections,
        onFailure: () => undefined,
      });

    async function expectWhole(end: CopyEnd): Promise<void> {
      const store = await openAt(end);
      try {
        const scope = store.tenant(bench.tenant);
        for (const row of rows) expect(await scope.get(people, row.id)).toEqual(row);
        expect((await scope.findBy(people, 'byMail', 'M7@x.test'))?.rank).toBe(7);
        expect((await scope.findBy(people, 'byBadge', 9))?.name).toBe('n9');
        expect((await scope.list(readings)).rows.map((row) => row.at)).toEqual([-5, 0, 5]);
        expect((await scope.list(envelopes, { limit: 1_000 })).rows).toHaveLength(1_000);
        expect(await store.operator().get(notes, 'n')).toMatchObject({ text: 'text' });
        expect(await codeOf(scope.write((tx) => tx.insert(people, person({ badge: 3 }))))).toBe('not_unique');
      } finally {
        await store.close();
      }
    }

    test('H1 everything is there, counted and hashed, and a target with data is refused', async () => {
      const end = target();
      const steps: CopyProgress[] = [];
      const copied = await copy(end, (progress) => steps.push(progress));
      expect(
        copied.find(({ space, collection }) => space === bench.tenant && collection === 'envelopes')?.rows,
      ).toBe(ROWS);
      for (const { sha256 } of copied) expect(sha256).toMatch(/^[0-9a-f]{64}$/);
      expect(steps.filter(({ step }) => step === 'verified')).toHaveLength(copied.length);
      await expectWhole(end);
      expect(await codeOf(copy(end))).toBe('store_not_empty');
    });

    test('H1 stopped after any step it goes on, opens for nobody before its end, and follows what has changed', async () => {
      const end = target();
      let life = 0;
      for (let ended = false; !ended; life += 7) {
        let left = life;
        ended = await copy(end, () => {
          if (left-- <= 0) throw new Error('stopped');
        }).then(
          () => true,
          (error: Error) => {
            expect(error.message).toBe('stopped');
            return false;
          },
        );
        if (ended) break;
        expect(await codeOf(openAt(end))).toBe('data_damaged');
        expect(life).toBeLessThan(200);
        if (life !== 14) continue;
        // The source goes on living between two attempts.
        const store = await openAt(source());
        await store.tenant(bench.tenant).commit([store.ops.delete(envelopes, [device, rowId(3)])]);
        await store
          .tenant(bench.tenant)
          .commit([store.ops.put(envelopes, [device, rowId(3)], new Uint8Array(9))]);
        await store.close();
      }
      expect(life).toBeGreaterThan(14);
      await expectWhole(end);
      const store = await openAt(end);
      expect((await store.tenant(bench.tenant).get(envelopes, device, rowId(3))).value).toHaveLength(9);
      await store.close();
    });

    test('P5 what was restored opens for nobody before the ledger was gone through', async () => {
      const end = target();
      await copyStore({
        keys: bench.keys,
        collections: bench.collections,
        from: source(),
        to: end,
        beforeOpening: (restored) => changeInstallation(restored.operator(), { epoch: 9, restore: 'replay' }),
      });
      expect(await codeOf(openAt(end))).toBe('restore_unfinished');
      const store = await openSpaceStore({
        ...end,
        keys: bench.keys,
        collections: bench.collections,
        onFailure: () => undefined,
        mayBeUnfinished: true,
      });
      expect(store.installation.epoch).toBe(9);
      await changeInstallation(store.operator(), { restore: 'none' });
      await store.close();
      await expectWhole(end);
    });

    test('H1 nothing can be copied from where nothing is', async () => {
      const nothing =
        from === 'files'
          ? { folder: mkdtempSync(join(root, 'none-')) }
          : { folder: join(root, 'none'), openEngine: onMongo.open };
      const copying = copyStore({
        keys: bench.keys,
        collections: bench.collections,
        from: nothing,
        to: target(),
      });
      expect(await codeOf(copying)).toBe('store_empty');
    });
  });
}
