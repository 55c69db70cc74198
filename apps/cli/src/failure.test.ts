import { KuvertError } from '@kuvert/protocol';
import { expect, test } from 'vitest';
import { describeFailure } from './failure.ts';

test('A1 what cannot be sent is told by the rule that it breaks, in both languages, and by the general sentence only where there is none', () => {
  const refused = (field: string, language: 'en' | 'de') =>
    describeFailure(new KuvertError('content_invalid', { details: { field } }), language);
  expect(refused('options', 'en')).toMatchObject({
    code: 'content_invalid',
    message:
      'A poll has 2 to 16 answers that all differ, each on one line, not empty and of at most 400 bytes.',
  });
  expect(refused('options.3', 'de').message).toMatch(/^Eine Umfrage hat 2 bis 16 Antworten/);
  expect(refused('latitudeE7', 'de').message).toBe('Eine Breite liegt zwischen -90 und 90 Grad.');
  expect(refused('kind', 'en').message).toMatch(/^This cannot be sent as it is/);
});
