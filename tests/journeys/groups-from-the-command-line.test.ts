/** Groups from the command line: made, written to, changed, listed and left (A1, C9). */
import { type ServerProcess, Site, type TestPerson, type TestTenant } from '@kuvert/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';

let site: Site;
let server: ServerProcess;
let acme: TestTenant;
beforeAll(async () => {
  site = new Site();
  server = await site.startServer();
  acme = await server.tenant('Acme');
});
afterAll(() => site[Symbol.asyncDispose]());

async function run(person: TestPerson, ...args: string[]): Promise<readonly Record<string, unknown>[]> {
  const { code, json, stderr } = await site.kuvert([...args, ...person.asPerson]);
  expect({ args, code, stderr }).toEqual({ args, code: 0, stderr: '' });
  return json;
}

test('A1 a group is made, written to, changed, listed and left by commands, and refuses what a role does not allow', {
  timeout: 240_000,
}, async () => {
  const anna = await acme.person('Anna');
  const ben = await acme.person('Ben');
  const cleo = await acme.person('Cleo');
  const [made] = await run(anna, 'group', 'create', 'Umzug', '--with', ben.mail);
  expect(made).toMatchObject({ title: 'Umzug', epoch: 1, role: 'admin' });
  const [sent] = await run(anna, 'send', '--group', 'Umzug', '--text', 'Hallo');
  expect(sent).toMatchObject({ state: 'accepted' });
  expect(await run(ben, 'inbox')).toMatchObject([{ text: 'Hallo', from: anna.mail }]);
  await run(anna, 'group', 'add', 'Umzug', cleo.mail);
  await run(anna, 'group', 'title', 'Umzug', 'Großer Umzug');
  await run(ben, 'group', 'leave', 'Großer Umzug');
  expect(await run(cleo, 'group', 'list')).toMatchObject([{ title: 'Großer Umzug', role: 'member' }]);
  const log = await run(anna, 'group', 'log', 'Großer Umzug');
  expect(log.map(({ action }) => action)).toEqual(['create', 'add', 'profile', 'leave']);
  const refused = await site.kuvert(['group', 'add', 'Großer Umzug', ben.mail, ...cleo.asPerson]);
  expect(refused).toMatchObject({ code: 3, errorCode: 'group_forbidden' });
  const why = await site.kuvert([
    ...['operator', 'person', 'why', '--data', server.dataDir],
    ...['--person', anna.personId, '--sees', ben.personId],
  ]);
  expect(why.json).toMatchObject([{ may: true, reason: 'same-area' }]);
});
