import { sentenceFor } from '@kuvert/protocol';
import { expect, test } from 'vitest';
import { conversation, messages, NOON, Stage } from '../stage.ts';
import { encodeLine, themeOf } from '../terminal/theme.ts';
import { widthOf } from '../text/cells.ts';
import { drawScreen } from './screen.ts';

const SIZES = [
  { columns: 80, rows: 24 },
  { columns: 200, rows: 50 },
  { columns: 40, rows: 12 },
  { columns: 20, rows: 6 },
  { columns: 2, rows: 2 },
];
const EVIL = '\u001b]0;owned\u0007\u001b[2J\u202e\n\tnext 👩‍👩‍👧 שלום';
const ben = conversation('Ben', {
  name: `Ben ${EVIL}`,
  unread: 3,
  isPinned: true,
  mutedUntilMs: NOON + 3_600_000,
  verification: 'changed',
  presence: 'online',
  timerMs: 86_400_000,
  last: messages(1, { text: EVIL })[0],
});
const VIEWS = ['none', 'f1', 'f2', 'f3', 'f4', 'f6', 'f7', 'f8', 'alt-t', 'alt-o', 'ctrl-c'];

test.each(['en', 'de'] as const)(
  'A1 every screen has the size of its window, whatever is on it (%s)',
  (language) => {
    for (const size of SIZES) {
      for (const view of VIEWS) {
        const stage = new Stage({ size, language });
        stage.open(
          [ben, conversation('Cem', { draft: EVIL, isTyping: true })],
          [
            ...messages(20, { text: EVIL, isUnread: true }),
            ...messages(3, { direction: 'out', state: 'queued', problem: 'identity_changed', key: 'a' }),
            { ...messages(1)[0], key: 'n', direction: 'system', kind: 'notice', text: EVIL } as never,
          ],
        );
        stage.type('written '.repeat(30));
        stage.press(view);
        const people = [{ id: 'pe_1', name: EVIL, mail: EVIL }];
        stage.send({ kind: 'people', people });
        const number = '12345 '.repeat(12);
        const safety = {
          name: EVIL,
          mail: EVIL,
          number,
          qr: 'kuvert:safety:'.repeat(8),
          verification: 'changed',
          isHeld: true,
        } as const;
        stage.send({ kind: 'safety', id: ben.id, safety });
        const device = {
          id: 'de_1',
          label: EVIL,
          hasName: true,
          isThis: true,
          canApprove: true,
          isActive: false,
          addedAtMs: NOON,
        };
        stage.send({ kind: 'devices', devices: [device] });
        const { lines, cursor } = drawScreen(stage.state);
        expect(lines).toHaveLength(size.rows);
        for (const line of lines) {
          const text = line.map((span) => span.text).join('');
          expect(text).not.toMatch(/\p{Cc}|\u202e/u);
          expect(widthOf(text), `${view} ${size.columns} ${JSON.stringify(text)}`).toBeLessThanOrEqual(
            size.columns,
          );
        }
        if (cursor !== undefined) {
          expect(cursor.row).toBeLessThan(size.rows);
          expect(cursor.column).toBeLessThan(size.columns);
        }
      }
    }
  },
);

test('A1 nothing is told by colour alone: the same words stand on a screen without colours', () => {
  const stage = new Stage();
  const out = { direction: 'out' } as const;
  stage.open(
    [ben],
    [
      ...messages(1, { ...out, state: 'read', key: 'r' }),
      ...messages(1, { ...out, state: 'delivered', key: 'd' }),
      ...messages(1, { ...out, state: 'accepted', key: 's' }),
      ...messages(1, { ...out, state: 'queued', key: 'q' }),
    ],
  );
  const screen = stage.screen();
  for (const word of ['✓✓ read', '✓✓ delivered', '✓ sent', '○ waiting', 'keys have changed']) {
    expect(screen).toContain(word);
  }
  const drawn = drawScreen(stage.state).lines.map((line) => encodeLine(line, themeOf('none', 24)));
  expect(drawn.join('\n')).not.toMatch(/38;5|48;5|\[3[0-7]m/);
});

test('A1 no conversations: the screen says what to do first', () => {
  const stage = new Stage();
  stage.send({ kind: 'conversations', items: [] });
  expect(stage.screen()).toMatch(/Press F2 to choose/);
  const german = new Stage({ language: 'de' });
  german.send({ kind: 'conversations', items: [] });
  expect(german.screen()).toMatch(/Mit F2 wählen Sie/);
});

test('A8 the bar says how the connection is, and what that means for what is written', () => {
  const stage = new Stage();
  stage.open([ben], messages(1));
  stage.send({ kind: 'connection', connection: { kind: 'offline', sinceMs: NOON, retryAtMs: NOON + 5_000 } });
  expect(stage.screen()).toContain('✕ offline since 12:00');
  expect(stage.screen()).toContain('what you write waits here');
});

test('E1 A8 a refused device reads why in full, at 80 columns in both languages, and what to do where there is room', () => {
  const at = (columns: number, language: 'en' | 'de') => {
    const stage = new Stage({ size: { columns, rows: 24 }, language });
    const sentence = sentenceFor('device_not_accepted', language);
    stage.send({ kind: 'connection', connection: { kind: 'refused', sentence } });
    return stage.lines()[0];
  };
  expect(at(80, 'en')).toContain('it may have been revoked.');
  expect(at(80, 'de')).toContain('es wurde vielleicht gesperrt.');
  expect(at(120, 'en')).toContain('Ask your administrator.');
});

test('A8 days are separated, and the sender is named again after a pause', () => {
  const stage = new Stage();
  const yesterday = messages(1, { key: 'y', text: 'yesterday', atMs: NOON - 86_400_000 });
  stage.open([conversation('Cem')], [...yesterday, ...messages(2)]);
  const lines = stage.lines().join('\n');
  expect(lines).toMatch(
    /Friday, 20 November 2026[\s\S]*yesterday[\s\S]*Saturday, 21 November 2026[\s\S]*message 1/,
  );
});

test('A1 a sentence that is longer than the window is shown whole, and neither what is written nor its cursor goes', () => {
  const sentence = `${'what went wrong and what to do about it '.repeat(4)}end`;
  for (const view of ['none', 'f7']) {
    const stage = new Stage({ size: { columns: 60, rows: 16 } });
    stage.open([ben], messages(20));
    stage.type('half a message');
    stage.press(view);
    stage.send({ kind: 'told', sentence, isError: true });
    const { lines, cursor } = drawScreen(stage.state);
    expect(lines).toHaveLength(16);
    expect(stage.lines().join(' ').replaceAll(/\s+/g, ' ')).toContain(sentence);
    if (view !== 'none') continue;
    const row = stage.lines()[cursor?.row ?? 0];
    expect(row).toContain('half a message');
  }
});
