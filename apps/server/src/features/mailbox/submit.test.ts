/** The way in: what is stored, what is refused, what is repeated. */
import { CLASSES, idToBytes, type KuvertError, makeId, makeSubmitId, type Submit } from '@kuvert/protocol';
import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  openTestInstallation,
  type TestDevice,
  type TestInstallation,
  textsOf,
} from '../test-installation.ts';
import { mailboxRows, submitRecords } from './collections.ts';
import { CONNECTION_SUBMITS_OPEN_MAX, MAILBOX_MAX, TRAFFIC } from './limits.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

let installation: TestInstallation;
let anna: TestDevice;
let ben: TestDevice;

beforeEach(async () => {
  installation = await openTestInstallation();
  ({ anna, ben } = await installation.populate('anna', 'ben'));
});
afterEach(() => installation.close());

const rowsOf = async (device: TestDevice) =>
  (
    await installation.store
      .tenant(device.tenantId)
      .list(mailboxRows, { equals: [device.deviceId], limit: 1000 })
  ).rows;
const recordCount = async () =>
  (await installation.store.tenant(anna.tenantId).list(submitRecords, { limit: 1000 })).rows.length;
const refusal = async (promise: Promise<unknown>): Promise<KuvertError> =>
  promise.then(
    () => expect.fail('it was accepted'),
    (error: KuvertError) => error,
  );

test('B1 a message with one leg is exactly one row and its submit record, and the row is not found to name its sender', async () => {
  const answer = await installation.send(anna, installation.makeSubmit(ben, 'hello'));
  expect(answer).toEqual({
    acceptedAtMs: installation.clock.nowMs(),
    legs: [{ device: ben.deviceId, outcome: 'stored' }],
  });
  const rows = await rowsOf(ben);
  expect(rows).toHaveLength(1);
  expect(await recordCount()).toBe(1);
  const stored = Buffer.concat([rows[0]?.storedKey ?? Buffer.alloc(0), rows[0]?.value ?? Buffer.alloc(0)]);
  expect(stored.includes(Buffer.from('hello'))).toBe(true);
  for (const id of [idToBytes(anna.deviceId), idToBytes(anna.personId), idToBytes(anna.tenantId)]) {
    expect(stored.includes(id.subarray(1))).toBe(false);
  }
});

test('B1 what was accepted is there after the store was opened anew', async () => {
  await installation.send(anna, installation.makeSubmit(ben, 'kept'));
  await installation.reopen();
  const connection = installation.connect(ben);
  await connection.event('drained');
  expect(textsOf(connection.deliveries)).toEqual(['kept']);
});

test('P2 what comes after the clock was set back while the server was down is read after what came before', async () => {
  await installation.send(anna, installation.makeSubmit(ben, 'first'));
  installation.clock.advance(-3 * DAY_MS);
  await installation.reopen();
  await installation.send(anna, installation.makeSubmit(ben, 'second'));
  await installation.send(anna, installation.makeSubmit(ben, 'third'));
  const connection = installation.connect(ben);
  await connection.event('drained');
  expect(textsOf(connection.deliveries)).toEqual(['first', 'second', 'third']);
});

test('P3 what follows a submit that has to look into the mailbox first is handed over behind it, whenever it comes', async () => {
  const connection = installation.connect(ben);
  await connection.event('drained');
  const from = installation.connect(anna);
  const sent: string[] = [];
  const send = (text: string): Promise<unknown> => {
    sent.push(text);
    return installation.mailbox.service.submit(from, installation.makeSubmit(ben, text));
  };
  for (let round = 0; round < 20; round++) {
    // Nothing is known of any mailbox now, so the first one waits for the store, and those that come meanwhile for the first.
    installation.mailbox.service.lookAgain();
    let isFirstThere = false;
    const first = send(`${round}: first`).then(() => {
      isFirstThere = true;
    });
    const others: Promise<unknown>[] = [];
    while (!isFirstThere) {
      if (others.length < 10) others.push(send(`${round}: ${others.length}`));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await Promise.all([first, ...others]);
    await connection.delivered(sent.length);
    installation.mailbox.service.acknowledge(connection, sent.length);
  }
  expect(textsOf(connection.deliveries)).toEqual(sent);
});

test('A1 a body travels with its leg', async () => {
  const body = Buffer.alloc(300_000, 7);
  await installation.send(anna, installation.makeSubmit(ben, 'key', { body }));
  const connection = installation.connect(ben);
  await connection.event('drained');
  expect(Buffer.from(connection.deliveries[0]?.body ?? []).equals(body)).toBe(true);
});

test('A1 a repeated submit gets the same answer and stores nothing, also later, after a restart and when devices have changed', async () => {
  const submit = installation.makeSubmit(ben, 'once');
  const first = await installation.send(anna, submit);
  installation.clock.advance(2 * DAY_MS);
  expect(await installation.send(anna, { ...submit, requestNo: 9 })).toEqual(first);
  await installation.reopen();
  expect(await installation.send(anna, submit)).toEqual(first);
  expect(await rowsOf(ben)).toHaveLength(1);
  await installation.devices.service.revoke(ben.deviceId);
  expect(await installation.send(anna, submit)).toEqual(first);
  expect(await rowsOf(ben)).toHaveLength(0);
});

test('A1 the same submit sent many times at once is stored once and answered alike', async () => {
  const submit = installation.makeSubmit(ben, 'once');
  const answers = await Promise.all(Array.from({ length: 8 }, () => installation.send(anna, submit)));
  for (const answer of answers) expect(answer).toEqual(answers[0]);
  expect(await rowsOf(ben)).toHaveLength(1);
  expect(await recordCount()).toBe(1);
});

test('A1 a submit id that was used for something else is refused, and one of another device is not', async () => {
  const submit = installation.makeSubmit(ben, 'one');
  await installation.send(anna, submit);
  const other = { ...installation.makeSubmit(ben, 'two'), submitId: submit.submitId };
  expect(await refusal(installation.send(anna, other))).toMatchObject({ code: 'id_reused' });
  const fromBen = { ...installation.makeSubmit(anna, 'three'), submitId: submit.submitId };
  await installation.send(ben, fromBen);
  expect(await rowsOf(anna)).toHaveLength(1);
});

test.each([
  ['a day old', -DAY_MS, undefined],
  ['almost seven days old', -7 * DAY_MS + HOUR_MS, undefined],
  ['older than the memory', -7 * DAY_MS + HOUR_MS - 1, 'submit_too_old'],
  ['an hour ahead', HOUR_MS, undefined],
  ['more than an hour ahead', HOUR_MS + 1, 'submit_too_new'],
] as const)('A1 a submit id that is %s', async (_name, offsetMs, code) => {
  const submitId = makeSubmitId(installation.clock.nowMs() + offsetMs, installation.random(10));
  const sent = installation.send(anna, installation.makeSubmit(ben, 'x', { submitId }));
  if (code === undefined) expect((await sent).legs).toHaveLength(1);
  else expect(await refusal(sent)).toMatchObject({ code });
});

test('B1 legs that are not for exactly the present devices are refused as a whole', async () => {
  const strange = makeId('device', installation.random(16));
  const cases: [Partial<Submit>, object][] = [
    [{ legs: [] }, { missing: [ben.deviceId], extra: [], stale: false }],
    [
      { legs: [{ device: strange, bytes: Buffer.from('x') }] },
      { missing: [ben.deviceId], extra: [strange], stale: false },
    ],
    [
      {
        legs: [
          { device: ben.deviceId, bytes: Buffer.from('x') },
          { device: strange, bytes: Buffer.from('x') },
        ],
      },
      { missing: [], extra: [strange], stale: false },
    ],
    [{ listHash: new Uint8Array(32) }, { missing: [], extra: [], stale: true }],
  ];
  for (const [changes, details] of cases) {
    const error = await refusal(installation.send(anna, installation.makeSubmit(ben, 'x', changes)));
    expect(error).toMatchObject({ code: 'devices_changed', details });
  }
  const twice = { device: ben.deviceId, bytes: Buffer.from('x') };
  const error = await refusal(
    installation.send(anna, installation.makeSubmit(ben, 'x', { legs: [twice, twice] })),
  );
  expect(error.code).toBe('bad_request');
  expect(await rowsOf(ben)).toHaveLength(0);
  expect(await recordCount()).toBe(0);
});

test('C1 a person of another tenant, a person who does not exist and a group are answered alike', async () => {
  const { eve } = await installation.populate('eve');
  const nobody = makeId('person', installation.random(16));
  const group = makeId('group', installation.random(16));
  const answers = [];
  for (const to of [eve.personId, nobody, group]) {
    const error = await refusal(installation.send(anna, installation.makeSubmit(eve, 'x', { to })));
    answers.push({ code: error.code, retry: error.retry, details: error.details });
  }
  expect(answers[0]).toEqual({ code: 'not_found', retry: { kind: 'never' }, details: undefined });
  expect(answers[1]).toEqual(answers[0]);
  expect(answers[2]).toEqual(answers[0]);
  expect(await rowsOf(eve)).toHaveLength(0);
});

test('A1 a person who has not enrolled has no device yet, and the message can be sent when there is one', async () => {
  const personId = await installation.addPerson(anna.tenantId, 'cleo');
  const submit = installation.makeSubmit(ben, 'x', { to: personId });
  expect(await refusal(installation.send(anna, submit))).toMatchObject({ code: 'no_device' });
  const cleo = await installation.enrol(personId);
  await installation.send(anna, installation.makeSubmit(cleo, 'x'));
  expect(await rowsOf(cleo)).toHaveLength(1);
});

test('A1 to oneself the calling device is not among the recipients', async () => {
  const toSelf = installation.makeSubmit(anna, 'x');
  expect(await refusal(installation.send(anna, toSelf))).toMatchObject({
    code: 'devices_changed',
    details: { extra: [anna.deviceId] },
  });
  expect((await installation.send(anna, { ...toSelf, legs: [] })).legs).toEqual([]);
});

test('E1 a revocation that commits while submits are on their way lets nothing through afterwards, to it or from it', async () => {
  await installation.send(anna, installation.makeSubmit(ben, 'warm'));
  const before = Array.from({ length: 20 }, () =>
    installation.send(anna, installation.makeSubmit(ben, 'race')).then(
      () => 'accepted',
      (error: KuvertError) => error.code,
    ),
  );
  const fromBen = Array.from({ length: 20 }, () =>
    installation.send(ben, installation.makeSubmit(anna, 'race')).then(
      () => 'accepted',
      (error: KuvertError) => error.code,
    ),
  );
  await installation.devices.service.revoke(ben.deviceId);
  for (const outcome of await Promise.all(before)) expect(['accepted', 'devices_changed']).toContain(outcome);
  for (const outcome of await Promise.all(fromBen))
    expect(['accepted', 'device_not_accepted']).toContain(outcome);
  expect(await rowsOf(ben)).toHaveLength(0);
  const error = await refusal(installation.send(anna, installation.makeSubmit(ben, 'late')));
  expect(error).toMatchObject({
    code: 'devices_changed',
    details: { missing: [], extra: [ben.deviceId], stale: false },
  });
  expect(await refusal(installation.send(ben, installation.makeSubmit(anna, 'late')))).toMatchObject({
    code: 'device_not_accepted',
  });
});

test('E1 what a node still remembers of devices is checked by the commit', async () => {
  await installation.send(anna, installation.makeSubmit(ben, 'warm'));
  const remembered = installation.devices.directory.peek(anna.tenantId, ben.personId);
  expect(remembered).toBeDefined();
  await installation.devices.service.revoke(ben.deviceId);
  // As on another node that has not heard of the revocation: its memory is put back.
  const { directory } = installation.devices;
  const peek = directory.peek;
  let lies = 1;
  directory.peek = (tenantId, personId) => (lies-- > 0 ? remembered : peek(tenantId, personId));
  expect(await refusal(installation.send(anna, installation.makeSubmit(ben, 'late')))).toMatchObject({
    code: 'devices_changed',
  });
  expect(await rowsOf(ben)).toHaveLength(0);
});

test('A1 an ephemeral submit reaches a live connection and is never stored', async () => {
  const connection = installation.connect(ben);
  await connection.event('drained');
  const ephemeral = { class: CLASSES.ephemeral } as const;
  await installation.send(anna, installation.makeSubmit(ben, 'typing', ephemeral));
  expect(textsOf(connection.deliveries)).toEqual(['typing']);
  expect(await rowsOf(ben)).toHaveLength(0);
  expect(await recordCount()).toBe(0);
  connection.close('shutting_down');
  await installation.send(anna, installation.makeSubmit(ben, 'typing', ephemeral));
  expect(await rowsOf(ben)).toHaveLength(0);
});

test('P7 A4 a mailbox full of bytes holds nobody up: its device is dormant', async () => {
  const scope = installation.store.tenant(ben.tenantId);
  const { ops } = installation.store;
  const row = Buffer.alloc(MAILBOX_MAX.bytes / 64);
  await scope.commit(
    Array.from({ length: 64 }, (_, i) =>
      ops.put(mailboxRows, [ben.deviceId, Buffer.alloc(16, i + 1)], row, 9e12),
    ),
  );
  const answer = await installation.send(anna, installation.makeSubmit(ben, 'x'));
  expect(answer.legs).toEqual([{ device: ben.deviceId, outcome: 'dormant' }]);
  expect(await rowsOf(ben)).toHaveLength(64);
});

test('P7 submits of one connection that are under way have a limit', async () => {
  const { connection } = installation.caller(anna);
  const all = await Promise.allSettled(
    Array.from({ length: CONNECTION_SUBMITS_OPEN_MAX + 5 }, () =>
      installation.mailbox.mailboxRoutes.onSubmit(connection, installation.makeSubmit(ben, 'x')),
    ),
  );
  const refused = all.filter((outcome) => outcome.status === 'rejected');
  expect(refused).toHaveLength(5);
  for (const outcome of refused) expect((outcome.reason as KuvertError).code).toBe('overloaded');
});

test('P7 what one device sends one person flows: over the limit the answer says when, a repeat then goes through, others are not held up', async () => {
  await installation.close();
  installation = await openTestInstallation({ trafficFactor: 20 / TRAFFIC.pairSubmits.burst });
  const people = await installation.populate('anna', 'ben', 'cleo');
  ({ anna, ben } = people);
  for (let i = 0; i < 20; i++) await installation.send(anna, installation.makeSubmit(ben, `${i}`));
  const late = installation.makeSubmit(ben, 'late');
  const error = await refusal(installation.send(anna, late));
  expect(error).toMatchObject({ code: 'rate_limited', retry: { kind: 'after' } });
  expect(installation.limits).toEqual(['pairSubmits']);
  expect(await rowsOf(ben)).toHaveLength(20);
  await installation.send(anna, installation.makeSubmit(people.cleo, 'elsewhere'));
  await installation.send(people.cleo, installation.makeSubmit(ben, 'from elsewhere'));
  installation.clock.advance(error.retry.kind === 'after' ? error.retry.ms : 0);
  await installation.send(anna, late);
  expect(await rowsOf(ben)).toHaveLength(22);
});

test('A3 P7 signs of writing have a limit of their own, are refused beyond it, and hold up no message', async () => {
  const sign = (text: string) => ({ ...installation.makeSubmit(ben, text), class: CLASSES.ephemeral });
  const all = await Promise.allSettled(
    Array.from({ length: TRAFFIC.pairEphemerals.burst + 5 }, (_, at) =>
      installation.send(anna, sign(`${at}`)),
    ),
  );
  const refused = all.filter((outcome) => outcome.status === 'rejected');
  expect(refused).toHaveLength(5);
  for (const outcome of refused) expect((outcome.reason as KuvertError).code).toBe('rate_limited');
  expect(installation.limits).toEqual(['pairEphemerals']);
  await installation.send(anna, installation.makeSubmit(ben, 'a message'));
  expect(await rowsOf(ben)).toHaveLength(1);
});

test('P7 a device of another tenant that took the id of a device here does not use up what that one may send', async () => {
  await installation.close();
  installation = await openTestInstallation({ trafficFactor: 2 / TRAFFIC.pairSubmits.burst });
  ({ anna, ben } = await installation.populate('anna', 'ben'));
  const { eve } = await installation.populate('eve');
  const double = { ...eve, deviceId: anna.deviceId };
  for (let i = 0; i < 5; i++) await refusal(installation.send(double, installation.makeSubmit(ben, 'x')));
  await installation.send(anna, installation.makeSubmit(ben, 'x'));
});

test('P7 bytes to one person flow too, whoever sends them', async () => {
  await installation.close();
  installation = await openTestInstallation({ trafficFactor: 1 / 4_000 });
  const people = await installation.populate('anna', 'ben', 'cleo', 'dora');
  const text = 'x'.repeat(8_000);
  const bytesMax = TRAFFIC.recipientBytes.burst / 4_000;
  expect(Math.floor(bytesMax / text.length)).toBe(4);
  for (const from of [people.anna, people.anna, people.cleo, people.cleo]) {
    await installation.send(from, installation.makeSubmit(people.ben, text));
  }
  const error = await refusal(installation.send(people.dora, installation.makeSubmit(people.ben, text)));
  expect(error).toMatchObject({ code: 'rate_limited', retry: { kind: 'after' } });
  expect(installation.limits).toEqual(['recipientBytes']);
});
