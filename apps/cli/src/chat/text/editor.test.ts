import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  accept,
  EDITS,
  type Edit,
  EMPTY_EDITOR,
  insert,
  layoutEditor,
  moveVertically,
  withText,
} from './editor.ts';

/** A text with its cursor, as `be|fore`. */
const at = (marked: string) => ({
  ...withText(EMPTY_EDITOR, marked.replace('|', '')),
  cursor: marked.indexOf('|'),
});
const shown = ({ text, cursor }: { text: string; cursor: number }) =>
  `${text.slice(0, cursor)}|${text.slice(cursor)}`;

test('A1 keys of the line do what they do in Emacs and in a shell', () => {
  const done = (edit: Edit, before: string) => shown(EDITS[edit](at(before)));
  expect(done('left', 'ab|c')).toBe('a|bc');
  expect(done('wordLeft', 'eins zwei| drei')).toBe('eins |zwei drei');
  expect(done('wordRight', 'eins| zwei drei')).toBe('eins zwei| drei');
  expect(done('lineStart', 'one\ntw|o')).toBe('one\n|two');
  expect(done('lineEnd', 'o|ne\ntwo')).toBe('one|\ntwo');
  expect(done('killToEnd', 'o|ne\ntwo')).toBe('o|\ntwo');
  expect(done('killToEnd', 'one|\ntwo')).toBe('one|two');
  expect(done('killWordLeft', 'eins zwei|')).toBe('eins |');
  expect(done('transpose', 'ab|c')).toBe('acb|');
  expect(done('newline', 'a|b')).toBe('a\n|b');
  expect(shown(EDITS.yank(EDITS.killWordLeft(at('eins zwei|'))))).toBe('eins zwei|');
});

test('A1 an emoji of several code points and a letter with marks are moved over and deleted as a whole', () => {
  expect(shown(EDITS.backspace(at('a👩‍👩‍👧|b')))).toBe('a|b');
  expect(shown(EDITS.left(at('🏳️‍🌈|')))).toBe('|🏳️‍🌈');
  expect(shown(EDITS.deleteRight(at('|e\u0301x')))).toBe('|x');
});

test('A1 up and down move by rows as they are seen, then through what was sent', () => {
  const long = at('abcdefgh|');
  expect(layoutEditor(long, 5)).toEqual({ rows: ['abcde', 'fgh'], cursorRow: 1, cursorColumn: 3 });
  expect(shown(moveVertically(long, -1, 5))).toBe('abc|defgh');
  const sent = accept(insert(accept(insert(EMPTY_EDITOR, 'first')), 'second'));
  const begun = insert(sent, 'new');
  const up = moveVertically(begun, -1, 20);
  expect(shown(up)).toBe('second|');
  expect(shown(moveVertically(up, -1, 20))).toBe('first|');
  expect(shown(moveVertically(up, 1, 20))).toBe('new|');
});

test('A1 whatever is done, the cursor stands in the text, and what is drawn holds no control character', () => {
  const edits = fc.array(
    fc.oneof(
      fc.constantFrom(...(Object.keys(EDITS) as Edit[])),
      fc.record({ text: fc.string({ unit: 'grapheme' }) }),
    ),
  );
  fc.assert(
    fc.property(edits, fc.integer({ min: 2, max: 20 }), (list, width) => {
      let editor = EMPTY_EDITOR;
      for (const edit of list)
        editor = typeof edit === 'string' ? EDITS[edit](editor) : insert(editor, edit.text);
      expect(editor.cursor).toBeGreaterThanOrEqual(0);
      expect(editor.cursor).toBeLessThanOrEqual(editor.text.length);
      expect(editor.text.isWellFormed()).toBe(true);
      const { rows, cursorRow, cursorColumn } = layoutEditor(editor, width);
      expect(rows[cursorRow]).toBeDefined();
      expect(cursorColumn).toBeLessThanOrEqual(width);
      expect(rows.join('')).not.toMatch(/\p{Cc}/u);
    }),
  );
});
