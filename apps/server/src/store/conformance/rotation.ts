/** Conformance: rotation of the wrapping key. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Bench, type EngineUnderTest, notes, openBench, people, person } from './fixture.ts';

export function describeRotation(engine: EngineUnderTest): void {
  describe('rotation', () => {
    let bench: Bench;
    beforeEach(async () => {
      bench = await openBench(engine);
    });
    afterEach(() => bench.dispose());

    async function fill(): Promise<ReturnType<typeof person>[]> {
      const rows = Array.from({ length: 5 }, (_, rank) =>
        person({ rank, name: `n${rank}`, mail: `m${rank}@x.test` }),
      );
      for (const id of [bench.tenant, bench.other]) {
        await bench.store.tenant(id).write((tx) => {
          for (const row of rows) tx.insert(people, row);
        });
      }
      await bench.store.operator().write((tx) => tx.insert(notes, { id: 'n', text: 'text' }));
      return rows;
    }

    async function expectWhole(rows: readonly ReturnType<typeof person>[]): Promise<void> {
      for (const id of [bench.tenant, bench.other]) {
        for (const row of rows) expect(await bench.store.tenant(id).get(people, row.id)).toEqual(row);
      }
      expect(await bench.store.operator().get(notes, 'n')).toEqual({ id: 'n', text: 'text' });
    }

    test('B5 rotation wraps every data key again and retires the old version; everything opens before, during and after', async () => {
      const rows = await fill();
      const before = bench.keys.currentKeyId();
      const [{ rewrapped }] = await Promise.all([bench.store.rotateWrappingKey(), expectWhole(rows)]);
      // The control file's key, two tenants' keys, five people in each tenant.
      expect(rewrapped).toBe(1 + 2 + 10);
      expect(bench.keys.keyIds()).toEqual([bench.keys.currentKeyId()]);
      expect(bench.keys.currentKeyId()).not.toBe(before);
      expect(await bench.keyringText()).not.toContain(before);
      bench = await bench.reopen();
      await expectWhole(rows);
    });

    test('B5 a first seal that is under way during a rotation is waited for', async () => {
      const row = person({ name: 'slow' });
      const wrap = bench.keys.wrap;
      let goOn = (): void => undefined;
      const held = new Promise<void>((resolve) => {
        goOn = resolve;
      });
      let wrapping = (): void => undefined;
      const started = new Promise<void>((resolve) => {
        wrapping = resolve;
      });
      bench.keys.wrap = async (...given) => {
        const wrapped = await wrap.apply(bench.keys, given);
        wrapping();
        await held;
        return wrapped;
      };
      const write = bench.store.tenant(bench.tenant).write((tx) => tx.insert(people, row));
      await started;
      bench.keys.wrap = wrap;
      const rotation = bench.store.rotateWrappingKey();
      // Whatever the rotation could do without the write, it has done when this many other writes have come through.
      for (let n = 0; n < 20; n++)
        await bench.store.operator().write((tx) => tx.put(notes, { id: 'n', text: `${n}` }));
      goOn();
      await Promise.all([write, rotation]);
      bench = await bench.reopen();
      expect(await bench.store.tenant(bench.tenant).get(people, row.id)).toEqual(row);
    });

    test('B5 a rotation that is cut off after any step is finished by the next one', async () => {
      const rows = await fill();
      const first = bench.keys.currentKeyId();
      // Each round lets the key provider live through one more wrap or change than the round before.
      for (let allowed = 0; allowed < 40; allowed++) {
        const cut = cutOff(bench.keys, allowed);
        const ended = await bench.store.rotateWrappingKey().then(
          () => true,
          () => false,
        );
        cut.restore();
        bench = await bench.reopen();
        await expectWhole(rows);
        if (ended && allowed > 0) break;
        expect(allowed).toBeLessThan(39);
      }
      expect(bench.keys.keyIds()).toEqual([bench.keys.currentKeyId()]);
      expect(bench.keys.currentKeyId()).not.toBe(first);
    });
  });
}

/** Makes the provider fail from its n-th change or wrap on, as if the process had ended there. */
function cutOff(keys: Bench['keys'], allowed: number): { restore(): void } {
  const original = { wrap: keys.wrap, addVersion: keys.addVersion, retire: keys.retire };
  let left = allowed;
  const limited =
    <A extends unknown[], R>(method: (...args: A) => Promise<R>) =>
    (...args: A): Promise<R> =>
      left-- > 0 ? method.apply(keys, args) : Promise.reject(new Error('cut off'));
  keys.wrap = limited(original.wrap);
  keys.addVersion = limited(original.addVersion);
  keys.retire = limited(original.retire);
  return { restore: () => Object.assign(keys, original) };
}
