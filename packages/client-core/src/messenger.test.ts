import { CLASSES, decodeContent, encodeCbor, KuvertError, makeId } from '@kuvert/protocol';
import { expect, test } from 'vitest';
import { pair } from './node/doubles/pair.ts';
import type { ServerDouble } from './node/doubles/server-double.ts';

/** Both have exchanged a message, so sessions are established and both chains known. */
async function acquainted() {
  const both = await pair();
  const { anna, bela } = both;
  await anna.write(bela, 'hello');
  await anna.sync();
  await bela.write(anna, 'hello to you');
  await bela.sync();
  await anna.sync();
  await bela.sync();
  bela.messenger.markPrinted(bela.messenger.inbox(10));
  anna.messenger.markPrinted(anna.messenger.inbox(10));
  return both;
}

test('A1 a text arrives byte for byte and its state goes queued, accepted, delivered', async () => {
  const { anna, bela } = await pair();
  const text = '\u0000Grüße 😀\r\nשלום';
  const id = await anna.write(bela, text);
  expect(anna.messenger.status(id)).toEqual({ state: 'queued' });
  await anna.sync();
  expect(anna.messenger.status(id)).toEqual({ state: 'accepted' });
  await bela.sync();
  expect(bela.texts()).toEqual([text]);
  expect(bela.messenger.inbox(1)[0]).toMatchObject({
    from: 'anna@acme.test',
    fromName: 'Anna',
    messageId: id,
  });
  await anna.sync();
  expect(anna.messenger.status(id)).toEqual({ state: 'delivered' });
  expect([...anna.noticeKinds(), ...bela.noticeKinds()]).toEqual([]);
});

test('A1 what is written within one millisecond, also after a restart, keeps its order for both', async () => {
  const { anna, bela } = await pair();
  const texts = Array.from({ length: 20 }, (_, i) => `line ${i}`);
  for (const text of texts) {
    await anna.write(bela, text);
    if (text.endsWith('9')) anna.restart();
  }
  await anna.sync();
  await bela.sync();
  expect(bela.texts()).toEqual(texts);
  for (const { messenger } of [anna, bela]) {
    expect(messenger.history({ limit: 100 }).map(({ text }) => text)).toEqual(texts);
  }
});

test('P2 a message whose answer was lost is submitted again with the same bytes under the same id, and shown once', async () => {
  const { server, anna, bela } = await acquainted();
  let lost = 0;
  server.lies.loseAnswer = (submit) => submit.class === CLASSES.message && lost++ === 0;
  const before = server.submits.length;
  await anna.write(bela, 'once');
  await expect(anna.sync()).rejects.toThrow('server_unreachable');
  anna.restart();
  await anna.sync();
  const [first, second] = server.submits.slice(before).filter((submit) => submit.class === CLASSES.message);
  expect(second).toEqual(first);
  await bela.sync();
  expect(bela.texts()).toEqual(['once']);
});

test('P2 an envelope that is delivered twice is shown once and leaves the mailbox', async () => {
  const { server, anna, bela } = await acquainted();
  server.lies.store = (row) => [row, row];
  await anna.write(bela, 'twice');
  await anna.sync();
  await bela.sync();
  expect(bela.texts()).toEqual(['twice']);
  expect(server.waiting(bela.own.deviceId)).toBe(0);
  expect(bela.messenger.notices()).toMatchObject([{ kind: 'messages_replayed', count: 1 }]);
});

test('P3 messages that arrive in another order are all shown, and their order is named', async () => {
  const { server, anna, bela } = await acquainted();
  const held: Parameters<ServerDouble['inject']>[1][] = [];
  server.lies.store = (row) => {
    held.push(row);
    return [];
  };
  for (const text of ['1', '2', '3']) await anna.write(bela, text);
  await anna.sync();
  for (const row of held.reverse()) server.inject(bela.own.deviceId, row);
  await bela.sync();
  expect(bela.texts().sort()).toEqual(['1', '2', '3']);
  expect(bela.messenger.notices()).toMatchObject([{ kind: 'messages_reordered', count: 2 }]);
});

test('P3 a withheld message is noticed with the next one; the notice goes when it comes after all', async () => {
  const { server, anna, bela } = await acquainted();
  const held: Parameters<ServerDouble['inject']>[1][] = [];
  await anna.write(bela, 'withheld');
  server.lies.store = (row) => {
    held.push(row);
    return [];
  };
  await anna.sync();
  delete server.lies.store;
  await anna.write(bela, 'delivered');
  await anna.sync();
  await bela.sync();
  expect(bela.texts()).toEqual(['delivered']);
  expect(bela.messenger.notices()).toMatchObject([{ kind: 'messages_missing', count: 1 }]);
  for (const row of held) server.inject(bela.own.deviceId, row);
  await bela.sync();
  expect(bela.texts()).toEqual(['delivered', 'withheld']);
  expect(bela.noticeKinds()).toEqual([]);
});

test('P3 a withheld last message is noticed by the head in the next acknowledgement', async () => {
  const { server, anna, bela } = await acquainted();
  await anna.write(bela, 'withheld');
  server.lies.store = () => [];
  await anna.sync();
  delete server.lies.store;
  await bela.write(anna, 'are you there?');
  await bela.sync();
  expect(bela.noticeKinds()).toEqual([]);
  await anna.sync();
  await bela.sync();
  expect(bela.messenger.notices()).toMatchObject([{ kind: 'messages_missing', count: 1 }]);
});

test('P3 a withheld last message is noticed by the heartbeat a day later', async () => {
  const { clock, server, anna, bela } = await acquainted();
  await anna.write(bela, 'withheld');
  server.lies.store = () => [];
  await anna.sync();
  delete server.lies.store;
  clock.advance(23 * 3_600_000);
  await anna.sync();
  await bela.sync();
  expect(bela.noticeKinds()).toEqual([]);
  clock.advance(3_600_000);
  await anna.sync();
  await bela.sync();
  expect(bela.messenger.notices()).toMatchObject([{ kind: 'messages_missing', count: 1 }]);
});

test('B8 an envelope that was changed on the way is not shown, asked for again, and then arrives', async () => {
  const { server, anna, bela } = await acquainted();
  const id = await anna.write(bela, 'again, please');
  let broken = 0;
  // A message that the ratchet refuses: the leg of another message under this one's number cannot be made from
  // outside, so the recipient loses its session instead.
  const { sessions } = bela.store;
  const session = sessions.loadSession(anna.own.deviceId);
  expect(session).toBeDefined();
  await anna.sync();
  const original = sessions.loadSession.bind(sessions);
  Object.assign(sessions, {
    loadSession: (device: Parameters<typeof original>[0]) =>
      device === anna.own.deviceId && broken++ === 0 ? undefined : original(device),
  });
  await bela.sync();
  expect(bela.texts()).toEqual([]);
  expect(bela.noticeKinds()).toEqual([]);
  expect(server.waiting(bela.own.deviceId)).toBe(0);
  await anna.sync();
  await bela.sync();
  expect(bela.texts()).toEqual(['again, please']);
  await anna.sync();
  expect(anna.messenger.status(id)).toEqual({ state: 'delivered' });
  expect([...anna.noticeKinds(), ...bela.noticeKinds()]).toEqual([]);
});

test('B8 noise in the mailbox is set aside, acknowledged, and holds nothing up', async () => {
  const { clock, server, anna, bela } = await acquainted();
  const leg = new Uint8Array(300).fill(7);
  const row = {
    acceptedAtMs: clock.now(),
    expiresAtMs: clock.now() + 1,
    suite: 1,
    class: CLASSES.message,
    leg,
  };
  server.inject(bela.own.deviceId, row);
  await anna.write(bela, 'after the noise');
  await anna.sync();
  await bela.sync();
  expect(bela.texts()).toEqual(['after the noise']);
  expect(bela.noticeKinds()).toEqual(['refused']);
  expect(server.waiting(bela.own.deviceId)).toBe(0);
});

test('A1 content of a kind from a newer release is kept and shown as too new; as control it is not shown', async () => {
  const { anna, bela, clock } = await acquainted();
  for (const submitClass of [CLASSES.message, CLASSES.control]) {
    anna.store.outbox.add({
      contentId: makeId('content', new Uint8Array(16).fill(submitClass)),
      kind: 'hologram',
      class: submitClass,
      toMail: undefined,
      toPerson: bela.person.personId,
      content: encodeCbor({ kind: 'hologram', minReader: 9 }),
      sentAtMs: clock.now(),
    });
  }
  await anna.sync();
  await bela.sync();
  expect(bela.messenger.inbox(10)).toMatchObject([{ kind: 'too-new', text: '' }]);
});

test('B8 a text that comes as control is not shown', async () => {
  const { anna, bela, clock } = await acquainted();
  anna.store.outbox.add({
    contentId: makeId('content', new Uint8Array(16).fill(9)),
    kind: 'text',
    class: CLASSES.control,
    toMail: undefined,
    toPerson: bela.person.personId,
    content: encodeCbor({ kind: 'text', minReader: 1, text: 'psst' }),
    sentAtMs: clock.now(),
  });
  await anna.sync();
  await bela.sync();
  expect(bela.texts()).toEqual([]);
});

test('A8 what was written offline to an unknown address stays queued with a problem, and others are not held up', async () => {
  const { anna, bela } = await acquainted();
  const [lost] = await anna.messenger.send([{ to: 'nobody@acme.test', text: 'hello?' }]);
  const found = await anna.write(bela, 'here');
  await anna.sync();
  if (lost === undefined) throw new Error('nothing was queued');
  expect(anna.messenger.status(lost.messageId)).toEqual({ state: 'queued', problem: 'recipient_unknown' });
  expect(anna.messenger.status(found)).toEqual({ state: 'accepted' });
  expect(anna.noticeKinds()).toEqual(['recipient_unknown']);
  await anna.connect();
  const sending = anna.messenger.send([{ to: 'nobody@acme.test', text: 'hello?' }]);
  await expect(sending).rejects.toMatchObject({ code: 'recipient_unknown' });
  anna.messenger.disconnect();
});

test('P2 acknowledgements say nothing that people see, and are not acknowledged', async () => {
  const { server, anna, bela } = await acquainted();
  await anna.write(bela, 'one');
  await anna.sync();
  await bela.sync();
  const before = server.submits.length;
  for (let round = 0; round < 3; round++) {
    await anna.sync();
    await bela.sync();
  }
  expect(server.submits.length).toBe(before);
  expect(
    decodeContent(anna.store.outbox.listSent({ limit: 1 })[0]?.content ?? new Uint8Array()),
  ).toMatchObject({
    text: 'one',
  });
});

test('P1 a store that cannot write ends the connection, and nothing is acknowledged that was not kept', async () => {
  const { server, anna, bela } = await acquainted();
  await anna.write(bela, 'kept');
  await anna.sync();
  const { messages } = bela.store;
  const add = messages.add.bind(messages);
  Object.assign(messages, {
    add: () => {
      throw new KuvertError('disk_full');
    },
  });
  await expect(bela.sync()).rejects.toMatchObject({ code: 'disk_full' });
  expect(server.waiting(bela.own.deviceId)).toBe(1);
  Object.assign(messages, { add });
  await bela.sync();
  expect(bela.texts()).toEqual(['kept']);
});
