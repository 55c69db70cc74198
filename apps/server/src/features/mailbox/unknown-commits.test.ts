/**
 * On a store that is not on this machine a commit may have happened without our hearing of it, and others may commit as well. What
 * a reader sees stays in order all the same (P2), and nothing waits for a look that comes by chance.
 */
import { KuvertError, LIFETIME_MS } from '@kuvert/protocol';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Hint, Hints } from '../../store/engine.ts';
import type { Store, TenantScope } from '../../store/index.ts';
import {
  openTestInstallation,
  type TestDevice,
  type TestInstallation,
  textsOf,
} from '../test-installation.ts';
import { groupBodies, mailboxRows, POINTER_ROW, tombstones } from './collections.ts';
import { createRowIds, legRecord, rowFromRecord } from './rows.ts';

/** What happens to commits and lists on their way to the store and back. */
interface Between {
  beforeCommit?: (again: () => Promise<unknown>) => Promise<unknown>;
  afterCommit?: () => void;
  beforeList?: () => Promise<void> | void;
  afterList?: () => Promise<void> | void;
}

class OtherServers implements Hints {
  hasOthers = false;
  readonly published: Hint[] = [];
  publish(hint: Hint): void {
    this.published.push(hint);
  }
  listen(): void {
    return;
  }
}

let installation: TestInstallation;
let anna: TestDevice;
let ben: TestDevice;
let between: Between;
let others: OtherServers;

function remote(store: Store): Store {
  let underWay: Promise<unknown> | undefined;
  const wrap = (scope: TenantScope): TenantScope => ({
    tenant: scope.tenant,
    get: scope.get.bind(scope),
    find: scope.find.bind(scope),
    findBy: scope.findBy.bind(scope),
    write: scope.write.bind(scope),
    expire: scope.expire.bind(scope),
    listExpiring: scope.listExpiring.bind(scope),
    count: scope.count.bind(scope),
    list: async (collection, query) => {
      const isMailbox = (collection as unknown) === mailboxRows;
      if (isMailbox) await between.beforeList?.();
      const page = await scope.list(collection, query);
      if (isMailbox) await between.afterList?.();
      return page;
    },
    commit: async (list) => {
      const { beforeCommit } = between;
      delete between.beforeCommit;
      if (beforeCommit !== undefined) underWay = beforeCommit(() => scope.commit(list));
      // Lists are committed in the order in which they come.
      await underWay;
      const outcome = await scope.commit(list);
      between.afterCommit?.();
      return outcome;
    },
  });
  return {
    ops: store.ops,
    operator: () => store.operator(),
    tenant: (tenantId) => wrap(store.tenant(tenantId)),
    rotateWrappingKey: () => store.rotateWrappingKey(),
    hints: others,
    load: store.load,
    collections: store.collections,
    installation: store.installation,
    close: () => store.close(),
  };
}

beforeEach(async () => {
  between = {};
  others = new OtherServers();
  installation = await openTestInstallation({ wrapStore: remote });
  ({ anna, ben } = await installation.populate('anna', 'ben'));
});
afterEach(() => installation.close());

/** The next commit happens, and nobody hears of it. */
function loseNextAnswer(): void {
  between.afterCommit = () => {
    delete between.afterCommit;
    throw new KuvertError('store_unavailable');
  };
}

/** A refusal of a store that is away. */
function briefly(): KuvertError {
  return new KuvertError('store_unavailable', { retry: { kind: 'after', ms: 5 } });
}

/** Another server's row for Ben. */
async function storeElsewhere(text: string, aheadMs: number): Promise<void> {
  const nowMs = installation.clock.nowMs();
  const submit = installation.makeSubmit(ben, text);
  const leg = submit.legs[0]?.bytes ?? new Uint8Array();
  const times = { acceptedAtMs: nowMs, expiresAtMs: nowMs + 1_000_000 };
  const row = rowFromRecord(legRecord(submit, leg, times));
  const id = createRowIds(installation.random).next(nowMs + aheadMs);
  await installation.store
    .tenant(ben.tenantId)
    .commit([installation.store.ops.put(mailboxRows, [ben.deviceId, id], row, times.expiresAtMs)]);
}

test('P2 what was stored without an answer is read before what is sent after it', async () => {
  const connection = installation.connect(ben);
  await connection.event('drained');
  await installation.send(anna, installation.makeSubmit(ben, 'before'));
  const [first, second] = [installation.makeSubmit(ben, 'first'), installation.makeSubmit(ben, 'second')];
  loseNextAnswer();
  // Nothing may be known of it for as long as the store is away.
  between.beforeList = () => Promise.reject(briefly());
  await expect(installation.send(anna, first)).rejects.toMatchObject({ code: 'store_unavailable' });
  // As a client does on a new connection: the same again, and what comes after it.
  installation.connect(anna);
  await Promise.all([installation.send(anna, first), installation.send(anna, second)]);
  expect(textsOf(connection.deliveries)).toEqual(['before']);
  delete between.beforeList;
  await connection.delivered(3);
  expect(textsOf(connection.deliveries)).toEqual(['before', 'first', 'second']);
});

test('P2 what another process has stored is read before what comes after it, when its sender says it again here', async () => {
  const connection = installation.connect(ben);
  await connection.event('drained');
  const first = installation.makeSubmit(ben, 'first');
  // As if this server had died over the push and had been started again.
  installation.online.delete(ben.deviceId);
  await installation.send(anna, first);
  connection.close('connection_replaced');
  const again = installation.connect(ben);
  await again.event('drained');
  installation.connect(anna);
  await Promise.all([
    installation.send(anna, first),
    installation.send(anna, installation.makeSubmit(ben, 'second')),
  ]);
  await again.delivered(2);
  expect(textsOf(again.deliveries)).toEqual(['first', 'second']);
});

test('P2 what another server stores while it is submitted here as well is read before what comes after it', async () => {
  const connection = installation.connect(ben);
  await connection.event('drained');
  installation.connect(anna);
  await installation.send(anna, installation.makeSubmit(ben, 'before'));
  await connection.delivered(1);
  // The other one was at it for long, and is a moment faster in the end.
  between.beforeCommit = (again) => again();
  await Promise.all(
    ['first', 'second'].map((text) => installation.send(anna, installation.makeSubmit(ben, text))),
  );
  await connection.delivered(3);
  expect(textsOf(connection.deliveries)).toEqual(['before', 'first', 'second']);
});

test('P1 what was stored without an answer reaches its device though its sender never comes again', async () => {
  const connection = installation.connect(ben);
  await connection.event('drained');
  await installation.send(anna, installation.makeSubmit(ben, 'before'));
  loseNextAnswer();
  let refusals = 3;
  between.beforeList = () => (--refusals > 0 ? Promise.reject(briefly()) : undefined);
  await expect(installation.send(anna, installation.makeSubmit(ben, 'kept'))).rejects.toThrow();
  await connection.delivered(2);
  expect(textsOf(connection.deliveries)).toEqual(['before', 'kept']);
  expect(connection.closedWith).toBeUndefined();
  expect(others.published).toContainEqual({ space: ben.tenantId, device: ben.deviceId, kind: 'rows' });
});

test('P2 H2 who comes from another server is read there first, though its hints are on their way and its clock is ahead', async () => {
  others.hasOthers = true;
  const connection = installation.connect(ben);
  await connection.event('drained');
  await storeElsewhere('first', 4_000);
  installation.connect(anna);
  await Promise.all(
    ['second', 'third'].map((text) => installation.send(anna, installation.makeSubmit(ben, text))),
  );
  await connection.delivered(3);
  expect(textsOf(connection.deliveries)).toEqual(['first', 'second', 'third']);
  const again = installation.connect(ben);
  await again.event('drained');
  expect(textsOf(again.deliveries)).toEqual(['first', 'second', 'third']);
});

test('P2 H2 a row that becomes visible between two pages is read before what was sent after it', async () => {
  for (let n = 0; n < 70; n++) await storeElsewhere(`${n}`, 1_000 + n);
  let page = 0;
  between.afterList = async () => {
    if (++page !== 1) return;
    await storeElsewhere('late', 500);
    await storeElsewhere('after', 2_000);
  };
  const connection = installation.connect(ben);
  await connection.event('drained');
  const texts = textsOf(connection.deliveries);
  expect(new Set(texts).size).toBe(72);
  expect(texts).toHaveLength(72);
  expect(texts.indexOf('late')).toBeLessThan(texts.indexOf('after'));
});

test('P1 a mailbox of many pages is read whole, also while nothing of it is acknowledged', async () => {
  for (let n = 0; n < 200; n++) await storeElsewhere(`${n}`, n);
  const connection = installation.connect(ben);
  await connection.event('drained');
  expect(textsOf(connection.deliveries)).toEqual(Array.from({ length: 200 }, (_, n) => `${n}`));
});

test('P2 what waits for a slow read is not stored before what was refused ahead of it and has come again', async () => {
  const connection = installation.connect(ben);
  await connection.event('drained');
  await installation.connect(anna).event('drained');
  const [first, second] = [installation.makeSubmit(ben, 'first'), installation.makeSubmit(ben, 'second')];
  // Both have to look into the mailbox; the look of the first fails at once, that of the second takes its time.
  let letGo = (): void => undefined;
  const slow = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  let looks = 0;
  between.beforeList = () => (++looks === 1 ? Promise.reject(briefly()) : looks === 2 ? slow : undefined);
  const refused = installation.send(anna, first);
  const waiting = installation.send(anna, second);
  await expect(refused).rejects.toMatchObject({ code: 'store_unavailable' });
  const again = installation.send(anna, first);
  letGo();
  await expect(waiting).rejects.toMatchObject({ code: 'overloaded' });
  await again;
  await installation.send(anna, second);
  await connection.delivered(2);
  expect(textsOf(connection.deliveries)).toEqual(['first', 'second']);
});

test('P1 A1 a pointer to a body that never came is passed over, goes after an hour, and is never told as something that expired', async () => {
  const { clock, random, store } = installation;
  const scope = store.tenant(ben.tenantId);
  const untilMs = clock.nowMs() + LIFETIME_MS[1];
  const ids = createRowIds(random);
  const [orphan, early] = [ids.next(clock.nowMs()), ids.next(clock.nowMs() + 1)];
  // What a server leaves that dies between the rows and the body (wire.md §5), and one whose body is still on its way.
  await scope.commit([
    store.ops.put(mailboxRows, [ben.deviceId, orphan], POINTER_ROW, untilMs),
    store.ops.put(mailboxRows, [ben.deviceId, early], POINTER_ROW, untilMs),
  ]);
  const rows = () => scope.count(mailboxRows, { equals: [ben.deviceId], limit: 10 });
  const first = installation.connect(ben);
  await first.event('drained');
  expect(first.deliveries).toEqual([]);
  expect(await rows()).toBe(2);
  const submit = installation.makeSubmit(ben, 'to all');
  const times = { acceptedAtMs: clock.nowMs(), expiresAtMs: untilMs };
  const body = rowFromRecord(legRecord(submit, submit.legs[0]?.bytes ?? new Uint8Array(), times));
  await scope.commit([store.ops.put(groupBodies, early, body, untilMs)]);
  clock.advance(3_600_002);
  const second = installation.connect(ben);
  await second.event('drained');
  expect(textsOf(second.deliveries)).toEqual(['to all']);
  expect(await rows()).toBe(1);
  clock.advance(LIFETIME_MS[1]);
  second.close('connection_replaced');
  await installation.mailbox.service.sweep(scope, 100);
  const { rows: told } = await scope.list(tombstones, { equals: [ben.deviceId], limit: 10 });
  expect(told.map(({ value }) => value.count)).toEqual([1]);
});
