import { expect, test } from 'vitest';
import { conversation, messages, NOON, Stage } from '../stage.ts';

const ben = conversation('Ben');
const cem = conversation('Cem');
/** The messages that are seen. */
const pane = (stage: Stage) =>
  stage
    .lines()
    .slice(2, 20)
    .map((line) => line.split('│')[1]);

test('A1 what is written goes out with Enter, and what was begun elsewhere is kept as a draft', () => {
  const stage = new Stage();
  stage.open([ben, cem], messages(3));
  stage.type('Hello');
  stage.press('alt-enter');
  expect(stage.type('you')).toEqual([]);
  expect(stage.press('enter')).toEqual([{ do: 'send', id: ben.id, text: 'Hello\nyou' }]);
  expect(stage.state.editor.text).toBe('');
  stage.type('half');
  expect(stage.press('alt-down')).toEqual([
    { do: 'saveDraft', id: ben.id, text: 'half' },
    { do: 'typing', id: ben.id, isTyping: false },
    { do: 'load', id: cem.id, place: { at: 'unread' } },
  ]);
  expect(stage.state.editor.text).toBe('');
});

test('A8 a draft is kept while it is written, and stands in the line when its conversation is opened', () => {
  const stage = new Stage();
  stage.open([{ ...ben, draft: 'begun on the phone' }], messages(1));
  expect(stage.state.editor.text).toBe('begun on the phone');
  stage.type('!');
  expect(stage.send({ kind: 'tick', nowMs: NOON + 1_000 })).toEqual([]);
  expect(stage.send({ kind: 'tick', nowMs: NOON + 2_000 })).toEqual([
    { do: 'saveDraft', id: ben.id, text: 'begun on the phone!' },
  ]);
});

test('A1 a text that was refused stands in the line again', () => {
  const stage = new Stage();
  stage.open([ben], messages(1));
  stage.type('x');
  stage.press('enter');
  stage.send({ kind: 'notSent', id: ben.id, text: 'x', sentence: 'Nobody has this address.' });
  expect(stage.state.editor.text).toBe('x');
  expect(stage.screen()).toContain('Nobody has this address.');
});

test('A1 a message that begins with a slash is written with two', () => {
  const stage = new Stage();
  stage.open([ben], messages(1));
  stage.type('//etc');
  expect(stage.press('enter')).toMatchObject([{ do: 'send', text: '/etc' }]);
  stage.type('/nonsense');
  expect(stage.press('enter')).toEqual([]);
  expect(stage.screen()).toContain('There is no command “/nonsense”');
});

test('A3 somebody who writes is shown writing, at most every four seconds, and not when writing a command', () => {
  const stage = new Stage();
  stage.open([ben], messages(1));
  expect(stage.type('/help')).toEqual([]);
  stage.press('ctrl-c');
  expect(stage.type('abc')).toEqual([{ do: 'typing', id: ben.id, isTyping: true }]);
  stage.send({ kind: 'tick', nowMs: NOON + 4_000 });
  expect(stage.type('d')).toEqual([{ do: 'typing', id: ben.id, isTyping: true }]);
  expect(stage.send({ kind: 'tick', nowMs: NOON + 12_000 })).toContainEqual({
    do: 'typing',
    id: ben.id,
    isTyping: false,
  });
});

test('A8 a conversation opens at its first unread message, under a line that says so', () => {
  const stage = new Stage();
  const entries = messages(200).map((entry, index) => ({ ...entry, isUnread: index >= 150 }));
  stage.open([{ ...ben, unread: 50 }], entries, { hasOlder: true });
  const lines = stage.lines();
  const at = lines.findIndex((line) => line.includes('new messages'));
  expect(at).toBeGreaterThan(2);
  expect(lines.slice(at).join('\n')).toContain('message 151');
  expect(lines.join('\n')).not.toContain('message 200');
  // What is not seen yet is not read yet.
  const read = stage.effects.filter((effect) => effect.do === 'markRead').at(-1);
  expect(Number(read?.key)).toBeGreaterThan(150);
  expect(Number(read?.key)).toBeLessThan(175);
});

test('A3 nothing counts as read while the window has no focus', () => {
  const stage = new Stage();
  stage.open([ben], messages(2));
  stage.send({ kind: 'focus', hasFocus: false });
  const entries = [...messages(2), ...messages(3, { isUnread: true }).slice(2)];
  const answer = { kind: 'entries', id: ben.id, entries, hasOlder: false, hasNewer: false } as const;
  expect(stage.send({ ...answer, place: { at: 'again', ms: 0, count: 2 } })).toEqual([]);
  expect(stage.screen()).toContain('new messages');
  expect(stage.send({ kind: 'focus', hasFocus: true })).toEqual([
    { do: 'markRead', id: ben.id, key: '3' },
    { do: 'present', isPresent: true },
  ]);
});

test('A3 somebody who has touched no key for five minutes is away until the next key', () => {
  const stage = new Stage();
  stage.open([ben], messages(1));
  expect(stage.state.isPresent).toBe(true);
  expect(stage.send({ kind: 'tick', nowMs: NOON + 300_000 })).toEqual([{ do: 'present', isPresent: false }]);
  expect(stage.press('up')).toEqual([{ do: 'present', isPresent: true }]);
});

test('A8 older messages are read from the store before somebody who scrolls gets there, and newer ones again', () => {
  const stage = new Stage();
  stage.open([ben], messages(100), { hasOlder: true });
  expect(stage.effects.filter((effect) => effect.do === 'load')).toHaveLength(1);
  let asked: readonly unknown[] = [];
  for (let pages = 0; pages < 10 && asked.length === 0; pages += 1) asked = stage.press('pageup');
  expect(asked).toMatchObject([{ do: 'load', place: { at: 'before', key: '1' } }]);
  const before = pane(stage);
  const older = messages(100).map((entry) => ({
    ...entry,
    key: `-${entry.key}`,
    atMs: entry.atMs - 6_000_000,
  }));
  stage.send({
    kind: 'entries',
    id: ben.id,
    place: { at: 'before', ms: 0 },
    entries: older,
    hasOlder: true,
    hasNewer: true,
  });
  expect(pane(stage)).toEqual(before);
});

test('A8 what comes while somebody reads further up does not move what they read', () => {
  const stage = new Stage();
  stage.open([ben], messages(100));
  stage.press('pageup', 'pageup');
  const before = pane(stage);
  const entries = [
    ...messages(100),
    { ...messages(1, { isUnread: true })[0], key: '101', atMs: NOON + 1 },
  ] as never;
  stage.send({ kind: 'changed', ids: [ben.id] });
  const place = { at: 'again', ms: 0, count: 100 } as const;
  stage.send({ kind: 'entries', id: ben.id, place, entries, hasOlder: false, hasNewer: false });
  stage.send({ kind: 'conversations', items: [{ ...ben, unread: 1 }] });
  expect(pane(stage)).toEqual(before);
  expect(stage.screen()).toContain('1 unread');
  stage.press('alt->');
  expect(stage.screen()).toContain('message 100');
});

test('A8 jump to a date takes a day as people write it and says when it is none', () => {
  const stage = new Stage();
  stage.open([ben], messages(1));
  stage.type('/date 2026-11-03');
  const ms = new Date(2026, 10, 3).getTime();
  expect(stage.press('enter')).toEqual([{ do: 'load', id: ben.id, place: { at: 'around', ms } }]);
  stage.press('f4');
  stage.type('31.2.');
  stage.press('enter');
  expect(stage.screen()).toContain('That is no day');
  stage.press('ctrl-u');
  stage.type('-1');
  const yesterday = new Date(2026, 10, 20).getTime();
  expect(stage.press('enter')).toMatchObject([{ place: { at: 'around', ms: yesterday } }]);
});

test('A8 a search shows results, and Enter jumps to one', () => {
  const stage = new Stage();
  stage.open([ben], messages(1));
  stage.press('f3');
  stage.type('rechnung');
  expect(stage.press('enter')).toEqual([{ do: 'search', query: 'rechnung' }]);
  const hit = {
    conversationId: cem.id,
    key: '7',
    name: 'Cem',
    author: 'Cem',
    isOwn: false,
    atMs: NOON - 1,
    text: 'Die Rechnung',
    matches: [[4, 12]] as const,
  };
  stage.send({ kind: 'found', query: 'rechnung', hits: [hit] });
  expect(stage.screen()).toContain('1 message');
  expect(stage.press('enter')).toContainEqual({
    do: 'load',
    id: cem.id,
    place: { at: 'around', ms: NOON - 1, key: '7' },
  });
});

test('A1 a paste with line ends is one message and sends nothing by itself', () => {
  const stage = new Stage();
  stage.open([ben], messages(1));
  stage.send({ kind: 'paste', text: 'one\ntwo\n' });
  expect(stage.effects.some((effect) => effect.do === 'send')).toBe(false);
  expect(stage.press('enter')).toMatchObject([{ do: 'send', text: 'one\ntwo\n' }]);
});

test('A1 Ctrl-C empties the line, then asks, then leaves; Ctrl-Q leaves at once', () => {
  const stage = new Stage();
  stage.open([ben], messages(1));
  stage.type('abc');
  expect(stage.press('ctrl-c')).toMatchObject([{ do: 'typing', isTyping: false }]);
  expect(stage.press('ctrl-c')).toEqual([]);
  expect(stage.screen()).toContain('once more');
  expect(stage.press('ctrl-c')).toEqual([{ do: 'quit' }]);
  expect(stage.press('ctrl-q')).toEqual([{ do: 'quit' }]);
});

test('B6 what cannot be taken back is asked first, and only yes does it', () => {
  const stage = new Stage();
  stage.open([ben], messages(2, { direction: 'out', state: 'delivered' }));
  stage.type('/delete everywhere 2');
  expect(stage.press('enter')).toEqual([]);
  expect(stage.screen()).toContain('Delete this message for everybody?');
  expect(stage.type('n')).toEqual([]);
  stage.type('/delete everywhere 2');
  stage.press('enter');
  expect(stage.type('y')).toEqual([{ do: 'deleteEntry', id: ben.id, key: '1', scope: 'everywhere' }]);
});

test('A1 German commands work as English ones do', () => {
  const stage = new Stage({ language: 'de' });
  stage.open([ben], messages(1));
  stage.type('/stumm 8h');
  expect(stage.press('enter')).toEqual([{ do: 'setMuted', id: ben.id, untilMs: NOON + 8 * 3_600_000 }]);
  stage.type('/anheften');
  expect(stage.press('enter')).toEqual([{ do: 'setPinned', id: ben.id, isPinned: true }]);
  stage.type('/pin');
  expect(stage.press('enter')).toEqual([{ do: 'setPinned', id: ben.id, isPinned: true }]);
});

test('E1 a device that was revoked queues nothing more and says why; what was written stays', () => {
  const stage = new Stage();
  stage.open([ben], messages(1));
  const sentence = 'This server does not accept this device.';
  stage.send({ kind: 'connection', connection: { kind: 'refused', sentence } });
  stage.type('one more');
  expect(stage.press('enter')).toEqual([]);
  expect(stage.state.editor.text).toBe('one more');
  expect(stage.screen()).toContain(`! ${sentence}`);
});

test('A4 a device without a name is named from an empty line, and Esc leads back to the devices', () => {
  const stage = new Stage();
  stage.open([ben], messages(1));
  const device = {
    id: 'de_1',
    label: 'A device without a name',
    hasName: false,
    isThis: true,
    canApprove: true,
    isActive: true,
    addedAtMs: NOON,
  };
  expect(stage.press('f7')).toContainEqual({ do: 'devices' });
  stage.send({ kind: 'devices', devices: [device] });
  stage.press('enter');
  stage.type('📱 Händi');
  expect(stage.press('enter')).toContainEqual({ do: 'labelDevice', deviceId: 'de_1', label: '📱 Händi' });
  stage.send({ kind: 'devices', devices: [device] });
  stage.type('l');
  stage.type('kuvertlink1_');
  expect(stage.press('escape')).toEqual([{ do: 'devices' }]);
  expect(stage.state.view.kind).toBe('devices');
});

test('A8 Enter in the choice of timers takes the present one, also one that is none of the usual', () => {
  for (const timerMs of [undefined, 30_000, 20_000]) {
    const stage = new Stage();
    stage.open([{ ...ben, timerMs }], messages(1));
    stage.press('alt-t');
    expect(stage.press('enter')).toEqual([{ do: 'setTimer', id: ben.id, timerMs }]);
  }
});

test('A8 in the list whoever has set a timer is named once', () => {
  const stage = new Stage();
  const [last] = messages(1, { kind: 'timer', direction: 'out', text: '', timerMs: 86_400_000 });
  stage.open([{ ...ben, last }], messages(1));
  expect(stage.screen()).toContain('You set that');
  expect(stage.screen()).not.toContain('You: You set');
});
