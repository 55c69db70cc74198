/** Conformance: rows are brought from one release's form into the next one's, killed after any step, and back as long as nothing is finalised. */
import { idSchema } from '@kuvert/protocol';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { type AnyCollection, collection } from '../collection.ts';
import { dataKeys } from '../data-keys.ts';
import { changeInstallation } from '../installation.ts';
import { migrate } from '../migrations.ts';
import { openSpaceStore, type SpaceStore, type StoreOptions } from '../open-store.ts';
import { type Bench, codeOf, type EngineUnderTest, newId, openBench } from './fixture.ts';

/** What the release before stored. */
const contactsBefore = collection('contacts', {
  document: z.object({ id: idSchema('person'), name: z.string(), phone: z.string(), city: z.string() }),
  key: ['id'],
  sealed: { phone: { subject: 'id' } },
  indexes: { byCity: ['city'] },
});

/** What this release stores: the name in two parts, an index and a blind index more. */
const contacts = collection('contacts', {
  document: z.object({
    id: idSchema('person'),
    first: z.string(),
    last: z.string(),
    phone: z.string(),
    city: z.string(),
  }),
  key: ['id'],
  sealed: { phone: { subject: 'id' } },
  indexes: { byCity: ['city'], byLast: ['last', 'first'] },
  blind: { byPhone: { field: 'phone' } },
  versions: {
    current: 2,
    since: 2,
    upgrade: ({ name, ...others }) => {
      const [first = '', last = ''] = String(name).split(' ');
      return { ...others, first, last };
    },
    downgrade: ({ first, last, ...others }) => ({ ...others, name: `${first} ${last}` }),
  },
});

class Killed extends Error {}

export function describeMigrations(engine: EngineUnderTest): void {
  describe('upgrades', () => {
    let bench: Bench;
    let open: SpaceStore[] = [];
    beforeEach(async () => {
      bench = await openBench(engine);
      await bench.store.close();
    });
    afterEach(async () => {
      for (const store of open) await store.close();
      open = [];
      await bench.dispose();
    });

    async function openAs(collections: readonly AnyCollection[], level: number): Promise<SpaceStore> {
      const options: StoreOptions = {
        folder: bench.dataFolder,
        keys: bench.keys,
        collections,
        openEngine: engine.open,
        onFailure: () => undefined,
        level,
      };
      const store = await openSpaceStore(options);
      open.push(store);
      return store;
    }
    const before = () => openAs([contactsBefore], 1);
    const now = () => openAs([contacts], 2);
    const close = async (store: SpaceStore): Promise<void> => {
      await store.close();
      open = open.filter((other) => other !== store);
    };

    const people = Array.from({ length: 230 }, (_, n) => ({
      id: newId('person'),
      name: `Anna${n} Berg${n % 7}`,
      phone: `+49${n}`,
      city: n % 2 ? 'Ulm' : 'Bonn',
    }));

    async function fill(): Promise<void> {
      const store = await before();
      await migrate(store, { level: 1 });
      for (const tenant of [bench.tenant, bench.other]) {
        await store.tenant(tenant).write((tx) => {
          for (const row of people) tx.insert(contactsBefore, row);
        });
      }
      await close(store);
    }

    async function expectUpgraded(store: SpaceStore): Promise<void> {
      for (const tenant of [bench.tenant, bench.other]) {
        const scope = store.tenant(tenant);
        const first = people[0];
        expect(await scope.get(contacts, first?.id ?? newId('person'))).toMatchObject({
          first: 'Anna0',
          last: 'Berg0',
        });
        const { rows } = await scope.list(contacts, { index: 'byLast', equals: ['Berg3'], limit: 500 });
        expect(rows).toHaveLength(people.filter(({ name }) => name.endsWith('Berg3')).length);
        expect((await scope.findBy(contacts, 'byPhone', '+4917'))?.first).toBe('Anna17');
        expect((await scope.list(contacts, { limit: 500 })).rows).toHaveLength(people.length);
      }
    }

    test('H1 what the release before has stored is read, found by new indexes, and still readable by that release', async () => {
      await fill();
      const store = await now();
      await migrate(store, { level: 2 });
      await expectUpgraded(store);
      const fresh = { id: newId('person'), first: 'New', last: 'Berg9', phone: '+491', city: 'Ulm' };
      await store.tenant(bench.tenant).write((tx) => tx.insert(contacts, fresh));
      await close(store);
      const old = await before();
      expect(await old.tenant(bench.tenant).get(contactsBefore, fresh.id)).toMatchObject({
        name: 'New Berg9',
        phone: '+491',
      });
      const { rows } = await old
        .tenant(bench.tenant)
        .list(contactsBefore, { index: 'byCity', equals: ['Ulm'], limit: 500 });
      expect(rows).toHaveLength(people.length / 2 + 1);
      // What it writes meanwhile lacks the new index, and gets it when the new release starts again.
      const late = { id: newId('person'), name: 'Late Berg9', phone: '+492', city: 'Ulm' };
      await old.tenant(bench.tenant).write((tx) => tx.insert(contactsBefore, late));
      await close(old);
      const again = await now();
      await migrate(again, { level: 2 });
      const found = await again.tenant(bench.tenant).list(contacts, { index: 'byLast', equals: ['Berg9'] });
      expect(found.rows.map((row) => row.first)).toEqual(['Late', 'New']);
    });

    test('H1 once finalised, rows are in the new form, the release before refuses, and nothing is done twice', async () => {
      await fill();
      const store = await now();
      await migrate(store, { level: 2 });
      await changeInstallation(store.operator(), { level: 2 });
      await close(store);
      const after = await now();
      expect(await migrate(after, { level: 2 })).toBeGreaterThan(2 * people.length - 1);
      expect(await migrate(after, { level: 2 })).toBe(0);
      await expectUpgraded(after);
      await close(after);
      expect(await codeOf(before())).toBe('data_too_new');
      expect(await codeOf(openAs([contacts], 4))).toBe('finalise_first');
    });

    test('H1 killed after any step, the next start goes on, and all is there in the end', async () => {
      await fill();
      let steps = 0;
      for (let lives = 1; ; lives++) {
        const store = await now();
        let left = lives;
        const ended = await migrate(store, {
          level: 2,
          afterStep: () => {
            steps++;
            if (left-- <= 0) throw new Killed();
          },
        }).then(
          () => true,
          (error: unknown) => {
            if (!(error instanceof Killed)) throw error;
            return false;
          },
        );
        if (ended) await expectUpgraded(store);
        await close(store);
        if (ended) break;
        expect(lives).toBeLessThan(60);
      }
      expect(steps).toBeGreaterThan(10);
    });

    test('B5 a row whose key was destroyed does not stand in the way', async () => {
      await fill();
      const old = await before();
      const victim = people[5]?.id ?? newId('person');
      await old.tenant(bench.tenant).write((tx) => tx.delete(dataKeys, victim));
      await close(old);
      const store = await now();
      await migrate(store, { level: 2 });
      const { rows } = await store
        .tenant(bench.tenant)
        .list(contacts, { index: 'byLast', equals: ['Berg6'], limit: 500 });
      expect(rows.length).toBeGreaterThan(10);
    });
  });
}
