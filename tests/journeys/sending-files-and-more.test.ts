/** Everything that people put into a chat, from the command line, against a real server (A1, A9, B1, B8). */
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeTenant, type ServerProcess, Site, type TestPerson } from '@kuvert/testkit';
import { TcpProxy } from '@kuvert/testkit/faults';
import { afterAll, beforeAll, expect, test } from 'vitest';

const MB = 1_000_000;
/** Beside files nothing is so large. */
const STILL_AFTER_BYTES = 2_500_000;

let site: Site;
let server: ServerProcess;
let anna: TestPerson;
let ben: TestPerson;
beforeAll(async () => {
  site = new Site();
  server = await site.startServer();
  const acme = await server.tenant('Acme');
  anna = await acme.person('Anna');
  ben = await acme.person('Ben');
});
afterAll(() => site[Symbol.asyncDispose]());

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

async function run(person: TestPerson, ...args: string[]): Promise<Record<string, unknown>[]> {
  const { code, json, alarms } = await site.kuvert([args[0] ?? '', ...person.asPerson, ...args.slice(1)]);
  expect({ code, alarms }).toEqual({ code: 0, alarms: '' });
  return [...json];
}
const send = async (...args: string[]) => String((await run(anna, 'send', ...args))[0]?.messageId);

/** Files of the server that hold sealed bytes. */
function blobs(): string[] {
  const folder = join(server.dataDir, 'blobs');
  // Made with the first file.
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

test('A1 B1 a file arrives byte for byte under its name, the server has never seen a byte of it, and 64 MB are nothing special', async () => {
  const line = 'This stands in the file and nowhere else on the server. ';
  const small = Buffer.from(line.repeat(2_000));
  const large = randomBytes(64 * MB);
  writeFileSync(site.at('Bericht.txt'), small);
  writeFileSync(site.at('large.bin'), large);
  await send('--to', ben.mail, '--file', site.at('Bericht.txt'), '--text', 'The report');
  await send('--to', ben.mail, '--file', site.at('large.bin'));
  for (const path of blobs()) expect(readFileSync(path).includes(line)).toBe(false);
  const folder = site.at('saved');
  const printed = await run(ben, 'inbox', '--save-files', folder);
  expect(printed).toMatchObject([
    {
      kind: 'file',
      text: 'The report',
      file: { name: 'Bericht.txt', mediaType: 'text/plain', sizeBytes: small.length, sha256: sha256(small) },
      savedAs: join(folder, 'Bericht.txt'),
    },
    { kind: 'file', text: '', file: { sizeBytes: large.length, sha256: sha256(large) } },
  ]);
  expect(readdirSync(folder).sort()).toEqual(['Bericht.txt', 'large.bin']);
  expect(readFileSync(join(folder, 'Bericht.txt')).equals(small)).toBe(true);
  expect(readFileSync(join(folder, 'large.bin')).equals(large)).toBe(true);
  expect(server.log).toContain('attachment-stored');
});

test('B8 a file whose bytes were changed on the server is not saved, and says so', async () => {
  const before = new Set(blobs());
  writeFileSync(site.at('contract.pdf'), randomBytes(700_000));
  await send('--to', ben.mail, '--file', site.at('contract.pdf'));
  const path = blobs().find((one) => !before.has(one)) ?? '';
  const bytes = readFileSync(path);
  // In the second of three segments: the first is good and would have been written.
  bytes[300_000] = (bytes[300_000] ?? 0) ^ 1;
  writeFileSync(path, bytes);
  const folder = site.at('unharmed');
  const { code, json } = await site.kuvert(['inbox', ...ben.asPerson, '--save-files', folder]);
  expect(json).toMatchObject([{ file: { name: 'contract.pdf' }, problem: 'attachment_damaged' }]);
  expect(code).not.toBe(0);
  expect(readdirSync(folder)).toEqual([]);
});

test('A9 a file that the server no longer has is told as gone, and its message is read all the same', async () => {
  const before = new Set(blobs());
  writeFileSync(site.at('old.txt'), 'old');
  await send('--to', ben.mail, '--file', site.at('old.txt'), '--text', 'look');
  rmSync(blobs().find((one) => !before.has(one)) ?? '');
  const { json } = await site.kuvert(['inbox', ...ben.asPerson, '--save-files', site.at('gone')]);
  expect(json).toMatchObject([{ text: 'look', problem: 'attachment_gone' }]);
});

test('A1 what is written offline, files included, goes out later, and the original is needed no more', async () => {
  await server.stop();
  const bytes = randomBytes(2 * MB);
  writeFileSync(site.at('later.bin'), bytes);
  const { code, json } = await site.kuvert([
    'send',
    ...anna.asPerson,
    '--to',
    ben.mail,
    '--file',
    site.at('later.bin'),
  ]);
  expect([code, json[0]?.state]).toEqual([0, 'queued']);
  rmSync(site.at('later.bin'));
  server = await site.startServer(server.again);
  await run(anna, 'send', '--to', ben.mail, '--text', 'after it');
  const printed = await run(ben, 'inbox', '--save-files', site.at('late'));
  expect(printed.map(({ savedAs }) => savedAs).filter(Boolean)).toEqual([join(site.at('late'), 'later.bin')]);
  expect(readFileSync(join(site.at('late'), 'later.bin')).equals(bytes)).toBe(true);
});

/** Of each connection one direction stands still after so many bytes, until it is healed. @returns what resolves when the first does */
function standStill(proxy: TcpProxy, way: 'up' | 'down'): Promise<void> {
  return new Promise((resolve) => {
    proxy.onConnection = (connection) => {
      connection[way].limit(STILL_AFTER_BYTES, () => {
        connection[way].mode = 'held';
        resolve();
      });
    };
  });
}

test('P1 an upload and a download that are killed go on where they were, and nothing half stands under a name', async () => {
  // Through a network that stands still in the middle of the file, so that the kill is in the middle of it on every machine.
  await using proxy = new TcpProxy();
  await proxy.start();
  proxy.forwardTo(Number(new URL(server.url).port));
  const globex = await makeTenant(
    { url: proxy.url, operator: server.operator, folder: site.at('far') },
    'Globex',
  );
  const [cora, dan] = [await globex.person('Cora'), await globex.person('Dan')];
  const bytes = randomBytes(12 * MB);
  writeFileSync(site.at('film.bin'), bytes);
  const film = ['--to', dan.mail, '--file', site.at('film.bin')];
  // Written down while nobody can be reached: what is sent while it is sealed is not promised yet.
  proxy.isReachable = false;
  const queued = await site.kuvert(['send', ...cora.asPerson, ...film]);
  expect([queued.code, queued.json[0]?.state]).toEqual([0, 'queued']);
  proxy.isReachable = true;
  let isStill = standStill(proxy, 'up');
  const sending = site.startKuvert(['send', ...cora.asPerson, '--to', dan.mail, '--text', 'beside it']);
  await isStill;
  const began = () => blobs().some((path) => path.endsWith('.part') && readFileSync(path).length > 0);
  await expect.poll(began, { interval: 5 }).toBe(true);
  sending.kill('SIGKILL');
  await sending.ended;
  proxy.onConnection = () => undefined;
  const reached = Math.max(
    ...blobs().map((path) => (path.endsWith('.part') ? readFileSync(path).length : 0)),
  );
  expect(reached).toBeGreaterThan(0);
  await run(cora, 'send', '--to', dan.mail, '--text', 'and on');
  const folder = site.at('films');
  isStill = standStill(proxy, 'down');
  const fetching = site.startKuvert(['inbox', ...dan.asPerson, '--save-files', folder]);
  await isStill;
  const parts = () =>
    readdirSync(dan.profileDir, { recursive: true }).filter((name) => String(name).endsWith('.part'));
  await expect.poll(parts, { interval: 5 }).not.toEqual([]);
  fetching.kill('SIGKILL');
  await fetching.ended;
  proxy.onConnection = () => undefined;
  const printed = await run(dan, 'inbox', '--save-files', folder);
  expect(printed.map(({ text }) => text)).toContain('and on');
  expect(readdirSync(folder)).toEqual(['film.bin']);
  expect(readFileSync(join(folder, 'film.bin')).equals(bytes)).toBe(true);
});

test('P1 whoever is killed while a file is sealed and sent at once has sent nothing, and the next file arrives', async () => {
  writeFileSync(site.at('long.bin'), randomBytes(64 * MB));
  writeFileSync(site.at('short.txt'), 'short');
  const before = new Set(blobs());
  const to = ['--to', ben.mail];
  const sending = site.startKuvert(['send', ...anna.asPerson, ...to, '--file', site.at('long.bin')]);
  const sealing = () =>
    readdirSync(anna.profileDir, { recursive: true }).some((name) => String(name).endsWith('.new')) ||
    blobs().some((path) => !before.has(path));
  await expect.poll(sealing, { timeout: 20_000, interval: 2 }).toBe(true);
  sending.kill('SIGKILL');
  await sending.ended;
  await run(anna, 'send', ...to, '--file', site.at('short.txt'));
  const folder = site.at('after-a-kill');
  await run(ben, 'inbox', '--save-files', folder);
  // On a fast machine the message was written down already: then the file arrives too, and whole.
  const saved = readdirSync(folder);
  expect(saved).toContain('short.txt');
  for (const name of saved) expect(readFileSync(join(folder, name))).toEqual(readFileSync(site.at(name)));
  const left = readdirSync(anna.profileDir, { recursive: true });
  expect(left.filter((name) => String(name).endsWith('.new'))).toEqual([]);
});

const small = (bytes = Buffer.from('x')) => ({
  name: 'note.txt',
  sizeBytes: bytes.length,
  async *read() {
    yield bytes;
  },
});

test('A1 B8 small files that are sent one after the other go in one request each, and arrive as they were', async () => {
  const files = [randomBytes(MB), randomBytes(10), randomBytes(300_000)];
  const log = server.log.length;
  await anna.with(async (profile) => {
    await profile.connect();
    const conversation = await profile.conversationAt(ben.mail);
    for (const bytes of files) {
      await profile.attachments.send(conversation, small(bytes), { kind: 'file', mediaType: 'text/plain' });
    }
    expect(await profile.flush({ timeoutMs: 20_000 })).toEqual({ waiting: 0 });
  });
  await expect.poll(() => server.log.slice(log).split('attachment-stored').length - 1).toBe(files.length);
  const folder = site.at('small');
  await run(ben, 'inbox', '--save-files', folder);
  const saved = readdirSync(folder).map((name) => sha256(readFileSync(join(folder, name))));
  expect(saved).toEqual(expect.arrayContaining(files.map(sha256)));
});

test.each([
  ['in pieces', 3 * MB],
  ['in one request', MB],
])(
  'A9 a file that changes while it is sealed and sent %s leaves nothing on either side',
  async (_how, sizeBytes) => {
    await anna.with(async (profile) => {
      await profile.connect();
      const conversation = await profile.conversationAt(ben.mail);
      // The first one brings the capability for the second.
      await profile.attachments.send(conversation, small(), { kind: 'file', mediaType: 'text/plain' });
      expect(await profile.flush({ timeoutMs: 20_000 })).toEqual({ waiting: 0 });
      const before = blobs();
      const growing = {
        name: 'log.txt',
        sizeBytes,
        async *read() {
          yield randomBytes(sizeBytes);
          // By now the server has begun to take what there is.
          await expect.poll(() => blobs().length).toBeGreaterThan(before.length);
          yield randomBytes(1);
        },
      };
      await expect(
        profile.attachments.send(conversation, growing, { kind: 'file', mediaType: 'text/plain' }),
      ).rejects.toMatchObject({ code: 'file_changed' });
      await expect.poll(blobs, { timeout: 20_000 }).toEqual(before);
      expect(await profile.flush({ timeoutMs: 20_000 })).toEqual({ waiting: 0 });
    });
    await run(ben, 'inbox');
    const left = readdirSync(anna.profileDir, { recursive: true });
    expect(left.filter((name) => String(name).endsWith('.new'))).toEqual([]);
  },
);

test('A1 a name that comes from others writes nothing but a file in the folder', async () => {
  writeFileSync(site.at('plain.txt'), 'x');
  await anna.with(async (profile) => {
    const conversation = await profile.conversationAt(ben.mail);
    for (const name of [
      '../../evil.txt',
      '/etc/passwd',
      'CON',
      '.bashrc',
      'photo\u202egpj.exe',
      'a\nb.txt',
    ]) {
      const read = async function* () {
        yield Buffer.from('x');
      };
      const source = { name, sizeBytes: 1, read };
      await profile.attachments.send(conversation, source, { kind: 'file', mediaType: 'text/plain' });
    }
    expect(await profile.flush({ timeoutMs: 60_000 })).toEqual({ waiting: 0 });
  });
  const folder = site.at('names');
  await run(ben, 'inbox', '--save-files', folder);
  expect(readdirSync(folder).sort()).toEqual(
    ['_CON', '_.._evil.txt', '_etc_passwd', 'a_b.txt', 'bashrc', 'photogpj.exe'].sort(),
  );
});

test('A1 answers, edits, reactions, polls and places go from one to the other, and deletions take a file along', async () => {
  await run(ben, 'inbox');
  const first = await send('--to', ben.mail, '--text', 'Lunch at noon?');
  const [asked] = await run(ben, 'inbox');
  expect(asked).toMatchObject({ messageId: first, text: 'Lunch at noon?' });
  await run(ben, 'send', '--to', anna.mail, '--reply-to', first, '--text', 'Yes');
  await run(ben, 'send', '--react', first, '--text', '👍');
  await send('--edit', first, '--text', 'Lunch at one?');
  const poll = await send('--to', ben.mail, '--poll', 'Where?', '--option', 'Here', '--option', 'There');
  await send('--to', ben.mail, '--place', '48.137,11.575,Marienplatz');
  expect(await run(anna, 'inbox')).toMatchObject([
    { text: 'Yes', replyTo: { messageId: first, from: anna.mail } },
    { kind: 'reaction', change: { messageId: first, emoji: '👍' } },
  ]);
  expect(await run(ben, 'inbox')).toMatchObject([
    { kind: 'edit', text: 'Lunch at one?', change: { messageId: first } },
    { kind: 'poll', poll: { question: 'Where?', options: [{ text: 'Here' }, { text: 'There' }] } },
    { kind: 'location', location: { latitude: 48.137, longitude: 11.575, label: 'Marienplatz' } },
  ]);
  await run(ben, 'send', '--vote', poll, '--option', '2');
  await run(anna, 'inbox');
  const history = await run(anna, 'history', '--with', ben.mail, '--limit', '10');
  expect(history.find(({ messageId }) => messageId === first)).toMatchObject({
    text: 'Lunch at one?',
    edited: { times: 1 },
    reactions: [{ emoji: '👍', people: [ben.mail] }],
  });
  expect(history.find(({ messageId }) => messageId === poll)).toMatchObject({
    poll: { options: [{ votes: 0 }, { votes: 1, people: [ben.mail] }] },
  });
  const before = new Set(blobs());
  writeFileSync(site.at('mistake.txt'), 'not for you');
  const mistake = await send('--to', ben.mail, '--file', site.at('mistake.txt'));
  expect(blobs().filter((path) => !before.has(path))).toHaveLength(1);
  await run(anna, 'send', '--delete', mistake);
  expect(blobs().filter((path) => !before.has(path))).toEqual([]);
  const [gone] = await run(ben, 'history', '--with', anna.mail, '--limit', '1').then(async () => {
    await run(ben, 'inbox');
    return run(ben, 'history', '--with', anna.mail, '--limit', '1');
  });
  expect(gone).toMatchObject({ messageId: mistake, deleted: true });
});
