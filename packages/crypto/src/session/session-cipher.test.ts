import { CLASSES, MAILBOX_LIMITS, makeId, utf8 } from '@kuvert/protocol';
import { PrivateKey, PublicKey } from '@signalapp/libsignal-client';
import { expect, test } from 'vitest';
import { type MemoryDevice, makeDevice, START_MS } from './in-memory-device.ts';
import { openLeg, sealLeg } from './leg.ts';
import { SessionCipher } from './session-cipher.ts';
import { INLINE_FRAME_BYTES_MAX, packFrame } from './shared-body.ts';

const tenant = makeId('tenant', new Uint8Array(16).fill(1));
const DAY_MS = 86_400_000;
const hello = utf8('hello');

const because = (reason: string) => expect.objectContaining({ name: 'SessionError', reason });

function encrypt(
  from: MemoryDevice,
  to: MemoryDevice,
  options: { plaintext?: Uint8Array<ArrayBuffer>; nowMs?: number } = {},
) {
  const { plaintext = hello, nowMs = START_MS } = options;
  const bundle = from.cipher.hasSession(to.id, nowMs) ? undefined : to.takeBundle();
  return from.cipher.encrypt({ peer: to.listed, plaintext, class: CLASSES.message, nowMs, bundle });
}

async function send(from: MemoryDevice, to: MemoryDevice, text = 'hello') {
  const { leg, writes } = await encrypt(from, to, { plaintext: utf8(text) });
  from.records.commit(writes);
  return leg;
}

function decrypt(to: MemoryDevice, from: MemoryDevice, leg: Uint8Array) {
  return to.cipher.decrypt(to.cipher.openLeg(leg, CLASSES.message), from.listed);
}

async function receive(to: MemoryDevice, from: MemoryDevice, leg: Uint8Array): Promise<string> {
  const { plaintext, writes } = await decrypt(to, from, leg);
  to.records.commit(writes);
  return new TextDecoder().decode(plaintext);
}

async function pair(oneTime?: number) {
  const a = makeDevice(tenant, oneTime);
  const b = makeDevice(tenant, oneTime);
  return { a, b };
}

test('B2 an opener uses up one-time keys of both kinds, an answer ends the opening', async () => {
  const { a, b } = await pair();
  const opener = await send(a, b);
  const opened = b.cipher.openLeg(opener, CLASSES.message);
  expect(opened).toMatchObject({
    senderDevice: a.id,
    type: 'prekey',
    senderIdentityKey: a.listed.identityKey,
  });
  const { plaintext, writes } = await b.cipher.decrypt(opened, a.listed);
  expect(plaintext).toEqual(hello);
  expect(writes).toMatchObject({
    sessions: [{ device: a.id }],
    usedOneTimePrekeys: [1],
    usedKyberPrekeys: [2],
    lastResortUses: [],
  });
  b.records.commit(writes);
  expect([b.records.oneTime.size, b.records.kyber.size]).toEqual([99, 20]);
  expect(await receive(a, b, await send(b, a))).toBe('hello');
  const next = b.cipher.openLeg(await send(a, b), CLASSES.message);
  expect(next.type).toBe('message');
  expect(next).not.toHaveProperty('senderIdentityKey');
});

test('B2 without one-time keys the last-resort key serves every opener, but the same opener only once', async () => {
  const { a, b } = await pair(0);
  const c = makeDevice(tenant);
  const opener = await send(a, b);
  expect(await receive(b, a, opener)).toBe('hello');
  expect(await receive(b, c, await send(c, b))).toBe('hello');
  expect(b.records.uses.size).toBe(2);
  await expect(decrypt(b, a, opener)).rejects.toThrow(because('duplicate'));
  b.records.sessions.delete(a.id);
  await expect(decrypt(b, a, opener)).rejects.toThrow(because('undecryptable'));
});

test('C1 a crash before the commit loses nothing: the same leg opens again, the next leg is as good', async () => {
  const { a, b } = await pair();
  await encrypt(a, b);
  const leg = await send(a, b, 'after the crash');
  const lost = await decrypt(b, a, leg);
  expect(lost.writes.usedOneTimePrekeys).toHaveLength(1);
  expect(await receive(b, a, leg)).toBe('after the crash');
  await encrypt(b, a);
  const answer = await send(b, a, 'answer');
  await decrypt(a, b, answer);
  expect(await receive(a, b, answer)).toBe('answer');
  await expect(decrypt(a, b, answer)).rejects.toThrow(because('duplicate'));
});

test('C1 two operations in one transaction build on each other', async () => {
  const { a, b } = await pair();
  const first = await encrypt(a, b, { plaintext: utf8('one') });
  const afterFirst = a.records.clone();
  afterFirst.commit(first.writes);
  const second = await new SessionCipher(a.own, afterFirst).encrypt({
    peer: b.listed,
    plaintext: utf8('two'),
    class: CLASSES.message,
    nowMs: START_MS,
  });
  a.records.commit(first.writes);
  a.records.commit(second.writes);
  for (const [leg, text] of [
    [second.leg, 'two'],
    [first.leg, 'one'],
  ] as const) {
    expect(await receive(b, a, leg)).toBe(text);
  }
  expect(await receive(b, a, await send(a, b, 'three'))).toBe('three');
});

test('B6 a bundle under another identity key than the listed one starts no session', async () => {
  const { a, b } = await pair();
  const impostor = makeDevice(tenant);
  const swapped = { ...impostor.takeBundle(), device: b.id };
  const options = { peer: b.listed, plaintext: hello, class: CLASSES.message, nowMs: START_MS };
  await expect(a.cipher.encrypt({ ...options, bundle: swapped })).rejects.toThrow(
    because('untrusted-identity'),
  );
  await expect(a.cipher.encrypt({ ...options, bundle: impostor.takeBundle() })).rejects.toThrow(
    because('malformed'),
  );
  await expect(
    a.cipher.encrypt({ ...options, peer: { ...b.listed, suites: [2] }, bundle: b.takeBundle() }),
  ).rejects.toThrow(because('malformed'));
  const noKey = { ...b.listed, identityKey: new Uint8Array(33) };
  await expect(a.cipher.encrypt({ ...options, peer: noKey, bundle: b.takeBundle() })).rejects.toThrow(
    because('untrusted-identity'),
  );
  expect(a.records.sessions.size).toBe(0);
});

test('B6 a message under another identity key than the listed one is refused, at first contact and later', async () => {
  const { a, b } = await pair();
  const impostor = makeDevice(tenant);
  const asA = { ...impostor, own: { ...impostor.own, deviceId: a.id } };
  const forged = new SessionCipher(asA.own, impostor.records);
  const { leg } = await forged.encrypt({
    peer: b.listed,
    plaintext: hello,
    class: CLASSES.message,
    nowMs: START_MS,
    bundle: b.takeBundle(),
  });
  const opened = b.cipher.openLeg(leg, CLASSES.message);
  expect(opened.senderDevice).toBe(a.id);
  expect(opened.senderIdentityKey).toEqual(impostor.listed.identityKey);
  await expect(b.cipher.decrypt(opened, a.listed)).rejects.toThrow(because('untrusted-identity'));
  await expect(b.cipher.decrypt(opened, impostor.listed)).rejects.toThrow(because('untrusted-identity'));
  expect(b.records.sessions.size).toBe(0);

  await receive(b, a, await send(a, b));
  await receive(a, b, await send(b, a));
  const relisted = { ...a.listed, identityKey: impostor.listed.identityKey };
  const next = b.cipher.openLeg(await send(a, b), CLASSES.message);
  await expect(b.cipher.decrypt(next, relisted)).rejects.toThrow(because('untrusted-identity'));
  await expect(
    b.cipher.encrypt({ peer: relisted, plaintext: hello, class: CLASSES.message, nowMs: START_MS }),
  ).rejects.toThrow(because('untrusted-identity'));
});

test('B8 a leg that was changed, or moved to another device, tenant or class, does not open', async () => {
  const { a, b } = await pair();
  const c = makeDevice(tenant);
  const leg = await send(a, b);
  const elsewhere = new SessionCipher(
    { ...b.own, tenantId: makeId('tenant', new Uint8Array(16)) },
    b.records,
  );
  expect(() => c.cipher.openLeg(leg, CLASSES.message)).toThrow(because('undecryptable'));
  expect(() => b.cipher.openLeg(leg, CLASSES.control)).toThrow(because('undecryptable'));
  expect(() => elsewhere.openLeg(leg, CLASSES.message)).toThrow(because('undecryptable'));
  for (const at of [0, 1])
    expect(() => b.cipher.openLeg(flip(leg, at), CLASSES.message)).toThrow(because('malformed'));
  for (let at = 2; at < leg.length; at += 37) {
    expect(() => b.cipher.openLeg(flip(leg, at), CLASSES.message)).toThrow(because('undecryptable'));
  }
  expect(() => b.cipher.openLeg(new Uint8Array(0), CLASSES.message)).toThrow(because('malformed'));
  expect(await receive(b, a, leg)).toBe('hello');
});

test('B8 a ciphertext that somebody else changed and sealed again does not open and changes nothing', async () => {
  const { a, b } = await pair();
  const address = { tenantId: tenant, recipientDevice: b.id, class: CLASSES.message };
  const ownKey = PrivateKey.deserialize(b.own.identityPrivateKey);
  const listedKey = PublicKey.deserialize(b.listed.identityKey);
  for (const round of ['opener', 'later'] as const) {
    const leg = await send(a, b, round);
    const { type, ciphertext, senderDevice } = openLeg(address, ownKey, leg);
    // Byte 0 holds the sender's newest ratchet version beside the one used; libsignal lets it be.
    for (let at = 1; at < ciphertext.length; at += at < 300 ? 1 : 29) {
      const content = { type: type === 'prekey' ? 3 : 2, senderDevice, ciphertext: flip(ciphertext, at) };
      const before = new Map(b.records.sessions);
      const attempt = async () => decrypt(b, a, sealLeg(address, listedKey, content));
      const reason = await attempt().then(
        () => 'opened',
        (error) => error.name,
      );
      expect(reason, `${round}, byte ${at}`).toBe('SessionError');
      expect(b.records.sessions).toEqual(before);
    }
    expect(await receive(b, a, leg)).toBe(round);
    await receive(a, b, await send(b, a));
  }
  const junk = [
    { type: 2, senderDevice: a.id, ciphertext: new Uint8Array(0) },
    { type: 3, senderDevice: a.id, ciphertext: new Uint8Array(0) },
    { type: 3, senderDevice: a.id, ciphertext: Uint8Array.of(0x44, 0x1a, 0xff, 0xff, 0xff, 0xff, 0x7f) },
    { type: 7, senderDevice: a.id, ciphertext: hello },
    { type: 2, senderDevice: tenant as never, ciphertext: hello },
  ];
  for (const content of junk) {
    const attempt = async () => decrypt(b, a, sealLeg(address, listedKey, content));
    await expect(attempt()).rejects.toMatchObject({ name: 'SessionError' });
  }
});

test('B2 without a session or bundle nothing is encrypted; an opener unanswered for 30 days is no session', async () => {
  const { a, b } = await pair();
  const options = { peer: b.listed, plaintext: hello, class: CLASSES.message };
  await expect(a.cipher.encrypt({ ...options, nowMs: START_MS })).rejects.toThrow(because('no-session'));
  await send(a, b);
  expect(a.cipher.hasSession(b.id, START_MS + 29 * DAY_MS)).toBe(true);
  expect(a.cipher.hasSession(b.id, START_MS + 31 * DAY_MS)).toBe(false);
  await expect(a.cipher.encrypt({ ...options, nowMs: START_MS + 31 * DAY_MS })).rejects.toThrow(
    because('no-session'),
  );
});

test('C1 an archived session sends no more, yet opens what was under way; a new one heals the pair', async () => {
  const { a, b } = await pair();
  expect(a.cipher.archiveSession(b.id)).toBeUndefined();
  await receive(b, a, await send(a, b));
  const underWay = await send(b, a, 'under way');
  const writes = a.cipher.archiveSession(b.id);
  if (writes === undefined) throw new Error('there is a session');
  a.records.commit(writes);
  expect(a.cipher.hasSession(b.id, START_MS)).toBe(false);
  expect(await receive(a, b, underWay)).toBe('under way');
  const again = a.cipher.archiveSession(b.id);
  if (again !== undefined) a.records.commit(again);
  expect(await receive(b, a, await send(a, b, 'healed'))).toBe('healed');
  expect(await receive(a, b, await send(b, a, 'answer'))).toBe('answer');
});

test('C1 two operations at once on one object are refused, and the first is not disturbed', async () => {
  const { a, b } = await pair();
  const first = encrypt(a, b);
  await expect(encrypt(a, b)).rejects.toThrow(because('busy'));
  expect(() => a.cipher.archiveSession(b.id)).toThrow(because('busy'));
  const { leg, writes } = await first;
  a.records.commit(writes);
  expect(await receive(b, a, leg)).toBe('hello');
});

test('B1 the largest inline frame fits into a leg, also in an opener', async () => {
  const { a, b } = await pair();
  const { plaintext } = packFrame(new Uint8Array(INLINE_FRAME_BYTES_MAX), new Uint8Array(32));
  const { leg } = await encrypt(a, b, { plaintext });
  expect(leg.length).toBeLessThanOrEqual(MAILBOX_LIMITS.legBytesMax);
});

function flip(bytes: Uint8Array, at: number): Uint8Array<ArrayBuffer> {
  const copy = Uint8Array.from(bytes);
  copy[at] = (copy[at] ?? 0) ^ 1;
  return copy;
}
