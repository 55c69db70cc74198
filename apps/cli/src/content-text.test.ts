import type { PersonId } from '@kuvert/protocol';
import { expect, test } from 'vitest';
import { messageWords } from './content-text.ts';

const [anna, ben] = ['pe_anna', 'pe_ben'] as PersonId[] as [PersonId, PersonId];
const nameOf = (person: PersonId) => ({ [anna]: 'Anna', [ben]: 'Ben' })[person] ?? 'Cem';
const messageId = 'ms_1' as never;

test('A1 an answer quotes what it answers by its words, and by its kind and name where it has none', () => {
  const words = (quote: object) =>
    messageWords({ kind: 'text', text: 'Yes', replyTo: { messageId, author: anna, ...quote } }, 'de', nameOf);
  expect(words({ text: 'Lunch?\nAt noon' })).toBe('> Anna: Lunch?\nYes');
  expect(words({ kind: 'contact', text: 'Emil' })).toBe('> Anna: [Kontakt] Emil\nYes');
  expect(words({})).toBe('> Anna: …\nYes');
});

test('A1 reactions and answers of a poll say who, while they are few', () => {
  const reactions = [
    { emoji: '👍', people: [anna, ben] },
    { emoji: '🎉', people: Array.from({ length: 5 }, () => anna) },
  ];
  expect(messageWords({ kind: 'text', text: 'Hi', reactions }, 'en', nameOf)).toBe('Hi\n👍 Anna, Ben  🎉 5');
  const options = [
    { text: 'Here', people: [ben] },
    { text: 'There', people: [] },
  ];
  const poll = { question: 'Where?', options, isMultiple: false };
  expect(messageWords({ kind: 'poll', text: '', poll }, 'en', nameOf)).toBe(
    '[Poll] Where?\n  1. Here: 1 (Ben)\n  2. There: 0',
  );
});
