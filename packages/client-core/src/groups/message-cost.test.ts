/** What one message to a group costs its writer and a reader: as much in a large group as in a small one (H3). */
import type { ContentId } from '@kuvert/protocol';
import { afterEach, expect, test, vi } from 'vitest';
import { bystanders, online, scene } from '../node/doubles/group-scene.ts';
import type { TestDevice } from '../node/doubles/test-device.ts';
import { Sql } from '../node/store-sqlcipher/rows.ts';

/** Statements, and the bytes that go in and come out with them. */
interface Tally {
  statements: number;
  written: number;
  read: number;
}

afterEach(() => vi.restoreAllMocks());

/** Counts what goes through the databases of all profiles from now on. */
function tallied(): Tally {
  const tally: Tally = { statements: 0, written: 0, read: 0 };
  for (const shape of ['run', 'insert', 'get', 'all'] as const) {
    const original = Sql.prototype[shape] as (...args: unknown[]) => unknown;
    vi.spyOn(Sql.prototype, shape).mockImplementation(function (
      this: Sql,
      sql: string,
      ...params: unknown[]
    ) {
      const result = original.call(this, sql, ...params);
      tally.statements++;
      tally.written += sizeOf(params);
      tally.read += sizeOf(result);
      return result as never;
    });
  }
  return tally;
}

function sizeOf(value: unknown): number {
  if (typeof value === 'string' || value instanceof Uint8Array) return value.length;
  if (typeof value !== 'object' || value === null) return 8;
  return Object.values(value).reduce((sum: number, one) => sum + sizeOf(one), 0);
}

test('H3 what one message to a group reads and writes in a profile is the same for every number of members', async () => {
  const tallies: Tally[] = [];
  for (const size of [3, 20, 120, 257]) {
    const one = await scene('Anna', 'Bela');
    const [anna, bela] = one.devices as [TestDevice, TestDevice];
    const mails = await bystanders(one, size - 2);
    await online(anna, () => anna.messenger.groups.add(one.groupId, mails));
    const connected = [anna, bela];
    for (const device of connected) await device.connect();
    const send = async (): Promise<ContentId> => {
      const contentId = anna.messenger.groups.send(one.groupId, 'the same for all');
      for (const { messenger } of [anna, bela, anna]) await messenger.settled();
      return contentId;
    };
    const first = await send();
    // All others have got it, so that none of them is the first whom it is asked of.
    acknowledged(anna, first);
    for (let warmUp = 0; warmUp < 3; warmUp++) await send();
    const tally = tallied();
    const contentId = await send();
    vi.restoreAllMocks();
    // It was read and acknowledged meanwhile.
    expect(anna.messenger.groups.ticks(contentId).filter(({ state }) => state === 'delivered')).toHaveLength(
      1,
    );
    tallies.push(tally);
    for (const { messenger } of connected) messenger.disconnect();
  }
  for (const tally of tallies) {
    expect(tally.statements).toBe(tallies[0]?.statements);
    // Numbers of rows are told to some statements in digits, and of a larger group they are longer.
    expect(Math.abs(tally.read - (tallies[0]?.read ?? 0))).toBeLessThan(16);
    expect(Math.abs(tally.written - (tallies[0]?.written ?? 0))).toBeLessThan(16);
  }
});

/** Every device of a member has said that it has a message and all before it. */
function acknowledged({ own, store, messenger }: TestDevice, contentId: ContentId): void {
  const { chain, toGroup } = store.outbox.findByContentId(contentId) ?? {};
  if (chain === undefined || toGroup === undefined) throw new Error('it was not sent to a group');
  for (const { personId } of messenger.groups.find(toGroup).members) {
    for (const { device } of store.directory.getAccount(personId)?.list.devices ?? []) {
      if (device !== own.deviceId) store.groups.putAck(chain.id, device, chain.seq);
    }
  }
}
