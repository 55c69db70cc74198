/** Conformance: what belongs to one tenant, and what lies on the disk. */
import { KuvertError } from '@kuvert/protocol';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  type Bench,
  codeOf,
  type EngineUnderTest,
  envelopes,
  newId,
  notes,
  openBench,
  people,
  person,
  readings,
} from './fixture.ts';

export function describeIsolation(engine: EngineUnderTest): void {
  describe('isolation', () => {
    let bench: Bench;
    beforeAll(async () => {
      bench = await openBench(engine);
    });
    afterAll(() => bench.dispose());

    test('C1 an id of another tenant is answered on every call like one that does not exist', async () => {
      const { store, tenant, other } = bench;
      const theirs = person({ badge: 1, mail: 'b@x.test' });
      const device = newId('device');
      const rowId = new Uint8Array(4);
      await store.tenant(other).write((tx) => tx.insert(people, theirs));
      await store.tenant(other).commit([store.ops.put(envelopes, [device, rowId], rowId, 1)]);
      const mine = store.tenant(tenant);
      expect(await mine.find(people, theirs.id)).toBeUndefined();
      expect(await codeOf(mine.get(people, theirs.id))).toBe('not_found');
      expect(await mine.findBy(people, 'byBadge', 1)).toBeUndefined();
      expect(await mine.findBy(people, 'byMail', 'b@x.test')).toBeUndefined();
      expect((await mine.list(people)).rows).toEqual([]);
      expect((await mine.list(people, { index: 'byTeam', equals: [theirs.team] })).rows).toEqual([]);
      expect((await mine.list(envelopes, { equals: [device] })).rows).toEqual([]);
      expect(await mine.expire(envelopes, 100)).toBe(0);
      expect(await mine.commit([store.ops.mustExist(envelopes, [device, rowId])])).toMatchObject({
        reason: 'missing',
      });
      await mine.commit([store.ops.delete(envelopes, [device, rowId])]);
      await mine.write(async (tx) => {
        expect(await tx.find(people, theirs.id)).toBeUndefined();
        tx.delete(people, theirs.id);
        tx.insert(people, { ...theirs, name: 'Mine' });
      });
      expect(await store.tenant(other).get(people, theirs.id)).toEqual(theirs);
      expect((await store.tenant(other).list(envelopes)).rows).toHaveLength(1);
    });

    test('C1 a cursor of another tenant, collection, index, order or bound is refused, and so is an altered one', async () => {
      const { store, tenant, other } = bench;
      for (const id of [tenant, other]) {
        await store.tenant(id).write((tx) => {
          for (let n = 0; n < 3; n++) {
            tx.insert(people, person({ team: 'cursor', rank: n }));
            tx.insert(readings, { sensor: 'c', at: n, value: n });
          }
        });
      }
      const mine = store.tenant(tenant);
      const query = { equals: ['c'], limit: 1 } as const;
      const cursor = (await mine.list(readings, query)).next ?? '';
      expect((await mine.list(readings, { ...query, cursor })).rows.map((row) => row.at)).toEqual([1]);
      const foreign = [
        store.tenant(other).list(readings, { ...query, cursor }),
        mine.list(people, { index: 'byTeam', limit: 1, cursor }),
        mine.list(people, { limit: 1, cursor }),
        mine.list(readings, { ...query, order: 'desc', cursor }),
        mine.list(readings, { limit: 1, cursor }),
        mine.list(readings, { ...query, before: 2, cursor }),
        mine.write((tx) => tx.list(readings, { limit: 1, cursor })),
        store.operator().list(notes, { limit: 1, cursor }),
      ];
      for (const call of foreign) expect(await codeOf(call)).toBe('cursor_invalid');
      for (let at = 0; at < cursor.length; at++) {
        const altered = `${cursor.slice(0, at)}${cursor[at] === 'A' ? 'B' : 'A'}${cursor.slice(at + 1)}`;
        expect(await codeOf(mine.list(readings, { ...query, cursor: altered }))).toBe('cursor_invalid');
      }
      for (const altered of ['', 'A', `${cursor}A`, cursor.slice(1), `${cursor}=`, 'ä']) {
        expect(await codeOf(mine.list(readings, { ...query, cursor: altered }))).toBe('cursor_invalid');
      }
    });

    test('C1 a tenant without a space has nothing and gets nothing', async () => {
      const { store } = bench;
      const nobody = store.tenant(newId('tenant'));
      expect(await codeOf(nobody.find(people, newId('person')))).toBe('not_found');
      expect(await codeOf(nobody.list(readings))).toBe('not_found');
      expect(await codeOf(nobody.expire(envelopes, 1))).toBe('not_found');
      expect(await codeOf(nobody.commit([]))).toBe('not_found');
      expect(await codeOf(nobody.write((tx) => tx.insert(people, person())))).toBe('not_found');
      expect(() => store.tenant('../../control' as never)).toThrow(KuvertError);
      expect(() => store.tenant(newId('person') as never)).toThrow(KuvertError);
    });

    test('C1 a collection is out of reach of the other scope', async () => {
      const { store, tenant } = bench;
      expect(await codeOf(untyped(store.tenant(tenant)).find(notes, 'x'))).toContain('does not live');
      expect(await codeOf(untyped(store.operator()).find(people, newId('person')))).toContain(
        'does not live',
      );
    });

    test('B5 nothing that is sealed, and nothing else either, can be read in the files', async () => {
      const { store, tenant } = bench;
      const row = person({
        name: 'CanaryName',
        mail: 'canary@mail.test',
        note: 'CanaryNote',
        team: 'CanaryTeam',
      });
      await store.tenant(tenant).write((tx) => tx.insert(people, row));
      await store.operator().write((tx) => tx.insert(notes, { id: 'n', text: 'CanaryText' }));
      const disk = await bench.bytesStored();
      for (const canary of ['CanaryName', 'canary@mail', 'CanaryNote', 'CanaryTeam', 'CanaryText']) {
        expect(disk.includes(canary)).toBe(false);
        expect(disk.includes(Buffer.from(canary).toString('base64'))).toBe(false);
      }
    });

    test('B5 everything is there again after closing and opening, under the right keys only', async () => {
      const row = person({ name: 'Bert', mail: 'bert@x.test', badge: 99 });
      await bench.store.tenant(bench.tenant).write((tx) => tx.insert(people, row));
      const cursor = (await bench.store.tenant(bench.tenant).list(people, { limit: 1 })).next ?? '';
      bench = await bench.reopen();
      const mine = bench.store.tenant(bench.tenant);
      expect(await mine.get(people, row.id)).toEqual(row);
      expect(await mine.findBy(people, 'byMail', 'bert@x.test')).toEqual(row);
      expect((await mine.list(people, { limit: 1, cursor })).rows).toHaveLength(1);
      expect(new Set(await bench.store.operator().listTenantSpaces())).toEqual(
        new Set([bench.tenant, bench.other]),
      );
    });
  });
}

/** A scope as somebody without a type checker would use it. */
function untyped(scope: unknown): { find(collection: unknown, key: unknown): Promise<unknown> } {
  return scope as { find(collection: unknown, key: unknown): Promise<unknown> };
}
