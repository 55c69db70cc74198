import { expect, test } from 'vitest';
import { ManualClock } from '../node/doubles/manual-clock.ts';
import { ServerDouble } from '../node/doubles/server-double.ts';
import { TestDevice } from '../node/doubles/test-device.ts';

async function world() {
  const clock = new ManualClock();
  const server = new ServerDouble(() => clock.now());
  const anna = await TestDevice.enrol(server, clock, 'Anna');
  const bela = await TestDevice.enrol(
    server,
    clock,
    'Béla Kovács',
    server.addPerson('Béla Kovács', 'bela@acme.test'),
  );
  const cleo = await TestDevice.enrol(server, clock, 'Cleo');
  return { clock, server, anna, bela, cleo };
}

async function received(from: TestDevice, to: TestDevice, ...texts: string[]) {
  for (const text of texts) await from.write(to, text);
  await from.sync();
  await to.sync();
}

/** Texts that are found, newest first. */
function find(device: TestDevice, query: string): string[] {
  return device.messenger.conversations.search(query).found.map(({ entry }) => entry.text);
}

test('A8 words are found whatever their case, accents, umlauts or the German way around them', async () => {
  const { anna, bela } = await world();
  const mueller = 'Frau Müller prüft die Straße in Zürich';
  const other = 'Herr Mueller, Łódź, naïve café, ΣΟΦΟΣ';
  await received(bela, anna, mueller, other, 'müll');
  for (const query of ['müller', 'MÜLLER', 'Mu\u0308ller'])
    expect(find(anna, query)).toEqual([other, mueller]);
  expect(find(anna, 'Muller')).toEqual([mueller]);
  expect(find(anna, 'MUELLER')).toEqual([other, mueller]);
  for (const query of ['strasse', 'STRASSE', 'straße', 'pruft', 'prueft', 'zurich'])
    expect(find(anna, query)).toEqual([mueller]);
  for (const query of ['lodz', 'Naive', 'cafe', 'CAFÉ', 'σοφος', 'σοφοσ'])
    expect(find(anna, query)).toEqual([other]);
  expect(find(anna, 'maller')).toEqual([]);
});

test('A8 a word also finds longer ones that begin with it; a phrase finds exactly its words in their order', async () => {
  const { anna, bela } = await world();
  await received(bela, anna, 'Die Rechnungen sind da', 'Rechnung Nr. 17-b', 'Nr. 17 ist die Rechnung');
  expect(find(anna, 'rechn')).toHaveLength(3);
  expect(find(anna, 'rechn*')).toHaveLength(3);
  expect(find(anna, '"rechnung"')).toHaveLength(2);
  expect(find(anna, '"die Rechnung"')).toEqual(['Nr. 17 ist die Rechnung']);
  expect(find(anna, '„Nr. 17“ rechnung')).toHaveLength(2);
  expect(find(anna, 'chnung')).toEqual([]);
  expect(find(anna, 'rechnung -17')).toEqual(['Die Rechnungen sind da']);
  expect(find(anna, 'rechnung -"ist die"')).toEqual(['Rechnung Nr. 17-b', 'Die Rechnungen sind da']);
});

test('A8 emoji are found, with any skin tone and inside what is joined of them, and so is writing without spaces', async () => {
  const { anna, bela } = await world();
  await received(bela, anna, 'gut👍🏽gemacht', '👩‍💻 arbeitet', '🇦🇹 und 🇩🇪', '❤️', '明日の会議は三時です');
  expect(find(anna, '👍')).toEqual(['gut👍🏽gemacht']);
  expect(find(anna, '👍🏿')).toEqual(['gut👍🏽gemacht']);
  expect(find(anna, '👩')).toEqual(['👩‍💻 arbeitet']);
  expect(find(anna, '👩‍💻')).toEqual(['👩‍💻 arbeitet']);
  expect(find(anna, '🇩🇪')).toEqual(['🇦🇹 und 🇩🇪']);
  expect(find(anna, '🇪🇦')).toEqual([]);
  expect(find(anna, '❤')).toEqual(['❤️']);
  expect(find(anna, '会議')).toEqual(['明日の会議は三時です']);
  expect(find(anna, '議会')).toEqual([]);
});

test('A8 a search is narrowed to who wrote, with whom, and to days', async () => {
  const { clock, anna, bela, cleo } = await world();
  const dayOf = (ms: number) => {
    const date = new Date(ms);
    const two = (value: number) => String(value).padStart(2, '0');
    return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  };
  const first = clock.now();
  await received(bela, anna, 'plan one');
  clock.advance(86_400_000);
  const second = clock.now();
  await received(cleo, anna, 'plan two');
  await received(anna, bela, 'plan three');
  clock.advance(86_400_000);
  await received(bela, anna, 'plan four');
  expect(find(anna, 'plan from:bela')).toEqual(['plan four', 'plan one']);
  for (const query of ['from:kovacs', 'von:"Béla Kovács"', 'from:bela@acme.test']) {
    expect(find(anna, query)).toEqual(['plan four', 'plan one']);
  }
  for (const query of ['plan from:me', 'plan von:ich', 'plan from:anna', `plan from:${anna.mail}`]) {
    expect(find(anna, query)).toEqual(['plan three']);
  }
  expect(find(anna, 'plan mit:bela')).toEqual(['plan four', 'plan three', 'plan one']);
  expect(find(anna, 'from:nobody plan')).toEqual([]);
  expect(find(anna, `plan on:${dayOf(second)}`)).toEqual(['plan three', 'plan two']);
  expect(find(anna, `before:${dayOf(second)}`)).toEqual(['plan one']);
  expect(find(anna, `after:${dayOf(second)}`)).toEqual(['plan four']);
  expect(find(anna, `since:${dayOf(second)} until:${dayOf(second)} from:cleo`)).toEqual(['plan two']);
  const date = new Date(first);
  expect(find(anna, `plan am:${date.getDate()}.${date.getMonth() + 1}.${date.getFullYear()}`)).toEqual([
    'plan one',
  ]);
  expect(find(anna, 'plan am:heute')).toEqual(['plan four']);
});

test('A8 nothing that can be typed is an error, and what is no filter is a word', async () => {
  const { anna, bela } = await world();
  await received(
    bela,
    anna,
    'NEAR the end: a AND b OR (c) {plain} "x" ^y* 12:30 note:this 100% C++',
    'on:2026-02-30',
  );
  for (const query of [
    'NEAR',
    'AND',
    'OR',
    '"',
    '""',
    '(',
    'c)',
    '{plain}',
    '^y',
    '*',
    '-',
    '--',
    ':',
    '12:30',
    'note:this',
    '\u0000',
    'NEAR(a b)',
    "'",
    '100%',
    'plain:x',
    '-a*',
  ]) {
    expect(() => find(anna, query)).not.toThrow();
  }
  expect(find(anna, '12:30')).toHaveLength(1);
  expect(find(anna, 'note:this')).toHaveLength(1);
  expect(find(anna, '"a AND b"')).toHaveLength(1);
  expect(find(anna, 'on:2026-02-30')).toEqual(['on:2026-02-30']);
  expect(find(anna, '')).toEqual([]);
  expect(find(anna, '-word')).toEqual([]);
  expect(find(anna, 'x '.repeat(5_000))).toHaveLength(1);
});

test('A8 the words are marked where they stand in the text', async () => {
  const { anna, bela } = await world();
  await received(bela, anna, '👍🏽 Frau MÜLLER-Lüdenscheid, e-mail an müllerin');
  const marked = (query: string) =>
    anna.messenger.conversations
      .search(query)
      .found.flatMap(({ entry, matches }) => matches.map(([a, b]) => entry.text.slice(a, b)));
  expect(marked('mueller')).toEqual(['MÜLLER', 'müllerin']);
  expect(marked('"frau müller"')).toEqual(['Frau MÜLLER']);
  expect(marked('e-mail 👍')).toEqual(['👍🏽', 'e-mail']);
});

test('A8 results come newest first in pages without gaps', async () => {
  const { anna, bela } = await world();
  const texts = Array.from({ length: 7 }, (_, i) => `word ${i}`);
  await received(bela, anna, ...texts);
  const { conversations } = anna.messenger;
  const pages: string[][] = [];
  let before: number | undefined;
  do {
    const page = conversations.search('word', { limit: 3, ...(before !== undefined && { before }) });
    pages.push(page.found.map(({ entry }) => entry.text));
    before = page.older;
  } while (before !== undefined);
  expect(pages.map((page) => page.length)).toEqual([3, 3, 1]);
  expect(pages.flat()).toEqual(texts.toReversed());
});
