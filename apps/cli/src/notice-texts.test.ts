import { expect, test } from 'vitest';
import { noticeSentence } from './profile-session.ts';
import { textsIn } from './texts.ts';

const expired = { kind: 'messages_expired', count: 3, atMs: 0 } as const;
const told = (language: 'en' | 'de', name?: string) =>
  noticeSentence(expired, { language, texts: textsIn(language) }, name);

test('P1 once it is known whose messages expired, their sender is named: it is not said as of others', () => {
  expect(told('en')).toBe('3 messages to you expired before they were fetched.');
  expect(told('en', 'Anna')).toBe('3 messages from Anna expired before they were fetched.');
  expect(told('de', 'Anna')).toBe('3 Nachrichten von Anna sind abgelaufen, bevor sie abgeholt wurden.');
});

test.each(['en', 'de'] as const)(
  'P1 nobody says in %s that a message still lies on the server which may have given it up',
  (language) => {
    expect(textsIn(language).state('accepted')).toMatch(/30/);
  },
);
