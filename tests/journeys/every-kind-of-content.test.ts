/** Voice messages, cards, links, mentions and files of older messages, from the command line (A1, B1). */
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { crc32, deflateSync } from 'node:zlib';
import { Site, type TestPerson } from '@kuvert/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';

let site: Site;
let anna: TestPerson;
let ben: TestPerson;
beforeAll(async () => {
  site = new Site();
  const acme = await (await site.startServer()).tenant('Acme');
  anna = await acme.person('Anna');
  ben = await acme.person('Ben Beck');
});
afterAll(() => site[Symbol.asyncDispose]());

async function run(person: TestPerson, ...args: string[]): Promise<Record<string, unknown>[]> {
  const { code, json, alarms } = await site.kuvert([...args, ...person.asPerson]);
  expect({ args, code, alarms }).toEqual({ args, code: 0, alarms: '' });
  return [...json];
}
const send = async (...args: string[]) =>
  String((await run(anna, 'send', '--to', ben.mail, ...args))[0]?.messageId);

/** A grey picture. */
function png(width: number, height: number): Buffer {
  const chunk = (name: string, data: Buffer) => {
    const [size, sum, body] = [Buffer.alloc(4), Buffer.alloc(4), Buffer.concat([Buffer.from(name), data])];
    size.writeUInt32BE(data.length);
    sum.writeUInt32BE(crc32(body));
    return Buffer.concat([size, body, sum]);
  };
  const head = Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 0]);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  const rows = deflateSync(Buffer.alloc((width + 1) * height));
  const signature = Buffer.from('89504e470d0a1a0a', 'hex');
  return Buffer.concat([signature, chunk('IHDR', head), chunk('IDAT', rows), chunk('IEND', Buffer.alloc(0))]);
}

/** Half a second of silence, 8 kHz, 16 bits. */
function wave(): Buffer {
  const head = Buffer.from(
    'RIFF\u0000\u0000\u0000\u0000WAVEfmt \u0010\u0000\u0000\u0000\u0001\u0000\u0001\u0000',
    'latin1',
  );
  const more = Buffer.alloc(20);
  more.writeUInt32LE(8_000, 0);
  more.writeUInt32LE(16_000, 4);
  more.writeUInt16LE(2, 8);
  more.writeUInt16LE(16, 10);
  more.write('data', 12);
  more.writeUInt32LE(8_000, 16);
  return Buffer.concat([head, more, Buffer.alloc(8_000)]);
}

test('A1 voice messages, cards, links and mentions arrive as what they are', async () => {
  writeFileSync(site.at('memo.wav'), wave());
  await send('--voice', site.at('memo.wav'));
  await send('--contact', anna.mail, '--phone', '+49 89 1234');
  await send('--contact', 'Spedition Süd', '--mail', 'post@sued.test', '--organisation', 'Süd GmbH');
  await send('--link', 'https://acme.test/plan', '--link-title', 'Der Plan', '--link-text', 'Seite 3');
  await send('--text', 'Please look, @Ben Beck', '--mention', ben.mail);
  expect(await run(ben, 'inbox')).toMatchObject([
    { kind: 'voice', text: '', file: { name: 'memo.wav', mediaType: 'audio/wav', durationMs: 500 } },
    { kind: 'contact', contact: { name: 'Anna', mails: [anna.mail], phones: ['+49 89 1234'] } },
    {
      kind: 'contact',
      contact: { name: 'Spedition Süd', mails: ['post@sued.test'], organisation: 'Süd GmbH' },
    },
    {
      text: 'https://acme.test/plan',
      links: [{ url: 'https://acme.test/plan', title: 'Der Plan', description: 'Seite 3' }],
    },
    { text: 'Please look, @Ben Beck', mentions: [{ person: ben.mail, start: 13, length: 9 }] },
  ]);
  for (const odd of [
    ['--text', 'Hello', '--mention', ben.mail],
    ['--text', '@Anna', '--mention', anna.mail],
    ['--voice', site.at('memo.wav'), '--text', 'with words'],
    ['--text', 'x', '--phone', '1'],
    ['--link-title', 'x', '--text', 'x'],
  ]) {
    expect(await site.kuvert(['send', '--to', ben.mail, ...odd, ...anna.asPerson])).toMatchObject({
      code: 2,
    });
  }
  const wrong = ['send', '--to', ben.mail, '--link', 'javascript:alert(1)', ...anna.asPerson];
  expect(await site.kuvert(wrong)).toMatchObject({ code: 2, errorCode: 'content_invalid' });
});

test('A1 only the sender asks the site that a link leads to, and only once', async () => {
  const asked: (string | undefined)[] = [];
  const web = createServer((request, response) => {
    asked.push(request.headers['user-agent']);
    response.setHeader('content-type', 'text/html');
    response.end('<title>Umzugsplan</title>');
  });
  await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve));
  try {
    const url = `http://127.0.0.1:${(web.address() as AddressInfo).port}/plan`;
    await send('--link', url, '--text', 'Look');
    expect(await run(ben, 'inbox')).toMatchObject([{ text: 'Look', links: [{ url, title: 'Umzugsplan' }] }]);
    await run(ben, 'history');
    expect(asked).toEqual(['Kuvert']);
  } finally {
    web.close();
  }
});

test('A1 the file of an older message is saved by its id, by who sent it as well', async () => {
  writeFileSync(site.at('Plan.txt'), 'What stands in the plan');
  const plan = await send('--file', site.at('Plan.txt'));
  const text = await send('--text', 'no file');
  await run(ben, 'inbox');
  for (const person of [ben, anna]) {
    const folder = site.at('saved', person.name);
    const savedAs = join(folder, 'Plan.txt');
    expect(await run(person, 'save', plan, '--to', folder)).toEqual([{ messageId: plan, savedAs }]);
    expect(readFileSync(savedAs, 'utf8')).toBe('What stands in the plan');
  }
  for (const [id, errorCode] of [
    [text, 'no_file'],
    ['co_nothing', 'message_unknown'],
  ] as const) {
    expect(await site.kuvert(['save', id, ...ben.asPerson])).toMatchObject({ code: 3, errorCode });
  }
});

test('A1 of a video a small picture is made where ffmpeg is installed, and it is sent without one elsewhere', async () => {
  const bin = site.at('bin');
  mkdirSync(bin, { recursive: true });
  writeFileSync(site.at('still.png'), png(64, 36));
  writeFileSync(join(bin, 'ffmpeg'), `#!/bin/sh\ncat '${site.at('still.png')}'\n`);
  const facts = '{"streams":[{"width":1920,"height":1080}],"format":{"duration":"12.5"}}';
  writeFileSync(join(bin, 'ffprobe'), `#!/bin/sh\necho '${facts}'\n`);
  for (const name of ['ffmpeg', 'ffprobe']) chmodSync(join(bin, name), 0o700);
  writeFileSync(site.at('film.mp4'), 'not really a film');
  const film = ['send', '--to', ben.mail, '--file', site.at('film.mp4'), ...anna.asPerson];
  const env = { PATH: `${bin}:${process.env.PATH}` };
  expect(await site.kuvert(film, { env })).toMatchObject({ code: 0 });
  expect(await run(ben, 'inbox')).toMatchObject([
    { kind: 'video', file: { width: 1920, height: 1080, durationMs: 12_500, hasPreview: true } },
  ]);
  writeFileSync(join(bin, 'ffmpeg'), '#!/bin/sh\nexit 1\n');
  writeFileSync(join(bin, 'ffprobe'), '#!/bin/sh\necho nonsense\n');
  expect(await site.kuvert(film, { env })).toMatchObject({ code: 0 });
  const [plain] = await run(ben, 'inbox');
  expect(plain).toMatchObject({ kind: 'video', file: { name: 'film.mp4' } });
  expect(plain).not.toHaveProperty('file.hasPreview');
});

test('A1 P8 a group has a picture, which members see and save, and who administers it takes away again', async () => {
  writeFileSync(site.at('logo.png'), png(400, 300));
  await run(anna, 'group', 'create', 'Release', '--with', ben.mail);
  const [changed] = await run(anna, 'group', 'picture', 'Release', site.at('logo.png'));
  expect(changed).toMatchObject({ picture: { type: 'image/jpeg', width: 128, height: 96 } });
  expect(await run(ben, 'group', 'list')).toMatchObject([{ picture: changed?.picture }]);
  const [saved] = await run(ben, 'group', 'picture', 'Release', '--save', site.at('pictures'));
  expect(saved?.savedAs).toBe(site.at('pictures', 'Release.jpg'));
  const jpeg = readFileSync(site.at('pictures', 'Release.jpg'));
  expect(jpeg.subarray(0, 3).toString('hex')).toBe('ffd8ff');
  writeFileSync(site.at('other.png'), png(9, 9));
  const refused = ['group', 'picture', 'Release', site.at('other.png'), ...ben.asPerson];
  expect(await site.kuvert(refused)).toMatchObject({ code: 3, errorCode: 'group_forbidden' });
  writeFileSync(site.at('no-picture.txt'), 'words');
  const odd = ['group', 'picture', 'Release', site.at('no-picture.txt'), ...anna.asPerson];
  expect(await site.kuvert(odd)).toMatchObject({ code: 2 });
  await run(anna, 'group', 'picture', 'Release', '--off');
  const log = await run(ben, 'group', 'log', 'Release');
  expect(log.map(({ action, part }) => part ?? action)).toEqual(['create', 'picture', 'picture']);
  expect((await run(ben, 'group', 'list'))[0]).not.toHaveProperty('picture');
});

test('A1 every text that a message has had stays readable, by everybody who has it', async () => {
  const first = await send('--text', 'Lunch at noon?');
  await run(anna, 'send', '--edit', first, '--text', 'Lunch at one?');
  await run(ben, 'inbox');
  for (const person of [anna, ben]) {
    expect((await run(person, 'versions', first)).map(({ text }) => text)).toEqual([
      'Lunch at noon?',
      'Lunch at one?',
    ]);
  }
  const both = ['send', '--jsonl', '-', '--group', 'Release', ...anna.asPerson];
  expect(await site.kuvert(both, { stdin: '' })).toMatchObject({ code: 2 });
});
