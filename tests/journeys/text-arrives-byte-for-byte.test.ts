/** Whatever people write arrives as they wrote it: nothing is trimmed, normalised, escaped or cut (A1). */
import { type ServerProcess, Site, type TestPerson } from '@kuvert/testkit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const TEXTS: Record<string, string> = {
  'no text at all': '',
  'emoji made of several code points': '👩‍👩‍👧‍👦 🏳️‍🌈 👍🏽 🇦🇹 ☃️',
  'right-to-left script with controls': 'שלום עולם \u202eabc\u202c مرحبا\u200f!',
  NUL: '\u0000in \u0000 between\u0000',
  'line ends of all kinds': '\r\none\ntwo\r\nthree\rfour\u2028five\n\n',
  'a byte order mark': '\ufeffat the start and\ufeff in the middle',
  'composed and decomposed letters side by side': 'é e\u0301 ﬁ K \u1100\u1161 가',
  'noncharacters and the last code point': '\ufffe\uffff\u{10ffff}\ufffd\u{1fffe}',
  'what looks like markup and escapes': '<b>&amp;</b> \\u0041 $x %00 "quoted" \u001b[31m',
  'white space only': ' \t\u00a0\u3000 ',
  '60,000 code points of four bytes each': '😀'.repeat(60_000),
  '60,000 code points of one byte each': 'x'.repeat(60_000),
};

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

/** What Ben reads next, oldest first. */
async function readings(): Promise<{ messageId: unknown; text: unknown }[]> {
  const { code, json } = await site.kuvert(['inbox', ...ben.asPerson]);
  expect(code).toBe(0);
  return json.map(({ messageId, text }) => ({ messageId, text }));
}

const toBen = ['--to', 'ben@acme.test'];

test('A1 as lines of JSON, in the order in which they were written', async () => {
  const stdin = Object.values(TEXTS)
    .map((text) => `${JSON.stringify({ to: ben.mail, text })}\n`)
    .join('');
  const sent = await site.kuvert(['send', ...anna.asPerson, '--jsonl', '-'], { stdin });
  expect(sent).toMatchObject({ code: 0, stderr: '' });
  expect(sent.json.map(({ state }) => state)).toEqual(Object.values(TEXTS).map(() => 'accepted'));
  const read = await readings();
  expect(read.map(({ messageId }) => messageId)).toEqual(sent.json.map(({ messageId }) => messageId));
  for (const [index, [name, text]] of Object.entries(TEXTS).entries()) {
    expect(read[index]?.text === text, name).toBe(true);
  }
});

describe('A1 byte for byte from standard input', () => {
  test.each(Object.entries(TEXTS))('%s', async (_, text) => {
    const stdin = Buffer.from(text);
    const sent = await site.kuvert(['send', ...anna.asPerson, ...toBen, '--text', '-'], { stdin });
    expect(sent).toMatchObject({ code: 0, stderr: '' });
    const read = await readOne();
    expect(Buffer.from(read).equals(stdin)).toBe(true);
  });

  /** The one message that Ben has, read in this process, since the command's printing has been tried above. */
  function readOne(): Promise<string> {
    return ben.with(async (profile) => {
      await profile.flush({ timeoutMs: 60_000 });
      const [message, ...more] = profile.inbox();
      expect(more).toEqual([]);
      if (message === undefined) throw new Error('nothing arrived');
      profile.markPrinted([message]);
      return message.text;
    });
  }
});

describe('A1 what is no text, or too much of it, is refused whole', () => {
  test.each([
    ['bytes that are not UTF-8', Buffer.from([0x61, 0xc3, 0x28]), 'text_not_utf8'],
    ['half of a character at the end', Buffer.from('ü').subarray(0, 1), 'text_not_utf8'],
    ['a surrogate encoded on its own', Buffer.from([0xed, 0xa0, 0x80]), 'text_not_utf8'],
    ['60,001 code points', Buffer.from('y'.repeat(60_001)), 'text_too_long'],
  ])('%s', async (_, stdin, code) => {
    const refused = await site.kuvert(['send', ...anna.asPerson, ...toBen, '--text', '-'], { stdin });
    expect(refused).toMatchObject({ code: 2, errorCode: code, lines: [] });
  });

  test('half of a surrogate pair in a line of JSON, while the lines around it are sent', async () => {
    const stdin = '{"text":"before"}\n{"text":"\\ud83d"}\n{"text":"after"}\n';
    const sent = await site.kuvert(['send', ...anna.asPerson, ...toBen, '--jsonl', '-'], { stdin });
    expect(sent.code).not.toBe(0);
    expect(sent.errorCode).toBe('text_not_utf8');
    expect((await readings()).map(({ text }) => text)).toEqual(['before', 'after']);
  });
});
