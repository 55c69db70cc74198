import type { Profile } from '@kuvert/client-core/node';
import { makeId } from '@kuvert/protocol';
import { expect, test } from 'vitest';
import { PeopleBinding } from './people-binding.ts';
import { chatTextsIn } from './texts/texts.ts';

test('A1 who has done something in a group is named without a server too, where this profile knows them', () => {
  const [anna, somebody] = [1, 2].map((byte) => makeId('person', new Uint8Array(16).fill(byte)));
  const profile: Pick<Profile, 'person'> = {
    person: (personId) =>
      personId === anna ? { personId, name: 'Anna', mail: 'anna@acme.test' } : undefined,
  };
  const texts = chatTextsIn('en');
  const people = new PeopleBinding({ profile: profile as Profile, texts, tell: () => undefined });
  expect([anna, somebody].map((id) => id && people.nameOf(id))).toEqual(['Anna', undefined]);
});
