import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type MessageLine, readMessageLines } from './message-lines.ts';

async function* chunks(...parts: readonly (string | Uint8Array)[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) yield typeof part === 'string' ? Buffer.from(part) : part;
}

async function readAll(
  stream: AsyncIterable<Uint8Array>,
  to?: string,
): Promise<(Record<string, unknown> | undefined)[]> {
  const lines: MessageLine[] = [];
  for await (const batch of readMessageLines(stream, to)) lines.push(...batch);
  return lines.map((line) => ({
    ...line,
    ...('problem' in line ? { problem: (line.problem as Error).message } : {}),
  }));
}

test('A1 one message per line, to whom the line says or else the option', async () => {
  const stream = chunks('{"to":"ben@acme.test","text":"a"}\n{"text":"b\\u0000\\r\\n"}\n\n', '{"text":""}');
  expect(await readAll(stream, 'cem@acme.test')).toEqual([
    { line: 1, to: 'ben@acme.test', text: 'a' },
    { line: 2, to: 'cem@acme.test', text: 'b\0\r\n' },
    { line: 4, to: 'cem@acme.test', text: '' },
  ]);
});

test('A1 a bad line is told with its number and the others are still there', async () => {
  const stream = chunks(
    '{"to":"a@b.test","text":"1"}\n',
    'no json\n[]\nnull\n{"text":"x"}\n{"to":"a@b.test"}\n{"to":"a@b.test","text":"\\ud800"}\n',
    Uint8Array.of(0xff, 0x0a),
    '{"to":"a@b.test","text":"9"}',
  );
  expect(await readAll(stream)).toEqual([
    { line: 1, to: 'a@b.test', text: '1' },
    { line: 2, problem: 'it is not JSON.' },
    { line: 3, problem: 'it is not a JSON object.' },
    { line: 4, problem: 'it is not a JSON object.' },
    { line: 5, problem: '"to" is missing.' },
    { line: 6, problem: '"text" is missing.' },
    { line: 7, problem: 'text_not_utf8' },
    { line: 8, problem: 'text_not_utf8' },
    { line: 9, to: 'a@b.test', text: '9' },
  ]);
});

test('A1 lines are whole, however the stream is cut', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.string({ unit: 'grapheme' }), { maxLength: 8 }),
      fc.array(fc.nat(), { maxLength: 6 }),
      async (texts, cuts) => {
        const bytes = Buffer.from(
          texts.map((text) => `${JSON.stringify({ to: 'a@b.test', text })}\n`).join(''),
        );
        const ends = [...cuts.map((cut) => cut % (bytes.length + 1)), 0, bytes.length].sort((a, b) => a - b);
        const parts = ends.slice(1).map((end, index) => bytes.subarray(ends[index], end));
        const lines = await readAll(chunks(...parts));
        expect(lines.map((line) => line?.text)).toEqual(texts);
      },
    ),
  );
});

test('A1 a line beyond all measure is refused without being kept, and the next one is read', async () => {
  async function* long(): AsyncGenerator<Uint8Array> {
    for (let i = 0; i < 40; i++) yield new Uint8Array(100_000).fill(0x61);
    yield Buffer.from('\n{"to":"a@b.test","text":"after"}\n');
  }
  expect(await readAll(long())).toEqual([
    { line: 1, problem: 'text_too_long' },
    { line: 2, to: 'a@b.test', text: 'after' },
  ]);
});
