/** A person keeps their conversations: what is unread, old words, drafts, what disappears, what is deleted, a copy of it all (A8, A4, F8). */
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { openProfile } from '@kuvert/client-core/node';
import { type ServerProcess, Site, TemporaryFolder, type TestPerson } from '@kuvert/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';

const TIMEOUT = { timeout: 600_000 };
const FLUSH = { timeoutMs: 60_000 };

let site: Site;
let server: ServerProcess;
let anna: TestPerson;
let ben: TestPerson;
let mallory: TestPerson;
const exports = new TemporaryFolder();
beforeAll(async () => {
  site = new Site();
  server = await site.startServer();
  const acme = await server.tenant('Acme');
  anna = await acme.person('Anna');
  ben = await acme.person('Ben Müller');
  mallory = await acme.person('<img src=x onerror=alert(1)> "&');
});
afterAll(async () => {
  exports[Symbol.dispose]();
  await site[Symbol.asyncDispose]();
});

/** One command of a person, which must end well; gives its JSON lines. */
async function run(person: TestPerson, ...words: string[]) {
  const [command = '', ...rest] = words;
  const { code, json, stderr } = await site.kuvert([command, ...person.asPerson, ...rest]);
  expect({ words, code, stderr }).toEqual({ words, code: 0, stderr: '' });
  return json;
}

async function send(from: TestPerson, to: TestPerson, ...texts: string[]): Promise<string[]> {
  return from.with(async (profile) => {
    const sent = await profile.sendAll(texts.map((text) => ({ to: to.mail, text })));
    expect(await profile.flush(FLUSH)).toEqual({ waiting: 0 });
    return sent.map(({ messageId }) => messageId);
  });
}

test('A8 conversations tell what is unread, read shows it once and tells the sender', TIMEOUT, async () => {
  const [, second] = await send(ben, anna, 'Die Rechnung für Zürich', '<b>fett</b> & 👍🏽');
  expect(await run(anna, 'conversations')).toMatchObject([
    {
      with: ben.mail,
      name: 'Ben Müller',
      unread: 2,
      pinned: false,
      last: { messageId: second, direction: 'in' },
    },
  ]);
  expect((await run(anna, 'read', '--with', ben.mail)).map(({ text }) => text)).toEqual([
    'Die Rechnung für Zürich',
    '<b>fett</b> & 👍🏽',
  ]);
  expect(await run(anna, 'read')).toEqual([]);
  expect(await run(anna, 'conversations')).toMatchObject([{ unread: 0 }]);
  expect(await run(ben, 'status', String(second))).toEqual([{ state: 'delivered', read: true }]);
});

test(
  'A8 old words are found by their beginning, without umlauts, by person, day and emoji',
  TIMEOUT,
  async () => {
    const texts = async (...query: string[]) => (await run(anna, 'search', ...query)).map(({ text }) => text);
    expect(await texts('zurich')).toEqual(['Die Rechnung für Zürich']);
    const byDay = async (day: string) => texts('rechn', 'from:muller', day);
    // Sent before midnight and looked for after it, it is of yesterday.
    expect([...(await byDay('am:heute')), ...(await byDay('am:gestern'))]).toEqual([
      'Die Rechnung für Zürich',
    ]);
    expect(await texts('👍')).toEqual(['<b>fett</b> & 👍🏽']);
    expect(await texts('rechnung', 'from:me')).toEqual([]);
    const [found] = await run(anna, 'search', 'zuerich');
    expect(found).toMatchObject({ direction: 'in', from: ben.mail, matches: [[17, 23]] });
  },
);

test('A8 pin, mute and draft stay, and say what they have done', TIMEOUT, async () => {
  await run(anna, 'pin', '--with', ben.mail);
  await run(anna, 'mute', '--with', ben.mail, '--for', '8h');
  await run(anna, 'draft', '--with', ben.mail, '--text', 'Lieber Ben');
  const [kept] = await run(anna, 'conversations');
  expect(kept).toMatchObject({ pinned: true, draft: 'Lieber Ben', mutedUntil: expect.any(String) });
  expect(await run(anna, 'draft', '--with', ben.mail)).toEqual([{ with: ben.mail, draft: 'Lieber Ben' }]);
  await run(anna, 'draft', '--with', ben.mail, '--off');
  await run(anna, 'mute', '--with', ben.mail, '--off');
  await run(anna, 'pin', '--with', ben.mail, '--off');
  const [after] = await run(anna, 'conversations');
  expect(after).toMatchObject({ pinned: false });
  expect(after).not.toHaveProperty('draft');
  expect(after).not.toHaveProperty('mutedUntil');
  const nobody = await site.kuvert(['pin', ...anna.asPerson, '--with', 'nobody@acme.test']);
  expect(nobody.code).toBe(3);
});

test(
  'A8 what is deleted for everybody is gone on the other side, and only one’s own can be',
  TIMEOUT,
  async () => {
    const [messageId = ''] = await send(ben, anna, 'a mistake');
    await run(anna, 'read');
    const foreign = await site.kuvert(['delete', ...anna.asPerson, '--everywhere', messageId]);
    expect(foreign).toMatchObject({ code: 3, stderr: expect.stringContaining('not_own_message') });
    expect(await run(ben, 'delete', '--everywhere', messageId)).toEqual([
      { messageId, deleted: 'everywhere' },
    ]);
    await run(anna, 'conversations');
    expect((await run(anna, 'history')).at(-1)).toMatchObject({ messageId, text: '', deleted: true });
    expect(await run(anna, 'search', 'mistake')).toEqual([]);
  },
);

test(
  'A8 messages disappear in time, and not before, on a device whose clock is years back or ahead',
  TIMEOUT,
  async () => {
    const YEAR_MS = 365 * 86_400_000;
    await run(ben, 'timer', '--with', anna.mail, '3s');
    for (const offsetMs of [-5 * YEAR_MS, 5 * YEAR_MS]) {
      const now = () => Date.now() + offsetMs;
      const { profileDir, secret } = anna;
      await send(ben, anna, 'soon gone');
      const profile = await openProfile({ profileDir, secret, now });
      try {
        await profile.flush(FLUSH);
        const { conversations } = profile;
        const texts = () => conversations.search('"soon gone"').found.map(({ entry }) => entry.entryId);
        const [entryId = 0] = texts();
        expect(texts()).toHaveLength(1);
        const readAt = Date.now();
        conversations.markRead(entryId);
        await expect.poll(texts, { timeout: 120_000 }).toEqual([]);
        expect(Date.now() - readAt).toBeGreaterThan(2_500);
      } finally {
        await profile.close();
      }
    }
    await run(ben, 'timer', '--with', anna.mail, 'off');
  },
);

test('A8 messages disappear on both sides, with their words', TIMEOUT, async () => {
  expect(await run(ben, 'timer', '--with', anna.mail, '2s')).toEqual([{ with: anna.mail, timerSeconds: 2 }]);
  await send(ben, anna, 'gone soon');
  await run(anna, 'read');
  const isThere = async (person: TestPerson) =>
    (await run(person, 'history')).some(({ text }) => text === 'gone soon');
  await expect.poll(() => isThere(ben), { timeout: 120_000 }).toBe(false);
  await expect.poll(() => isThere(anna), { timeout: 120_000 }).toBe(false);
  expect(await run(anna, 'search', 'gone')).toEqual([]);
  expect(await run(anna, 'timer', '--with', ben.mail, 'off')).toEqual([
    { with: ben.mail, timerSeconds: null },
  ]);
  const [summary] = await run(ben, 'conversations');
  expect(summary).not.toHaveProperty('timerSeconds');
});

test('A4 N9 a new laptop has the history, and both show the same from then on', TIMEOUT, async () => {
  const laptop = await anna.addDevice();
  const phone = await anna.open();
  await phone.connect();
  const fetched = await run(laptop, 'history', '--fetch');
  expect(phone.notices()).toMatchObject([{ kind: 'device_linked', deviceId: laptop.deviceId }]);
  phone.markNoticesSeen(phone.notices().map(({ noticeId }) => noticeId));
  await phone.close();
  expect(fetched.map(({ messageId }) => messageId)).toEqual(
    (await run(anna, 'history')).map(({ messageId }) => messageId),
  );
  expect(await run(laptop, 'search', 'zuerich')).toHaveLength(1);
  await send(anna, ben, 'from the phone');
  await run(laptop, 'conversations');
  expect((await run(laptop, 'history')).at(-1)).toMatchObject({ direction: 'out', text: 'from the phone' });
});

test(
  'F8 an export can be read in a browser and by a program, and holds no markup of others',
  TIMEOUT,
  async () => {
    await send(mallory, anna, 'my name is the attack');
    await run(anna, 'read');
    await send(ben, anna, '<script>alert(1)</script> "quoted" \u202egnp.exe');
    await run(anna, 'read');
    const folder = exports.at('mine');
    const [result] = await run(anna, 'export', folder);
    expect(result).toMatchObject({ folder, entries: expect.any(Number) });
    expect((await readdir(folder)).sort()).toEqual([
      'conversation-0001.html',
      'conversation-0002.html',
      'export.json',
      'index.html',
    ]);
    for (const name of ['conversation-0002.html', 'index.html']) {
      const written = await readFile(join(folder, name), 'utf8');
      expect(written).toContain('&lt;img src=x onerror=alert(1)&gt; &quot;&amp;');
      expect(written).not.toContain('<img');
    }
    expect((await stat(join(folder, 'export.json'))).mode & 0o077).toBe(0);
    const data = JSON.parse(await readFile(join(folder, 'export.json'), 'utf8'));
    expect(data).toMatchObject({ format: 'kuvert-export', version: 1, self: { mail: anna.mail } });
    expect(data.conversations[0].entries.at(-1).text).toBe(
      '<script>alert(1)</script> "quoted" \u202egnp.exe',
    );
    const page = await readFile(join(folder, 'conversation-0001.html'), 'utf8');
    expect(page).toContain('&lt;script&gt;alert(1)&lt;/script&gt; &quot;quoted&quot; \\u202egnp.exe');
    expect(page).not.toMatch(/<script|<b>|\u202e|https?:/);
    const again = await site.kuvert(['export', ...anna.asPerson, folder]);
    expect(again.code).toBe(2);
  },
);
