/** The end of an envelope's life: removed when its time is up, and its device told so (P1). */
import { KuvertError, LIFETIME_MS } from '@kuvert/protocol';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Store } from '../../store/index.ts';
import { openTestInstallation, type TestDevice, type TestInstallation } from '../test-installation.ts';
import { mailboxRows, tombstones } from './collections.ts';

const DAY_MS = LIFETIME_MS[3];
let installation: TestInstallation;
let anna: TestDevice;
let ben: TestDevice;
let diskIsFull: boolean;

/** The real store, on a disk that a test may fill. */
function onSmallDisk(store: Store): Store {
  return new Proxy(store, {
    get(target, name) {
      const own: unknown = Reflect.get(target, name, target);
      if (name !== 'tenant') return typeof own === 'function' ? own.bind(target) : own;
      return (tenantId: TestDevice['tenantId']) => {
        const scope = target.tenant(tenantId);
        return new Proxy(scope, {
          get(_target, member) {
            if (member === 'commit' && diskIsFull) return () => Promise.reject(new KuvertError('disk_full'));
            const value: unknown = Reflect.get(scope, member, scope);
            return typeof value === 'function' ? value.bind(scope) : value;
          },
        });
      };
    },
  });
}

beforeEach(async () => {
  diskIsFull = false;
  installation = await openTestInstallation({ wrapStore: onSmallDisk });
  ({ anna, ben } = await installation.populate('anna', 'ben'));
});
afterEach(() => installation.close());

const send = (text: string, lifetime: 1 | 2 | 3 = 3) =>
  installation.send(anna, installation.makeSubmit(ben, text, { lifetime }));
const scope = () => installation.store.tenant(ben.tenantId);
const sweep = (limit = 200) => installation.mailbox.service.sweep(scope(), limit);
const rowCount = async () =>
  (await scope().list(mailboxRows, { equals: [ben.deviceId], limit: 1_000 })).rows.length;
const tombstoneRows = async () => (await scope().list(tombstones, { equals: [ben.deviceId] })).rows;
const ack = (connection: ReturnType<TestInstallation['connect']>, upTo: number) =>
  installation.mailbox.mailboxRoutes.onAck(connection, upTo);
/** Connects, waits until nothing is left to come, and gives what was told of expired envelopes. */
async function fetch() {
  const connection = installation.connect(ben);
  await connection.event('drained');
  const names = connection.events.map(({ name }) => name);
  expect(names.indexOf('drained')).toBe(names.length - 1);
  return {
    connection,
    told: connection.events.filter(({ name }) => name === 'expired').map(({ data }) => data),
  };
}

test('P1 what expired before it was fetched is told with number and times, before `drained`, until it is acknowledged; across a restart', async () => {
  const first = await send('1');
  installation.clock.advance(1_000);
  const last = await send('2');
  await send('stays', 1);
  installation.clock.advance(DAY_MS);
  expect(await sweep()).toBe(2);
  expect(await rowCount()).toBe(1);
  await installation.reopen();
  const expired = { count: 2, fromMs: first.acceptedAtMs, toMs: last.acceptedAtMs };
  for (let round = 0; round < 2; round++) {
    const { connection, told } = await fetch();
    expect(connection.deliveries).toHaveLength(1);
    expect(told).toEqual([{ deliverySeq: 2, ...expired }]);
    if (round === 1) ack(connection, 2);
  }
  await expect.poll(tombstoneRows).toHaveLength(0);
  expect((await fetch()).told).toEqual([]);
});

test('P1 what a connecting device finds expired before any sweep is told to it at once, and never delivered', async () => {
  await send('1');
  installation.clock.advance(DAY_MS);
  const { connection, told } = await fetch();
  expect(connection.deliveries).toEqual([]);
  expect(told).toMatchObject([{ deliverySeq: 1, count: 1 }]);
  expect(await rowCount()).toBe(0);
});

test('P1 a device that stays away has one tombstone, however often something expires', async () => {
  const first = await send('first');
  let last = first;
  for (let day = 0; day < 5; day++) {
    installation.clock.advance(DAY_MS);
    await sweep();
    last = await send(`${day}`);
  }
  installation.clock.advance(DAY_MS);
  await sweep();
  expect((await tombstoneRows()).map((row) => row.value)).toEqual([
    { count: 6, fromMs: first.acceptedAtMs, toMs: last.acceptedAtMs, isDormant: false },
  ]);
});

test('F1 hundreds of rows expire in steps, of several devices, and each device is told its own number', async () => {
  for (let i = 0; i < 150; i++) await send(`${i}`);
  for (let i = 0; i < 3; i++) {
    await installation.send(ben, installation.makeSubmit(anna, `${i}`, { lifetime: 3 }));
  }
  installation.clock.advance(DAY_MS);
  expect(await sweep(100)).toBe(100);
  expect(await sweep(100)).toBe(53);
  expect((await fetch()).told).toMatchObject([{ count: 150 }]);
  const connection = installation.connect(anna);
  await connection.event('expired');
  expect(connection.events.find(({ name }) => name === 'expired')?.data).toMatchObject({ count: 3 });
});

test('P1 what a connection was given and has not acknowledged yet is its own until it ends', async () => {
  await send('1');
  const { connection } = await fetch();
  installation.clock.advance(DAY_MS);
  expect(await sweep()).toBe(0);
  ack(connection, 1);
  await installation.mailbox.service.idle();
  expect(await rowCount()).toBe(0);
  expect((await fetch()).told).toEqual([]);
});

test('P1 on a full disk nothing is removed without its tombstone, and delivery goes on', async () => {
  await send('old');
  installation.clock.advance(DAY_MS / 2);
  await send('new');
  installation.clock.advance(DAY_MS / 2);
  diskIsFull = true;
  const { connection, told } = await fetch();
  expect(connection.deliveries).toHaveLength(1);
  expect(told).toEqual([]);
  connection.close('shutting_down');
  expect(await sweep()).toBe(0);
  diskIsFull = false;
  expect(await sweep()).toBe(1);
  expect((await fetch()).told).toMatchObject([{ count: 1 }]);
});

test('E1 a revoked device leaves no tombstone behind', async () => {
  await send('1');
  installation.clock.advance(DAY_MS);
  await sweep();
  expect(await tombstoneRows()).toHaveLength(1);
  await installation.devices.service.revoke(ben.deviceId);
  expect(await tombstoneRows()).toHaveLength(0);
});

test('H7 the age of the envelope that expires next is known after a sweep', async () => {
  expect(installation.mailbox.service.oldestWaitingMs()).toBeUndefined();
  const { acceptedAtMs } = await send('1');
  await sweep();
  expect(installation.mailbox.service.oldestWaitingMs()).toBe(acceptedAtMs);
  installation.clock.advance(DAY_MS);
  await sweep();
  expect(installation.mailbox.service.oldestWaitingMs()).toBeUndefined();
});
