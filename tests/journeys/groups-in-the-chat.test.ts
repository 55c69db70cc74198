/** Groups made, changed, looked at and left from within the chat, line by line (A1, C9). */
import { readFileSync, writeFileSync } from 'node:fs';
import { resultOf, Site, type TestPerson, type TestTenant } from '@kuvert/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';

let site: Site;
let acme: TestTenant;
beforeAll(async () => {
  site = new Site();
  acme = await (await site.startServer()).tenant('Acme');
});
afterAll(() => site[Symbol.asyncDispose]());

/** What the chat says to these lines. */
async function chat(person: TestPerson, lines: readonly string[], lang = 'en'): Promise<string> {
  const args = ['chat', ...person.asPerson, '--plain', '--lang', lang];
  const child = site.startKuvert(args, { stdin: `${lines.join('\n')}\n` });
  const { code } = await resultOf(child);
  const said = child.stdout.toString();
  expect(code, said).toBe(0);
  return said;
}

test('A1 a group is made, changed, looked at and left from within the chat', async () => {
  const [anna, ben, cem] = [
    await acme.person('Anna'),
    await acme.person('Ben'),
    await acme.person('Cem Demir'),
  ] as const;
  const made = await chat(anna, [
    '/group create Umzug with ben',
    'Hello all',
    '/group add demir',
    '/group role admin ben',
    '/group title Großer Umzug',
    '/group',
    '/group log',
    '/group add nobody',
  ]);
  expect(made).toContain('Group “Umzug” is there with 2 people: gr_');
  expect(made).toContain('Group “Umzug” now has 3 people.');
  expect(made).toContain('Ben  ben@acme.test (administers the group)');
  expect(made).toMatch(/4 {2}.*You changed the title to “Großer Umzug”/);
  expect(made).toContain('Nobody is called “nobody”');
  const left = await chat(
    ben,
    ['/öffnen Großer Umzug', '/gruppe entfernen cem', 'ja', '/gruppe verlassen', 'ja', 'Noch da?'],
    'de',
  );
  expect(left).toContain('Anna schrieb');
  expect(left).toContain('Gruppe „Großer Umzug“ hat jetzt 2 Personen.');
  expect(left).toContain('Sie haben „Großer Umzug“ verlassen.');
  const { json } = await site.kuvert(['group', 'list', ...anna.asPerson]);
  expect(json).toMatchObject([{ title: 'Großer Umzug', members: [{ mail: anna.mail }] }]);
  const gone = await site.kuvert(['group', 'list', ...cem.asPerson]);
  expect(gone.json).toMatchObject([{ role: null }]);
});

test('A1 every kind of content is sent from within the chat, and files of messages are saved there', async () => {
  const [dora, emil] = [await acme.person('Dora'), await acme.person('Emil Ernst')] as const;
  writeFileSync(site.at('plan.txt'), 'What stands in the plan');
  await chat(dora, [
    '/group create Plan with emil',
    `/file ${site.at('plan.txt')} | Look, @Emil`,
    '/place 48.137,11.575,Marienplatz',
    '/contact emil',
    '/poll * Where? | Here | There',
    '/vote 1 2',
    '@Emil Ernst please answer',
    '/edit @emil, please answer',
    '/versions',
  ]);
  const folder = site.at('from-chat');
  const said = await chat(emil, ['/open Plan', `/save ${folder}`, '/vote 2', '/reply Done', '/react #2 👍']);
  expect(said).toContain('Dora, who names you');
  expect(said).toContain(`Saved: ${folder}/plan.txt`);
  expect(readFileSync(`${folder}/plan.txt`, 'utf8')).toBe('What stands in the plan');
  const { json } = await site.kuvert(['history', ...emil.asPerson]);
  expect(json).toMatchObject([
    { kind: 'file', text: 'Look, @Emil', title: 'Plan', mentions: [{ person: emil.mail, start: 6 }] },
    { kind: 'location', location: { label: 'Marienplatz' } },
    { kind: 'contact', contact: { name: 'Emil Ernst', mails: [emil.mail] } },
    { kind: 'poll', poll: { options: [{ votes: 1 }, { votes: 2 }], isMultiple: true } },
    { text: '@emil, please answer', edited: { times: 1 }, mentions: [{ start: 0, length: 5 }] },
    { direction: 'out', text: 'Done', to: 'Plan' },
  ]);
});
