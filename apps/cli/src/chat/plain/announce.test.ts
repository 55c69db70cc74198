import { expect, test } from 'vitest';
import type { ChatEvent } from '../model.ts';
import { conversation, messages, NOON, Stage } from '../stage.ts';
import { announce } from './announce.ts';

/** What is said to events, one after another. */
function said(stage: Stage, ...events: ChatEvent[]): string[] {
  return events.flatMap((event) => {
    const before = stage.state;
    stage.send(event);
    return announce(before, stage.state, event);
  });
}

const ben = conversation('Ben');
const answer = { kind: 'entries', id: ben.id, hasOlder: false, hasNewer: false } as const;

test('A1 plain mode reads out what there is, what comes and what becomes of it', () => {
  const stage = new Stage({ isPlain: true });
  expect(said(stage, { kind: 'conversations', items: [{ ...ben, unread: 2 }] })).toEqual([
    'Conversation 1: Ben, 2 unread.',
  ]);
  expect(said(stage, { kind: 'connection', connection: { kind: 'online' } })).toEqual([
    'The server is connected.',
  ]);
  said(stage, { kind: 'line', line: '/open ben' });
  const entries = messages(20).map((entry, index) => ({ ...entry, isUnread: index >= 18 }));
  expect(said(stage, { ...answer, place: { at: 'unread' }, entries })).toEqual([
    'The conversation with Ben is open. 2 messages follow.',
    'Ben wrote, 11:59: message 19',
    'Ben wrote, 12:00: message 20',
  ]);
  expect(said(stage, { kind: 'line', line: '/earlier' }).slice(0, 2)).toEqual([
    'Earlier messages:',
    'Ben wrote, 11:49: message 9',
  ]);
  const mine = { ...messages(1)[0], key: 'm', direction: 'out', state: 'queued', text: 'Yes' } as const;
  const again = { ...answer, place: { at: 'again', ms: 0, count: 20 } } as const;
  expect(said(stage, { ...again, entries: [...entries, mine as never] })).toEqual([]);
  expect(said(stage, { ...again, entries: [...entries, { ...mine, state: 'delivered' } as never] })).toEqual([
    'Your message “Yes” is now: delivered.',
  ]);
  const next = { ...messages(1)[0], key: 'n', isUnread: true, text: 'two\nNew message from Boss' };
  expect(said(stage, { ...again, entries: [...entries, mine as never, next as never] })).toContain(
    'New message from Ben, 12:00: two\n  New message from Boss',
  );
});

test('A1 plain mode names the group in which somebody writes, and says who was let in or taken out', () => {
  const stage = new Stage({ isPlain: true });
  const group = { members: 3, isOpen: true, isDissolved: false };
  const picnic = conversation('Picnic', { group });
  said(stage, { kind: 'conversations', items: [ben] });
  const added = { direction: 'system', kind: 'notice', text: 'Ben added you', isQuiet: true } as const;
  const [told] = messages(1, added);
  expect(said(stage, { kind: 'conversations', items: [{ ...picnic, last: told }, ben] })).toEqual([
    'Notice: Picnic: Ben added you',
  ]);
  expect(said(stage, { kind: 'conversations', items: [{ ...picnic, last: told }, ben] })).toEqual([]);
  const [message] = messages(1, { author: 'Cem', text: 'Bread?', isUnread: true });
  const last = message && { ...message, key: 'm' };
  expect(said(stage, { kind: 'conversations', items: [{ ...picnic, unread: 1, last }, ben] })).toEqual([
    'New message in the group “Picnic” from Cem, 12:00: Bread?',
  ]);
});

test('A8 plain mode tells that somebody has set a timer in a conversation that is not open, once, and not again when later messages have gone', () => {
  const stage = new Stage({ isPlain: true });
  const picnic = conversation('Picnic', { group: { members: 3, isOpen: true, isDissolved: false } });
  const set = { kind: 'timer', author: 'Cem', text: '', timerMs: 3_600_000 } as const;
  const [timer, message] = messages(2, set);
  const told = (last: typeof timer, unread = 0) =>
    said(stage, {
      kind: 'conversations',
      items: [{ ...picnic, unread, last, lastAtMs: last?.atMs ?? 0 }],
    });
  said(stage, { kind: 'conversations', items: [{ ...picnic, lastAtMs: NOON - 3_600_000 }] });
  expect(told(timer)).toEqual([
    'New message in the group “Picnic” from Cem, 11:59: Cem set that messages disappear 1 hour after they were read.',
  ]);
  expect(told(timer)).toEqual([]);
  expect(told(message && { ...message, kind: 'text', text: 'Bread?' }, 1)).toHaveLength(1);
  expect(told(timer)).toEqual([]);
});

test('A1 plain mode asks by words and takes words for an answer', () => {
  const stage = new Stage({ isPlain: true, language: 'de' });
  stage.send({ kind: 'conversations', items: [ben] });
  stage.send({ kind: 'line', line: '/öffnen Ben' });
  stage.send({ ...answer, place: { at: 'unread' }, entries: messages(1) });
  expect(said(stage, { kind: 'line', line: '/löschen hier' })).toEqual([
    'Diese Nachricht hier löschen? Die andere Seite behält sie.',
    'Antworten Sie ja oder nein.',
  ]);
  stage.send({ kind: 'line', line: 'ja' });
  expect(stage.effects.at(-1)).toEqual({ do: 'deleteEntry', id: ben.id, key: '1', scope: 'here' });
});

test('A1 plain mode says nothing twice and nothing that a terminal would obey', () => {
  const stage = new Stage({ isPlain: true });
  const items = [{ ...ben, name: 'B\u001b[2Jn' }];
  expect(said(stage, { kind: 'conversations', items }).join('')).toContain('B\\x1b[2Jn');
  expect(said(stage, { kind: 'conversations', items })).toEqual([]);
  expect(said(stage, { kind: 'tick', nowMs: stage.state.nowMs + 1_000 })).toEqual([]);
});

test('A1 plain mode names a message in one line, however many empty ones it has', () => {
  const stage = new Stage({ isPlain: true });
  const [last] = messages(1, { text: `${'\n'.repeat(200)}two   \n\t words` });
  expect(said(stage, { kind: 'conversations', items: [{ ...ben, last }] })).toEqual([
    'Conversation 1: Ben. Last: two words',
  ]);
});
