/** Attachments on a real store and real files: quota, expiry, leftovers, revoked devices, and who may fetch what (A1 A9 B1 C9 E1). */
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import {
  ATTACHMENT_LIMITS,
  ATTACHMENT_PATH,
  type AttachmentId,
  KuvertError,
  LIFETIME_MS,
  makeId,
  UPLOAD_OFFSET_HEADER,
  UPLOAD_TYPE,
} from '@kuvert/protocol';
import fastify from 'fastify';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openTestInstallation, type TestDevice, type TestInstallation } from '../test-installation.ts';
import { attachmentUsage } from './collections.ts';
import { EXPIRY_MARGIN_MS, LEFTOVER_MS, UNFINISHED_MS } from './limits.ts';

const GIB = 2 ** 30;
let installation: TestInstallation;
let anna: TestDevice;
let ben: TestDevice;
/** Pairs that may not talk to each other, as `from to`. */
const apart = new Set<string>();

beforeEach(async () => {
  apart.clear();
  installation = await openTestInstallation({
    attachmentBytesMax: 21 * GIB,
    exchange: {
      requireBetween(from, to) {
        if (apart.has(`${from} ${to}`)) throw new KuvertError('exchange_refused');
      },
    },
  });
  ({ anna, ben } = await installation.populate('anna', 'ben'));
});
afterEach(() => installation.close());

const service = () => installation.attachments.service;
const freshId = () => makeId('attachment', installation.random(16));
const codeOf = (work: Promise<unknown>) =>
  work.then(
    () => 'done',
    (error: KuvertError) => error.code,
  );
const create = (device: TestDevice, sizeBytes: number, attachment = freshId()) =>
  service().create(installation.caller(device), { attachment, sizeBytes });
const up = (device: TestDevice, attachment: AttachmentId) =>
  ({ direction: 'up', tenantId: device.tenantId, deviceId: device.deviceId, attachment }) as const;
const sha256 = (bytes: Uint8Array) => Uint8Array.from(createHash('sha256').update(bytes).digest());
const inPieces = async function* (...pieces: Uint8Array[]) {
  yield* pieces;
};
const fileOf = (device: TestDevice, attachment: AttachmentId, end = '') =>
  join(installation.blobsFolder, device.tenantId, attachment + end);
/** The file that a descriptor of this process is, if it is one of the blobs. */
const targetOf = (fd: string): string[] => {
  try {
    const path = readlinkSync(`/proc/self/fd/${fd}`);
    return path.startsWith(installation.blobsFolder) ? [path] : [];
  } catch {
    return [];
  }
};
const sweep = () => installation.attachments.sweep(anna.tenantId, 100);

/** Brings a file in one request, with this behind it. */
const whole = (
  device: TestDevice,
  bytes: Uint8Array,
  { attachment = freshId(), hash = sha256(bytes), sizeBytes = bytes.length, owner = device.personId } = {},
) =>
  service().store(
    { direction: 'new', tenantId: device.tenantId, deviceId: device.deviceId, attachment },
    { sizeBytes, body: inPieces(bytes, hash), owner: Promise.resolve(owner) },
  );

/** Brings all of it and finishes. */
async function store(device: TestDevice, bytes: Uint8Array): Promise<AttachmentId> {
  const attachment = freshId();
  await create(device, bytes.length, attachment);
  await service().append(up(device, attachment), 0, inPieces(bytes));
  await service().finish(installation.caller(device), { attachment, sha256: sha256(bytes) });
  return attachment;
}

test('A1 H1 a device and a tenant may keep so much and no more, what is given up makes room, and no other tenant feels it', async () => {
  const whole = ATTACHMENT_LIMITS.sealedBytesMax;
  const first = freshId();
  await create(anna, whole, first);
  for (let count = 1; count < 9; count++) await create(anna, whole);
  expect(await codeOf(create(anna, whole))).toBe('attachment_quota');
  expect(installation.limits).toEqual(['attachments']);
  // Asking again for what was begun counts nothing twice.
  expect(await codeOf(create(anna, whole, first))).toBe('done');
  // Ben has room of his own until the tenant has none.
  expect(await codeOf(create(ben, whole))).toBe('done');
  expect(await codeOf(create(ben, whole))).toBe('attachment_quota');
  const other = await installation.populate('cleo');
  expect(await codeOf(create(other.cleo, whole))).toBe('done');
  await service().remove(installation.caller(anna), first);
  expect(await codeOf(create(ben, whole))).toBe('done');
  // Two at once for the last place: one has it.
  const tiny = 2 ** 20;
  const room = 21 * GIB - 10 * whole - tiny;
  await create(ben, room);
  const both = await Promise.all([codeOf(create(anna, tiny)), codeOf(create(ben, tiny))]);
  expect(both.toSorted()).toEqual(['attachment_quota', 'done']);
});

test('A9 what nobody goes on with and what is older than any message is gone at its time, with its file and its count', async () => {
  const kept = await store(anna, Buffer.from('sealed bytes'));
  const begun = freshId();
  await create(anna, 100, begun);
  await service().append(up(anna, begun), 0, inPieces(Buffer.from('half')));
  installation.clock.advance(UNFINISHED_MS - 1);
  await sweep();
  expect(existsSync(fileOf(anna, begun, '.part'))).toBe(true);
  // Asked for again, it waits as long once more.
  expect(await create(anna, 100, begun)).toMatchObject({ offset: 4, isStored: false });
  installation.clock.advance(UNFINISHED_MS - 1);
  await sweep();
  expect(existsSync(fileOf(anna, begun, '.part'))).toBe(true);
  installation.clock.advance(1);
  await sweep();
  expect(existsSync(fileOf(anna, begun, '.part'))).toBe(false);
  expect(await codeOf(service().append(up(anna, begun), 4, inPieces(Buffer.from('more'))))).toBe(
    'capability_invalid',
  );
  // Finished again, it lives as long as a message that goes out now.
  await service().finish(installation.caller(anna), {
    attachment: kept,
    sha256: sha256(Buffer.from('sealed bytes')),
  });
  installation.clock.advance(LIFETIME_MS[1] + EXPIRY_MARGIN_MS - 1);
  await sweep();
  expect(await codeOf(service().open(installation.caller(ben), kept))).toBe('done');
  installation.clock.advance(1);
  // Its time counts, not whether somebody has swept.
  expect(await codeOf(service().open(installation.caller(ben), kept))).toBe('attachment_gone');
  await sweep();
  expect(existsSync(fileOf(anna, kept))).toBe(false);
  const usage = await installation.store.tenant(anna.tenantId).find(attachmentUsage, anna.deviceId);
  expect(usage).toBeUndefined();
});

test('A9 the sweep of leftovers takes old files without a row, never one that is young or under way', async () => {
  const folder = join(installation.blobsFolder, anna.tenantId);
  const kept = await store(anna, Buffer.from('kept'));
  const begun = freshId();
  const bytes = Buffer.from('first half, second half');
  await create(anna, bytes.length, begun);
  const goOn = Promise.withResolvers<void>();
  const hasBegun = Promise.withResolvers<void>();
  const appending = service().append(
    up(anna, begun),
    0,
    (async function* () {
      yield bytes.subarray(0, 10);
      hasBegun.resolve();
      await goOn.promise;
      yield bytes.subarray(10);
    })(),
  );
  await hasBegun.promise;
  const [old, young, half] = [freshId(), freshId(), freshId()];
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, old), 'x');
  writeFileSync(join(folder, `${half}.part`), 'x');
  writeFileSync(join(folder, young), 'x');
  const longAgo = (installation.clock.nowMs() - LEFTOVER_MS - 1_000) / 1_000;
  for (const name of readdirSync(folder)) utimesSync(join(folder, name), longAgo, longAgo);
  const now = installation.clock.nowMs() / 1_000;
  utimesSync(join(folder, young), now, now);
  const scope = installation.store.tenant(anna.tenantId);
  expect(await service().sweepLeftovers(scope)).toBe(2);
  expect(readdirSync(folder).sort()).toEqual([kept, young, `${begun}.part`].sort());
  goOn.resolve();
  expect(await appending).toBe(bytes.length);
  expect(
    await codeOf(service().finish(installation.caller(anna), { attachment: begun, sha256: sha256(bytes) })),
  ).toBe('done');
});

test('C9 who may not talk to whoever uploaded a file does not get it, and everybody else does', async () => {
  const attachment = await store(anna, Buffer.from('for some'));
  expect(await codeOf(service().open(installation.caller(ben), attachment))).toBe('done');
  apart.add(`${anna.personId} ${ben.personId}`);
  expect(await codeOf(service().open(installation.caller(ben), attachment))).toBe('exchange_refused');
  expect(await codeOf(service().open(installation.caller(anna), attachment))).toBe('done');
  const other = await installation.populate('cleo');
  expect(await codeOf(service().open(installation.caller(other.cleo), attachment))).toBe('attachment_gone');
});

test('C9 of two who are separated neither fetches anything more with the capability that was given before', async () => {
  const attachment = await store(anna, Buffer.from('for some'));
  const { capability } = await service().open(installation.caller(ben), attachment);
  const app = fastify();
  installation.attachments.addHttpRoutes(app);
  const address = await app.listen({ port: 0, host: '127.0.0.1' });
  const get = (range = 'bytes=0-') =>
    fetch(address + ATTACHMENT_PATH, { headers: { authorization: `Kuvert ${capability}`, range } });
  const whole = await get();
  expect([whole.status, await whole.text()]).toEqual([206, 'for some']);
  // What begins behind the end opens nothing that somebody would have to close. The file of the answer before may
  // still be open for a moment after its last byte has arrived.
  const open = () => readdirSync('/proc/self/fd').flatMap((fd) => targetOf(fd)).length;
  await expect.poll(open).toBe(0);
  for (let times = 0; times < 5; times++) expect((await get('bytes=99-')).ok).toBe(false);
  await expect.poll(open).toBe(0);
  apart.add(`${anna.personId} ${ben.personId}`);
  const refused = await get();
  expect(refused.ok).toBe(false);
  expect(await refused.text()).toContain('exchange_refused');
  await app.close();
});

test('A9 a file that the storage has lost is brought once more by whoever has it', async () => {
  const bytes = Buffer.from('lost and found');
  const attachment = await store(anna, bytes);
  expect(await create(anna, bytes.length, attachment)).toMatchObject({
    isStored: true,
    offset: bytes.length,
  });
  rmSync(fileOf(anna, attachment));
  expect(await create(anna, bytes.length, attachment)).toMatchObject({ isStored: false, offset: 0 });
  expect(await codeOf(service().open(installation.caller(ben), attachment))).toBe('attachment_gone');
  await service().append(up(anna, attachment), 0, inPieces(bytes));
  await service().finish(installation.caller(anna), { attachment, sha256: sha256(bytes) });
  expect(await codeOf(service().open(installation.caller(ben), attachment))).toBe('done');
});

test('A9 whoever finishes while the last bytes are on their way is answered behind them, and before with the offset', async () => {
  const bytes = Buffer.from('the last of it');
  const attachment = freshId();
  await create(anna, bytes.length, attachment);
  const finish = (hash = sha256(bytes)) =>
    service().finish(installation.caller(anna), { attachment, sha256: hash });
  await expect(finish()).rejects.toMatchObject({ code: 'attachment_offset', details: { offset: 0 } });
  const goOn = Promise.withResolvers<void>();
  const begun = Promise.withResolvers<void>();
  const slowly = async function* () {
    yield bytes.subarray(0, 3);
    begun.resolve();
    await goOn.promise;
    yield bytes.subarray(3);
  };
  const appending = service().append(up(anna, attachment), 0, slowly());
  await begun.promise;
  const finished = finish();
  goOn.resolve();
  expect((await finished).expiresAt).toBeGreaterThan(0);
  expect(await appending).toBe(bytes.length);
  expect(await codeOf(service().open(installation.caller(ben), attachment))).toBe('done');
});

test('A9 a name that a crash has kept without all of its bytes is no file: it is brought anew', async () => {
  const bytes = Buffer.from('all of it, or nothing');
  const attachment = freshId();
  await create(anna, bytes.length, attachment);
  await service().append(up(anna, attachment), 0, inPieces(bytes));
  rmSync(fileOf(anna, attachment, '.part'));
  writeFileSync(fileOf(anna, attachment), bytes.subarray(0, 5));
  expect(await create(anna, bytes.length, attachment)).toMatchObject({ isStored: false, offset: 0 });
  await service().append(up(anna, attachment), 0, inPieces(bytes));
  await service().finish(installation.caller(anna), { attachment, sha256: sha256(bytes) });
  expect(await codeOf(service().open(installation.caller(ben), attachment))).toBe('done');
});

test('A9 whoever finishes before the storage was told of the last bytes is answered behind them all the same', async () => {
  const bytes = Buffer.from('on another connection');
  const attachment = freshId();
  await create(anna, bytes.length, attachment);
  const isAllowed = Promise.withResolvers<boolean>();
  const appending = service().append(up(anna, attachment), 0, inPieces(bytes), isAllowed.promise);
  const finished = service().finish(installation.caller(anna), { attachment, sha256: sha256(bytes) });
  isAllowed.resolve(true);
  expect((await finished).expiresAt).toBeGreaterThan(0);
  expect(await appending).toBe(bytes.length);
  const refused = freshId();
  await create(anna, bytes.length, refused);
  const not = service().append(up(anna, refused), 0, inPieces(bytes), Promise.resolve(false));
  expect(await codeOf(not)).toBe('capability_invalid');
  expect(existsSync(fileOf(anna, refused, '.part'))).toBe(false);
});

test('A9 a crash between the row of a file and its name is mended by finishing again, without a byte brought twice', async () => {
  const bytes = Buffer.from('half promised');
  const attachment = await store(anna, bytes);
  renameSync(fileOf(anna, attachment), fileOf(anna, attachment, '.part'));
  expect(await create(anna, bytes.length, attachment)).toMatchObject({
    isStored: false,
    offset: bytes.length,
  });
  const finish = { attachment, sha256: sha256(bytes) };
  await service().finish(installation.caller(anna), finish);
  expect(await create(anna, bytes.length, attachment)).toMatchObject({ isStored: true });
  const read = await service().read({ ...up(anna, attachment), direction: 'down' }, ben.personId, 0);
  const parts: Uint8Array[] = [];
  for await (const part of read.bytes) parts.push(part);
  expect(Buffer.concat(parts).equals(bytes)).toBe(true);
});

test('E1 a revoked device loses the download that runs, and every capability that it has', async () => {
  const bytes = Buffer.alloc(64 * 2 ** 20, 7);
  const attachment = await store(anna, bytes);
  const begun = freshId();
  const next = freshId();
  const upload = await service().create(installation.caller(ben), {
    attachment: begun,
    sizeBytes: 1_000,
    next,
  });
  const { capability } = await service().open(installation.caller(ben), attachment);
  const app = fastify();
  installation.attachments.addHttpRoutes(app);
  await app.listen({ port: 0, host: '127.0.0.1' });
  const { port } = app.server.address() as AddressInfo;
  const headers = { authorization: `Kuvert ${capability}` };
  let taken = 0;
  const ended = await new Promise<string>((resolve, reject) => {
    request({ port, path: ATTACHMENT_PATH, headers }, (response) => {
      response.once('data', (chunk: Buffer) => {
        taken += chunk.length;
        response.pause();
        // Nothing more is taken until the device is out, so that most of the file is still to come.
        installation.devices.service.revoke(ben.deviceId).then(() => {
          response.on('data', (more: Buffer) => {
            taken += more.length;
          });
          response.resume();
        }, reject);
      });
      response.on('error', () => resolve('cut'));
      response.on('end', () => resolve('whole'));
    }).end();
  });
  expect(ended).toBe('cut');
  expect(taken).toBeLessThan(bytes.length);
  const ask = async (method: string, held: string | undefined, body?: string) => {
    const answer = await fetch(`http://127.0.0.1:${port}${ATTACHMENT_PATH}`, {
      method,
      headers: {
        authorization: `Kuvert ${held}`,
        ...(body && { 'content-type': UPLOAD_TYPE, [UPLOAD_OFFSET_HEADER]: '0' }),
      },
      ...(body && { body }),
    });
    return method === 'HEAD' ? answer.ok : ((await answer.json()) as { code: string }).code;
  };
  expect([
    await ask('HEAD', upload.capability),
    await ask('GET', capability),
    await ask('PATCH', upload.capability, 'more'),
    await ask('POST', upload.next, 'a file, with what could be its hash behind it'),
  ]).toEqual([false, 'capability_invalid', 'capability_invalid', 'capability_invalid']);
  for (const name of [begun, next]) expect(existsSync(fileOf(ben, name, '.part'))).toBe(false);
  await app.close();
});

test('A1 A9 a file that came in one request is there for others, counted once, and its capability is used up', async () => {
  const bytes = installation.random(600_000);
  const attachment = freshId();
  await whole(anna, bytes, { attachment });
  const { sha256: stored, sizeBytes } = await service().open(installation.caller(ben), attachment);
  expect([stored, sizeBytes]).toEqual([sha256(bytes), bytes.length]);
  expect(await codeOf(whole(anna, bytes, { attachment }))).toBe('attachment_offset');
  // Asked for as any other, by the device that does not know of the answer.
  const again = { attachment, sizeBytes: bytes.length };
  expect(await service().create(installation.caller(anna), again)).toMatchObject({ isStored: true });
  const usage = () => installation.store.tenant(anna.tenantId).find(attachmentUsage, anna.deviceId);
  expect(await usage()).toMatchObject({ bytes: bytes.length, count: 1 });
  await service().remove(installation.caller(anna), attachment);
  expect(await usage()).toBeUndefined();
});

test('A1 A9 of a file in one request that is not what its hash says, or of nobody, nothing is kept', async () => {
  const bytes = installation.random(5_000);
  const attachment = freshId();
  const flipped = Uint8Array.from(bytes);
  flipped[4_000] = (flipped[4_000] ?? 0) ^ 1;
  expect(await codeOf(whole(anna, flipped, { attachment, hash: sha256(bytes) }))).toBe('attachment_damaged');
  // As long as it should be, with half a hash.
  const half = sha256(bytes).subarray(0, 16);
  expect(await codeOf(whole(anna, bytes, { attachment, hash: half }))).toBe('attachment_damaged');
  const nobody = { ...up(anna, freshId()), direction: 'new' } as const;
  const body = inPieces(bytes, sha256(bytes));
  const owner = Promise.resolve(undefined);
  expect(await codeOf(service().store(nobody, { sizeBytes: bytes.length, body, owner }))).toBe(
    'capability_invalid',
  );
  for (const end of ['', '.part']) expect(existsSync(fileOf(anna, attachment, end))).toBe(false);
  expect(await codeOf(service().open(installation.caller(anna), attachment))).toBe('attachment_gone');
});

test('A1 P1 of a request that ends before its file does nothing is kept, and its device brings it as any other', async () => {
  const bytes = installation.random(9_000);
  const attachment = freshId();
  const part = bytes.subarray(0, 6_000);
  const cut = whole(anna, part, { attachment, hash: new Uint8Array(0), sizeBytes: bytes.length });
  expect(await codeOf(cut)).toBe('attachment_offset');
  expect(existsSync(fileOf(anna, attachment, '.part'))).toBe(false);
  // What a server leaves that was killed in the middle of it.
  writeFileSync(fileOf(anna, attachment, '.part'), part);
  const { offset } = await create(anna, bytes.length, attachment);
  expect(offset).toBe(part.length);
  await service().append(up(anna, attachment), offset, inPieces(bytes.subarray(offset)));
  await service().finish(installation.caller(anna), { attachment, sha256: sha256(bytes) });
  expect(await codeOf(service().open(installation.caller(ben), attachment))).toBe('done');
});

test('A1 P1 a device that has begun a file anew while its request still stands loses nothing of it', async () => {
  const bytes = installation.random(9_000);
  const attachment = freshId();
  const goOn = Promise.withResolvers<void>();
  const hasBegun = Promise.withResolvers<void>();
  const body = (async function* () {
    yield bytes.subarray(0, 4_000);
    hasBegun.resolve();
    await goOn.promise;
  })();
  const owner = Promise.resolve(anna.personId);
  const standing = codeOf(
    service().store({ ...up(anna, attachment), direction: 'new' }, { sizeBytes: bytes.length, body, owner }),
  );
  await hasBegun.promise;
  await create(anna, bytes.length, attachment);
  goOn.resolve();
  expect(await standing).toBe('attachment_offset');
  const { offset } = await create(anna, bytes.length, attachment);
  expect(offset).toBe(4_000);
  await service().append(up(anna, attachment), offset, inPieces(bytes.subarray(offset)));
  await service().finish(installation.caller(anna), { attachment, sha256: sha256(bytes) });
  expect(await codeOf(service().open(installation.caller(ben), attachment))).toBe('done');
});

test('A1 P1 a file in one request whose row a crash has prevented is finished by asking for it, and is swept where nobody does', async () => {
  const bytes = installation.random(5_000);
  const [asked, forgotten] = [freshId(), freshId()];
  for (const attachment of [asked, forgotten]) {
    await whole(anna, bytes, { attachment });
    // What a crash between the name and the row leaves.
    const path = fileOf(anna, attachment);
    renameSync(path, `${path}.kept`);
    await service().remove(installation.caller(anna), attachment);
    renameSync(`${path}.kept`, path);
  }
  expect(await create(anna, bytes.length, asked)).toMatchObject({ offset: bytes.length, isStored: false });
  await service().finish(installation.caller(anna), { attachment: asked, sha256: sha256(bytes) });
  expect(await codeOf(service().open(installation.caller(ben), asked))).toBe('done');
  const old = new Date(installation.clock.nowMs() - LEFTOVER_MS - 1);
  utimesSync(fileOf(anna, forgotten), old, old);
  expect(await service().sweepLeftovers(installation.store.tenant(anna.tenantId))).toBe(1);
  expect(existsSync(fileOf(anna, forgotten))).toBe(false);
});

test('A1 H1 a file in one request is refused before its first byte where there is no room, one that is under way counted too', async () => {
  const sealed = ATTACHMENT_LIMITS.sealedBytesMax;
  const bytes = installation.random(5_000);
  for (let count = 0; count < 9; count++) await create(anna, sealed);
  await create(ben, sealed);
  await create(ben, 21 * GIB - 10 * sealed - bytes.length);
  const goOn = Promise.withResolvers<void>();
  const hasBegun = Promise.withResolvers<void>();
  const slow = freshId();
  const body = (async function* () {
    hasBegun.resolve();
    await goOn.promise;
    yield bytes;
    yield sha256(bytes);
  })();
  const owner = Promise.resolve(anna.personId);
  const underWay = service().store(
    { ...up(anna, slow), direction: 'new' },
    { sizeBytes: bytes.length, body, owner },
  );
  await hasBegun.promise;
  const refused = freshId();
  expect(await codeOf(whole(ben, bytes, { attachment: refused }))).toBe('attachment_quota');
  expect(existsSync(fileOf(ben, refused, '.part'))).toBe(false);
  expect(installation.limits).toEqual(['attachments']);
  goOn.resolve();
  expect(await codeOf(underWay)).toBe('done');
  expect(await codeOf(whole(anna, bytes))).toBe('attachment_quota');
  await service().remove(installation.caller(anna), slow);
  expect(await codeOf(whole(ben, bytes))).toBe('done');
});
