import fc from 'fast-check';
import { expect, test } from 'vitest';
import { checkText, decodeText, readText } from './message-text.ts';

async function* chunks(...parts: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* parts;
}

test('A1 stdin is taken byte for byte: BOM, NUL, line ends and white space survive', async () => {
  const bytes = Buffer.from('\ufeff \0\r\n\n Grüße 👋\n');
  const text = await readText(chunks(bytes.subarray(0, 2), bytes.subarray(2, 21), bytes.subarray(21)));
  expect(Buffer.from(text)).toEqual(bytes);
  expect(await readText(chunks())).toBe('');
});

test('A1 every text comes through, however its bytes are cut', async () => {
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: 'binary' }), fc.nat(), async (text, cut) => {
      const bytes = Buffer.from(text);
      const at = cut % (bytes.length + 1);
      expect(await readText(chunks(bytes.subarray(0, at), bytes.subarray(at)))).toBe(text);
    }),
  );
});

test.each([
  ['a lone continuation byte', [0x80]],
  ['a cut-off sequence', [0x61, 0xe2, 0x82]],
  ['an overlong form', [0xc0, 0xaf]],
  ['a surrogate', [0xed, 0xa0, 0x80]],
  ['above U+10FFFF', [0xf4, 0x90, 0x80, 0x80]],
  ['UTF-16', [0xff, 0xfe, 0x61, 0x00]],
])('A1 %s is refused as no UTF-8', (_, bytes) => {
  expect(() => decodeText(Uint8Array.from(bytes))).toThrow(
    expect.objectContaining({ code: 'text_not_utf8' }),
  );
});

test('A1 60,000 code points pass, one more does not, whatever their size', () => {
  for (const character of ['a', 'ü', '€', '👋']) {
    expect(checkText(character.repeat(60_000))).toHaveLength(60_000 * character.length);
    expect(() => checkText(character.repeat(60_001))).toThrow(
      expect.objectContaining({ code: 'text_too_long' }),
    );
  }
});

test('A1 an endless stream is refused as soon as it is too long', async () => {
  let read = 0;
  async function* endless(): AsyncGenerator<Uint8Array> {
    for (;;) {
      read += 65_536;
      yield new Uint8Array(65_536).fill(0x61);
    }
  }
  await expect(readText(endless())).rejects.toMatchObject({ code: 'text_too_long' });
  expect(read).toBeLessThanOrEqual(5 * 65_536);
});

test('A1 a lone surrogate, which JSON can spell, is refused', () => {
  expect(() => checkText('a\ud800b')).toThrow(expect.objectContaining({ code: 'text_not_utf8' }));
});
