/**
 * P8: what people write is found nowhere on the server, not even in its memory; their names and mail addresses are found in no file and no
 * log, only in the memory of the running server, which looks people up by them (wire.md §5: sealed at rest).
 */
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  makeCanary,
  needlesFor,
  type ServerProcess,
  Site,
  scanFolders,
  scanMemory,
  type TestPerson,
} from '@kuvert/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';

const text = makeCanary('text');
const waitingText = makeCanary('waiting');
const name = makeCanary('name');
const mail = makeCanary('mail');
const tenantName = makeCanary('tenant');
const texts = [text, waitingText].flatMap(needlesFor);
const everything = [text, waitingText, name, mail, tenantName].flatMap(needlesFor);

let site: Site;
let server: ServerProcess;
let anna: TestPerson;
let ben: TestPerson;
beforeAll(async () => {
  site = new Site();
  server = await site.startServer({ env: { KUVERT_LOG_LEVEL: 'debug' } });
  const tenant = await server.tenant(tenantName);
  anna = await (await tenant.personWithoutDevice(name, `${mail}@acme.test`)).enrol();
  ben = await tenant.person('Ben');
  await anna.with(async (profile) => {
    // Long enough for a shared body, and short, both ways; one of each stays in the mailbox.
    const long = `${'x'.repeat(5_000)} `;
    await profile.sendAll([text, long + text].map((sent) => ({ to: ben.mail, text: sent })));
    expect(await profile.flush({ timeoutMs: 20_000 })).toEqual({ waiting: 0 });
  });
  await ben.with(async (profile) => {
    await profile.flush({ timeoutMs: 20_000 });
    expect(profile.inbox().map((message) => message.text.slice(-text.length))).toEqual([text, text]);
    await profile.send({ to: anna.mail, text: waitingText });
    expect(await profile.flush({ timeoutMs: 20_000 })).toEqual({ waiting: 0 });
    expect((await profile.people()).map((person) => person.name)).toContain(name);
  });
});
afterAll(() => site[Symbol.asyncDispose]());

/** All files of the server: stores, write-ahead logs, keys. */
function scanFiles() {
  const scan = scanFolders([server.dataDir, server.keysDir], everything);
  expect(scan.files).toBeGreaterThan(3);
  expect(scan.bytesRead).toBeGreaterThan(100_000);
  return scan.hits;
}

test('P8 B1 B5 no text, name or mail address stands in a file of the running server', () => {
  expect(scanFiles()).toEqual([]);
});

test.skipIf(process.platform !== 'linux')('P8 B1 no text stands in the memory of the server', () => {
  const scan = scanMemory(server.pid, everything);
  expect(scan.bytesRead).toBeGreaterThan(50 * 1024 * 1024);
  expect(scan.bytesRefused).toBeLessThan(1024 * 1024);
  const found = new Set(scan.hits.map((hit) => hit.canary));
  expect([...found].filter((canary) => texts.some((needle) => needle.canary === canary))).toEqual([]);
  // The scan sees what is there: the directory that the running server answers from.
  expect(found).toContain(mail);
});

test('P8 B7 no text, name or mail address stands in the log of the server', () => {
  expect(server.log).toContain('"event"');
  const log = Buffer.from(server.log);
  expect(everything.filter(({ bytes }) => log.includes(bytes))).toEqual([]);
});

test('P8 what stands in a file is found where it stands', () => {
  const planted = join(server.dataDir, 'planted');
  writeFileSync(planted, Buffer.from(text).toString('base64'));
  expect(scanFolders([server.dataDir], everything).hits).toMatchObject([{ where: planted, canary: text }]);
  rmSync(planted);
});

test('P8 B5 no text, name or mail address stands in a file of the killed and of the stopped server', async () => {
  await server.stop('SIGKILL');
  expect(scanFiles()).toEqual([]);
  server = await site.startServer(server.again);
  expect(await server.stop()).toEqual({ code: 0, signal: null });
  expect(scanFiles()).toEqual([]);
  expect(everything.filter(({ bytes }) => Buffer.from(server.log).includes(bytes))).toEqual([]);
});
