import { expect, test } from 'vitest';
import { METHODS } from './methods.ts';

test('C1 every method stands in the table under its own name and says who may call it', () => {
  for (const [name, method] of Object.entries(METHODS)) {
    expect(method.name).toBe(name);
    expect(name).toMatch(/^[a-z]+\.[a-z]+$/i);
    expect(['device', 'enrolment']).toContain(method.access);
  }
});

test('C1 parameters are bounded: an overlong text or list is refused by every method that takes one', () => {
  expect(METHODS['people.find'].params.safeParse({ mail: `${'a'.repeat(300)}@acme.test` }).success).toBe(
    false,
  );
  expect(METHODS['people.list'].params.safeParse({ limit: 501 }).success).toBe(false);
  expect(METHODS['people.list'].params.safeParse({ after: 'x'.repeat(513) }).success).toBe(false);
  const tooMany = Array.from({ length: 101 }, (_, i) => ({ id: i + 1, publicKey: new Uint8Array(33) }));
  expect(METHODS['prekeys.upload'].params.safeParse({ oneTime: tooMany }).success).toBe(false);
});
