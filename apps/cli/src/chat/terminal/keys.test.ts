import { emitKeypressEvents } from 'node:readline';
import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { type DecodedKey, KeyReader } from './keys.ts';

/** What bytes of a terminal become. */
function read(...chunks: string[]): unknown[] {
  const told: unknown[] = [];
  const reader = new KeyReader({
    onKey: ({ name, text }) => told.push(text === undefined ? name : `${name}:${text}`),
    onPaste: (text) => told.push({ paste: text }),
    onFocus: (hasFocus) => told.push({ hasFocus }),
  });
  const stream = new PassThrough();
  emitKeypressEvents(stream);
  stream.on('keypress', (text: string | undefined, key: DecodedKey) => reader.take(text, key));
  for (const chunk of chunks) stream.emit('data', Buffer.from(chunk));
  return told;
}

test('A1 keys of terminals have one name each', () => {
  expect(read('a', 'Ü', '\r', '\n', '\u001b\r', '\u001b[13;2u', '\u007f', '\u0001', '\u001f')).toEqual([
    'text:a',
    'text:Ü',
    'enter',
    'ctrl-j',
    'alt-enter',
    'shift-enter',
    'backspace',
    'ctrl-a',
    'ctrl-_',
  ]);
  expect(read('\u001b[A', '\u001b[1;3B', '\u001bOP', '\u001b[5~', '\u001b[Z', '\u001b<', '\u001b1')).toEqual([
    'up',
    'alt-down',
    'f1',
    'pageup',
    'shift-tab',
    'alt-<',
    'alt-1',
  ]);
  expect(read('\u001b[I', '\u001b[O')).toEqual([{ hasFocus: true }, { hasFocus: false }]);
});

test('A1 what an input method or a fast hand writes at once arrives whole', () => {
  expect(read('日本語')).toEqual(['text:日', 'text:本', 'text:語']);
  expect(read('👩‍👩‍👧').join('').replaceAll('text:', '')).toBe('👩‍👩‍👧');
});

test('A1 a paste is one text: its line ends send nothing, and sequences in it are not obeyed', () => {
  const pasted = '\u001b[200~one\r\ntwo\u001b[A\u0003\tthree\u001b[201~';
  expect(read(pasted, 'x')).toEqual([{ paste: 'one\ntwo\tthree' }, 'text:x']);
  expect(read('\u001b[200~ab', 'c\u001b[201~')).toEqual([{ paste: 'abc' }]);
});
