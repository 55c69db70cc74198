import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { fromWireError, toWireError, WireError } from './channel.ts';
import { CONTENT_RULES, contentRuleFor } from './content-rules.ts';
import { CHANGE_SCHEMAS, SHOWN_SCHEMAS } from './content-shown.ts';
import { ERRORS, type ErrorCode, KuvertError, type Retry, sentenceFor } from './errors.ts';

const page = readFileSync(new URL('../../../docs/errors.md', import.meta.url), 'utf8');
const retryText = (retry: Retry): string =>
  retry.kind === 'after'
    ? `after ${retry.ms} ms`
    : retry.kind === 'resync'
      ? `resync ${retry.what}`
      : retry.kind;

test('C12 docs/errors.md lists exactly the catalogue: code, status, retry rule, both sentences', () => {
  const rows = page.split('\n').filter((line) => line.startsWith('| `'));
  const expected = Object.entries(ERRORS).map(
    ([code, entry]) =>
      `| \`${code}\` | ${entry.status} | ${retryText(entry.retry)} | ${entry.en} | ${entry.de} |`,
  );
  expect(rows).toEqual(expected);
});

test('C12 every error says one whole sentence in German and in English', () => {
  for (const code of Object.keys(ERRORS) as ErrorCode[]) {
    expect(code).toMatch(/^[a-z0-9_]+$/);
    for (const language of ['en', 'de'] as const)
      expect(sentenceFor(code, language)).toMatch(/^\p{Lu}.*\.$/u);
    expect(ERRORS[code].en).not.toBe(ERRORS[code].de);
  }
});

test('A1 docs/errors.md lists exactly the rules that a refused part of a message is told by', () => {
  const [, section = ''] = page.split('## What a part of a message must be');
  const rows = section.split('\n').filter((line) => /^\| [a-z]/.test(line) && !line.startsWith('| part'));
  expect(rows).toEqual(
    Object.entries(CONTENT_RULES).map(([field, { en, de }]) => `| ${field} | ${en} | ${de} |`),
  );
});

test('A1 everything that a person puts into a message has a rule to be told by, wherever it stands', () => {
  const filledIn = ['kind', 'minReader', 'timerMs', 'replyTo', 'file', 'accuracyM', 'person', 'isMultiple'];
  const measured = ['width', 'height', 'durationMs', 'waveform', 'message', 'to', 'stamp'];
  for (const { shape } of [...SHOWN_SCHEMAS, ...CHANGE_SCHEMAS])
    for (const field of Object.keys(shape))
      if (![...filledIn, ...measured].includes(field))
        expect(contentRuleFor(field, 'de'), field).toMatch(/^\p{Lu}.*\.$/u);
  expect(contentRuleFor('links.0.url', 'en')).toContain('http://');
  expect(contentRuleFor('options.15', 'en')).toContain('2 to 16 answers');
  expect(contentRuleFor('file.name', 'de')).toContain('der einer Datei 255');
  expect(contentRuleFor('kind', 'en')).toBeUndefined();
});

test('A8 an error keeps code, retry rule and details over the wire; an unknown code is not mistaken for a known one', () => {
  const error = new KuvertError('devices_changed', { details: { missing: ['de_1'], stale: true } });
  const received = fromWireError(toWireError(error));
  expect(received).toMatchObject({ code: 'devices_changed', retry: error.retry, details: error.details });
  const unknown = fromWireError({ code: 'from_the_future', retry: { kind: 'now' } });
  expect(unknown).toMatchObject({
    code: 'internal',
    retry: { kind: 'now' },
    details: { unknownCode: 'from_the_future' },
  });
});

test('P7 a pause travels in whole milliseconds, whatever a clock or spreading made of it, so that every client can read it', () => {
  const told = (ms: number) => toWireError(new KuvertError('overloaded', { retry: { kind: 'after', ms } }));
  for (const ms of [0, 1, 1_062.5, 0.25, -3, 1e12, Number.POSITIVE_INFINITY]) {
    expect(WireError.safeParse(told(ms)).success, `${ms}`).toBe(true);
  }
  expect(told(1_062.5).retry).toEqual({ kind: 'after', ms: 1_063 });
});
