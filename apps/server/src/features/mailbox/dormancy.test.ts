/** Devices that stay away until their mailbox is over its limit hold nobody up, and hear what was given up when they come back. */
import { KuvertError } from '@kuvert/protocol';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openTestInstallation, type TestDevice, type TestInstallation } from '../test-installation.ts';
import { dormantDevices, mailboxRows, POINTER_ROW, tombstones } from './collections.ts';
import { createDormancy } from './dormancy.ts';
import { ACKNOWLEDGEMENT_WAIT_MS, MAILBOX_MAX, ORPHAN_MS } from './limits.ts';

let installation: TestInstallation;
let anna: TestDevice;
let ben: TestDevice;

beforeEach(async () => {
  installation = await openTestInstallation();
  ({ anna, ben } = await installation.populate('anna', 'ben'));
});
afterEach(() => installation.close());

const scope = () => installation.store.tenant(ben.tenantId);
const send = (text: string) => installation.send(anna, installation.makeSubmit(ben, text));
const outcomes = ({ legs }: Awaited<ReturnType<typeof send>>) => legs.map(({ outcome }) => outcome);
/** Not more than it looks at. */
const LOOK_ROWS = 200;
const rowCount = () => scope().count(mailboxRows, { equals: [ben.deviceId], limit: LOOK_ROWS });
const sweep = (limit = 200) => installation.mailbox.service.sweep(scope(), limit);
const tombstonesOf = async () =>
  (await scope().list(tombstones, { equals: [ben.deviceId] })).rows.map((row) => row.value);

/** As many rows as a mailbox may hold. */
async function fill(): Promise<void> {
  const { ops } = installation.store;
  const first = Buffer.alloc(16);
  first.writeUIntBE(installation.clock.nowMs() - 100_000, 0, 6);
  const keys = Array.from({ length: MAILBOX_MAX.rows }, (_, i) => {
    const id = Buffer.from(first);
    id.writeUInt32BE(i, 6);
    return id;
  });
  await send('one of many');
  const { rows } = await scope().list(mailboxRows, { equals: [ben.deviceId] });
  const [{ storedKey, value }] = rows as [(typeof rows)[0]];
  await scope().commit([ops.delete(mailboxRows, storedKey)]);
  for (let at = 0; at < keys.length; at += 1_000)
    await scope().commit(
      keys.slice(at, at + 1_000).map((id) => ops.put(mailboxRows, [ben.deviceId, id], value, 9e12)),
    );
  await installation.reopen();
}

async function fetch() {
  const connection = installation.connect(ben);
  await connection.event('drained');
  const told = connection.events.filter(({ name }) => name === 'dormant').map(({ data }) => data);
  return { connection, told };
}

test('A4 P1 a device over its limit is dormant: nobody is refused, what lay there goes, and when it comes back it is told once', async () => {
  await fill();
  const sinceMs = installation.clock.nowMs();
  const submit = installation.makeSubmit(ben, 'not kept');
  expect(outcomes(await installation.send(anna, submit))).toEqual(['dormant']);
  expect(await sweep(100)).toBeGreaterThanOrEqual(100);
  expect(await rowCount()).toBeGreaterThan(0);
  while ((await sweep()) > 0);
  expect(await rowCount()).toBe(0);
  expect(await tombstonesOf()).toMatchObject([{ count: MAILBOX_MAX.rows, isDormant: true }]);
  // It stays so until it comes back, also after a restart, and a repeat is told the same.
  await installation.reopen();
  expect(outcomes(await send('not kept either'))).toEqual(['dormant']);
  expect(outcomes(await installation.send(anna, submit))).toEqual(['dormant']);
  expect(await rowCount()).toBe(0);
  installation.clock.advance(5_000);
  const told = {
    deliverySeq: 1,
    count: MAILBOX_MAX.rows,
    fromMs: sinceMs - 100_000,
    toMs: installation.clock.nowMs(),
  };
  const first = await fetch();
  expect(first.connection.deliveries).toEqual([]);
  expect(first.told).toEqual([told]);
  expect(outcomes(await send('kept'))).toEqual(['stored']);
  await expect.poll(() => first.connection.deliveries).toHaveLength(1);
  first.connection.close('shutting_down');
  // Not acknowledged, so it is told again; then no more.
  const second = await fetch();
  expect(second.told).toEqual([{ ...told, deliverySeq: 2 }]);
  installation.mailbox.mailboxRoutes.onAck(second.connection, 2);
  await expect.poll(tombstonesOf).toEqual([]);
  second.connection.close('shutting_down');
  expect((await fetch()).told).toEqual([]);
});

test('A4 P1 a device that comes back before its mailbox was emptied gets what is still there, and nothing of it is removed', async () => {
  await fill();
  expect(outcomes(await send('not kept'))).toEqual(['dormant']);
  const connection = installation.connect(ben);
  await expect.poll(async () => scope().find(dormantDevices, ben.deviceId)).toBeUndefined();
  expect(await sweep()).toBe(0);
  expect(await rowCount()).toBe(LOOK_ROWS);
  expect(await tombstonesOf()).toMatchObject([{ count: 0, isDormant: true }]);
  connection.close('shutting_down');
});

test('P7 a device that is connected and behind is waited for', async () => {
  await fill();
  installation.connect(ben);
  await expect(send('later')).rejects.toMatchObject({ code: 'mailbox_full', retry: { kind: 'after' } });
  await expect(send('later')).rejects.toBeInstanceOf(KuvertError);
  expect(await scope().find(dormantDevices, ben.deviceId)).toBeUndefined();
});

test('P7 A4 a device that is connected and acknowledges nothing holds nobody up for long, also when it connects anew', async () => {
  await fill();
  let stuck = installation.connect(ben);
  await stuck.delivered(1);
  const refusal = await send('first').catch((error: unknown) => error);
  expect(refusal).toMatchObject({ code: 'mailbox_full', details: { devices: [ben.deviceId] } });
  installation.clock.advance(ACKNOWLEDGEMENT_WAIT_MS - 1);
  await expect(send('second')).rejects.toMatchObject({ code: 'mailbox_full' });
  installation.clock.advance(1);
  expect(outcomes(await send('third'))).toEqual(['dormant']);
  expect(stuck.closedWith).toBe('connection_expired');
  // Time is not bought by coming back, only by emptying the mailbox.
  stuck = installation.connect(ben);
  await stuck.delivered(1);
  expect(outcomes(await send('fourth'))).toEqual(['dormant']);
  await expect.poll(() => stuck.closed).toBe(true);
  const working = installation.connect(ben);
  await working.delivered(10);
  const goOn = async () => {
    installation.mailbox.mailboxRoutes.onAck(working, working.deliveries.length);
    return send('fifth').then(outcomes, ({ code }) => code);
  };
  await expect.poll(goOn).toEqual(['stored']);
  expect(working.closed).toBe(false);
});

test('A1 A4 what points to a message of a group that never came to be is given up without a word', async () => {
  await fill();
  const { clock, store } = installation;
  await send('not kept');
  while ((await sweep()) > 0);
  const [before] = await tombstonesOf();
  const keyAt = (atMs: number) => {
    const id = Buffer.alloc(16, 1);
    id.writeUIntBE(atMs, 0, 6);
    return id;
  };
  const put = (atMs: number) =>
    scope().commit([store.ops.put(mailboxRows, [ben.deviceId, keyAt(atMs)], POINTER_ROW, 9e12)]);
  await put(clock.nowMs() - ORPHAN_MS - 1);
  await put(clock.nowMs());
  expect(await sweep()).toBe(1);
  // The younger one may still get its body.
  expect(await rowCount()).toBe(1);
  expect(await tombstonesOf()).toEqual([before]);
});

test('P1 what a device has acknowledged is on its way out, and is neither given up nor counted again when its device becomes dormant', async () => {
  await send('acknowledged');
  await send('not fetched');
  const { clock, store } = installation;
  await scope().commit([store.ops.put(dormantDevices, [ben.deviceId], clock.nowMs())]);
  const { rows } = await scope().list(mailboxRows, { equals: [ben.deviceId] });
  const [leaving, left] = rows.map(({ storedKey }) => storedKey);
  const buried: Uint8Array[] = [];
  const dormancy = createDormancy({
    store,
    clock,
    bodies: { load: async () => undefined, released: () => undefined },
    expiry: {
      drop: async () => undefined,
      endDormancy: async () => undefined,
      async bury(_scope, _device, storedKeys) {
        buried.push(...storedKeys);
        return storedKeys.length;
      },
    },
    isLeaving: (_tenant, _device, storedKey) =>
      leaving !== undefined && Buffer.compare(storedKey, leaving) === 0,
  });
  expect(await dormancy.sweep(scope(), 10)).toBe(1);
  expect(buried).toEqual([left]);
});

test('E1 a revoked device is not dormant any more', async () => {
  await fill();
  await send('not kept');
  await installation.devices.service.revoke(ben.deviceId);
  expect(await scope().find(dormantDevices, ben.deviceId)).toBeUndefined();
  expect(await tombstonesOf()).toEqual([]);
});
