/** Broken sessions mend themselves without anybody noticing, and nobody is made to send what they should not (P2, P3). */
import { CLASSES, encodeContent, makeId } from '@kuvert/protocol';
import { expect, test } from 'vitest';
import { legHash } from './leg-hash.ts';
import { acquaintedPair } from './node/doubles/acquainted.ts';
import { TestDevice } from './node/doubles/test-device.ts';

const HOUR_MS = 3_600_000;

async function acquainted() {
  const pair = await acquaintedPair();
  const { anna, bela, round } = pair;
  /** Both write to each other, so that both ratchets have new keys. */
  const turns = async () => {
    for (let n = 0; n < 2; n++) {
      await anna.write(bela, 'turn');
      await round(2);
      await bela.write(anna, 'turn');
      await round(2);
    }
  };
  const noticed = () => [...anna.noticeKinds(), ...bela.noticeKinds()];
  return { ...pair, turns, noticed };
}

/** The ratchet state with somebody, to be put back later. */
function copySession(of: TestDevice, withWhom: TestDevice): () => void {
  const device = withWhom.own.deviceId;
  const record = of.store.sessions.loadSession(device);
  if (record === undefined) throw new Error('no session');
  const copy = Uint8Array.from(record);
  return () =>
    of.store.sessions.apply({
      sessions: [{ device, record: copy }],
      usedOneTimePrekeys: [],
      usedKyberPrekeys: [],
      lastResortUses: [],
    });
}

test('P2 a reader whose ratchet went back reads on after a round, each message once, and nobody is told', async () => {
  const { anna, bela, round, turns, noticed } = await acquainted();
  const putBack = copySession(bela, anna);
  await turns();
  await anna.write(bela, '3');
  putBack();
  await anna.sync();
  await bela.sync();
  await round(3);
  expect(bela.texts()).toEqual(['turn', 'turn', '3']);
  await anna.write(bela, '4');
  await round(2);
  expect(bela.texts()).toEqual(['turn', 'turn', '3', '4']);
  expect(noticed()).toEqual([]);
});

test('P2 a writer whose ratchet went back is understood after a round, although its keys were used before', async () => {
  const { anna, bela, round, noticed } = await acquainted();
  const putBack = copySession(anna, bela);
  for (const text of ['1', '2']) await anna.write(bela, text);
  await round(2);
  putBack();
  const ids = [await anna.write(bela, '3'), await anna.write(bela, '4')];
  await round(4);
  expect(bela.texts()).toEqual(['1', '2', '3', '4']);
  for (const id of ids) expect(anna.messenger.status(id).state).toBe('delivered');
  expect(noticed()).toEqual([]);
});

test('P2 a prekey that the server gives out twice costs a round and no message', async () => {
  const { clock, server, bela, round } = await acquainted();
  const cem = await TestDevice.enrol(server, clock, 'Cem');
  const dora = await TestDevice.enrol(server, clock, 'Dora');
  let first: Parameters<NonNullable<typeof server.lies.take>>[0] | undefined;
  server.lies.take = (honest) => {
    first ??= honest;
    return first;
  };
  await cem.write(bela, 'from Cem');
  await dora.write(bela, 'from Dora');
  for (const device of [cem, dora]) await device.sync();
  delete server.lies.take;
  for (let n = 0; n < 3; n++) for (const device of [bela, cem, dora]) await device.sync();
  expect(bela.texts().toSorted()).toEqual(['from Cem', 'from Dora']);
  expect(bela.noticeKinds()).toEqual([]);
  await round();
});

test('P3 what cannot be opened and does not come again is named after a while, and the notice goes when it comes', async () => {
  const { clock, server, anna, bela, round, turns } = await acquainted();
  const putBack = copySession(bela, anna);
  await turns();
  await anna.write(bela, 'lost for now');
  putBack();
  // Requests do not get through.
  server.lies.store = (row, to) => (to === anna.own.deviceId ? [] : [row]);
  await anna.sync();
  await bela.sync();
  expect(bela.noticeKinds()).toEqual([]);
  clock.advance(11 * 60_000);
  await bela.sync();
  expect(bela.messenger.notices()).toMatchObject([
    { kind: 'undecryptable', personId: anna.person.personId, count: 1 },
  ]);
  delete server.lies.store;
  // It is asked for once more.
  clock.advance(HOUR_MS);
  await bela.sync();
  await round(3);
  expect(bela.texts()).toEqual(['turn', 'turn', 'lost for now']);
  expect(bela.noticeKinds()).toEqual([]);
  expect(bela.messenger.conversations.list()[0]?.last?.direction).not.toBe('system');
});

test('B8 a request for what was never sent, was sent to somebody else or has long arrived sends nothing', async () => {
  const { clock, server, anna, bela, round } = await acquainted();
  const cem = await TestDevice.enrol(server, clock, 'Cem');
  await anna.write(bela, 'for Bela');
  await round(2);
  await anna.write(cem, 'hello Cem');
  await anna.sync();
  await cem.sync();
  await anna.sync();
  const toBela = server.submits.filter(
    (submit) => submit.class === CLASSES.message && submit.legs[0]?.device === bela.own.deviceId,
  );
  const hashes = toBela.flatMap(({ legs }) => legs.map(({ bytes }) => legHash(bytes)));
  for (const [asker, legs] of [
    [cem, hashes],
    [bela, [...hashes, new Uint8Array(32)]],
  ] as const) {
    asker.store.outbox.add({
      contentId: makeId('content', Uint8Array.from(server.submits.length.toString().padEnd(16), Number)),
      kind: 'retry-request',
      class: CLASSES.control,
      toMail: undefined,
      toPerson: anna.person.personId,
      content: encodeContent({ kind: 'retry-request', minReader: 1, legs: legs.slice(0, 60) }),
      sentAtMs: clock.now(),
    });
    await asker.sync();
    const before = server.submits.length;
    await anna.sync();
    await anna.sync();
    expect(server.submits.length).toBe(before);
  }
});

test('B6 what came from somebody whose keys could not be verified is opened once they can', async () => {
  const { clock, server, bela, round } = await acquainted();
  const cem = await TestDevice.enrol(server, clock, 'Cem');
  await cem.write(bela, 'from Cem');
  await cem.sync();
  server.lies.account = (honest) =>
    honest.person === cem.person.personId
      ? { ...honest, authority: { ...honest.authority, signature: new Uint8Array(64) } }
      : honest;
  await bela.sync();
  expect(bela.texts()).toEqual([]);
  expect(bela.noticeKinds()).toContain('refused');
  delete server.lies.account;
  await bela.sync();
  expect(bela.texts()).toEqual(['from Cem']);
  expect(bela.noticeKinds()).toEqual([]);
  await round();
});
