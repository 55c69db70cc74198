/** Groups from the command line: made, written to, changed, listed and left (A1, C9). */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
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
  const { code, json, alarms } = await site.kuvert([...args, ...person.asPerson]);
  expect({ args, code, alarms }).toEqual({ args, code: 0, alarms: '' });
  return json;
}

test('A1 a group is made, written to, changed, listed and left by commands, and refuses what a role does not allow', async () => {
  const anna = await acme.person('Anna');
  const ben = await acme.person('Ben');
  const cleo = await acme.person('Cleo');
  const [made] = await run(anna, 'group', 'create', 'Umzug', '--with', ben.mail);
  expect(made).toMatchObject({ title: 'Umzug', epoch: 1, role: 'admin' });
  const [sent] = await run(anna, 'send', '--group', 'Umzug', '--text', 'Hallo');
  expect(sent).toMatchObject({ state: 'accepted' });
  expect(await run(ben, 'inbox')).toMatchObject([{ text: 'Hallo', from: anna.mail }]);
  await run(anna, 'group', 'add', 'Umzug', cleo.mail);
  const [news] = (await site.kuvert(['inbox', ...cleo.asPerson])).stderr.split('\n');
  expect(JSON.parse(String(news))).toMatchObject({ notice: { code: 'group_added', title: 'Umzug' } });
  await run(anna, 'group', 'title', 'Umzug', 'Großer Umzug');
  await run(ben, 'group', 'leave', 'Großer Umzug');
  expect(await run(cleo, 'group', 'list')).toMatchObject([{ title: 'Großer Umzug', role: 'member' }]);
  const log = await run(anna, 'group', 'log', 'Großer Umzug');
  expect(log.map(({ action }) => action)).toEqual(['create', 'add', 'profile', 'leave']);
  const told = await run(anna, 'history', '--notices', '--with', 'Großer Umzug');
  expect(told.map(({ direction, kind, action, text }) => [direction, kind ?? text, action])).toEqual([
    ['system', 'group_changed', 'create'],
    ['out', 'Hallo', undefined],
    ['system', 'group_changed', 'add'],
    ['system', 'group_changed', 'profile'],
    ['system', 'group_changed', 'leave'],
  ]);
  const elsewhere = ['send', '--to', ben.mail, '--reply-to', String(sent?.messageId), '--text', 'Hi'];
  expect(await site.kuvert([...elsewhere, ...anna.asPerson])).toMatchObject({ code: 2, errorCode: 'usage' });
  const refused = await site.kuvert(['group', 'add', 'Großer Umzug', ben.mail, ...cleo.asPerson]);
  expect(refused).toMatchObject({ code: 3, errorCode: 'group_forbidden' });
  const why = await site.kuvert([
    ...['operator', 'person', 'why', '--data', server.dataDir],
    ...['--person', anna.personId, '--sees', ben.personId],
  ]);
  expect(why.json).toMatchObject([{ may: true, reason: 'same-area' }]);
});

test('A1 files, answers, edits, reactions, polls and deletions go to everybody of a group, and from nobody who has left', async () => {
  const [dora, emil, fine] = [
    await acme.person('Dora'),
    await acme.person('Emil'),
    await acme.person('Fine'),
  ] as const;
  await run(dora, 'group', 'create', 'Team', '--with', emil.mail, '--with', fine.mail);
  const send = async (person: TestPerson, ...args: string[]) =>
    String((await run(person, 'send', ...args))[0]?.messageId);
  const bytes = Buffer.from('What stands in the plan. '.repeat(20_000));
  writeFileSync(site.at('plan.txt'), bytes);
  const first = await send(dora, '--group', 'Team', '--text', 'Lunch at noon?');
  const plan = await send(dora, '--group', 'Team', '--file', site.at('plan.txt'), '--text', 'The plan');
  const poll = await send(
    dora,
    '--group',
    'Team',
    '--poll',
    'Where?',
    '--option',
    'Here',
    '--option',
    'There',
  );
  for (const person of [emil, fine]) {
    const folder = site.at(`saved-${person.mail}`);
    expect(await run(person, 'inbox', '--save-files', folder)).toMatchObject([
      { messageId: first, text: 'Lunch at noon?' },
      { messageId: plan, kind: 'file', text: 'The plan', savedAs: join(folder, 'plan.txt') },
      { messageId: poll, kind: 'poll', poll: { question: 'Where?' } },
    ]);
    expect(readFileSync(join(folder, 'plan.txt')).equals(bytes)).toBe(true);
  }
  await send(emil, '--group', 'Team', '--reply-to', first, '--text', 'Yes');
  await send(emil, '--react', first, '--text', '👍');
  await send(emil, '--vote', poll, '--option', '2');
  await send(dora, '--edit', first, '--text', 'Lunch at one?');
  await run(dora, 'send', '--delete', plan);
  expect(await run(fine, 'inbox')).toMatchObject([
    { text: 'Yes', replyTo: { messageId: first, from: dora.mail } },
    { kind: 'reaction', change: { messageId: first, emoji: '👍' } },
    { kind: 'vote', change: { messageId: poll, choices: [1] } },
    { kind: 'edit', text: 'Lunch at one?' },
  ]);
  const all = await run(fine, 'history');
  const shown = (messageId: string) => all.find((one) => one.messageId === messageId);
  expect(shown(first)).toMatchObject({
    text: 'Lunch at one?',
    edited: { times: 1 },
    reactions: [{ emoji: '👍', people: [emil.mail] }],
  });
  expect(shown(poll)).toMatchObject({ poll: { options: [{ votes: 0 }, { votes: 1, people: [emil.mail] }] } });
  expect(shown(plan)).toMatchObject({ deleted: true });
  await run(fine, 'group', 'leave', 'Team');
  for (const args of [
    ['--group', 'Team', '--file', site.at('plan.txt')],
    ['--react', first, '--text', '👎'],
  ]) {
    expect(await site.kuvert(['send', ...args, ...fine.asPerson])).toMatchObject({
      errorCode: 'group_not_member',
    });
  }
  const both = ['--group', 'Team', '--to', emil.mail, '--file', site.at('plan.txt')];
  expect(await site.kuvert(['send', ...both, ...dora.asPerson])).toMatchObject({ code: 2 });
});

test('A1 A8 what is written to a group with a timer, files too, disappears for everybody; the group is named as in send', {
  timeout: 240_000,
}, async () => {
  const [ines, jan, kim] = [
    await acme.person('Ines'),
    await acme.person('Jan'),
    await acme.person('Kim'),
  ] as const;
  const [made] = await run(ines, 'group', 'create', 'Secrets', '--with', jan.mail, '--with', kim.mail);
  await run(ines, 'send', '--group', 'Secrets', '--text', 'this stays');
  const group = { with: 'Secrets', group: made?.groupId, title: 'Secrets' };
  expect(await run(ines, 'timer', '--group', 'Secrets')).toEqual([{ ...group, timerSeconds: null }]);
  expect(await run(ines, 'timer', '--group', String(made?.groupId), '2s')).toEqual([
    { ...group, timerSeconds: 2 },
  ]);
  writeFileSync(site.at('secret.txt'), 'What nobody else may know. '.repeat(1_000));
  await run(ines, 'send', '--group', 'Secrets', '--text', 'this goes');
  await run(ines, 'send', '--group', 'Secrets', '--file', site.at('secret.txt'), '--text', 'this goes too');
  for (const person of [jan, kim]) {
    await site.kuvert(['conversations', ...person.asPerson]);
    expect(await run(person, 'read', '--group', 'Secrets')).toMatchObject([
      { text: 'this stays' },
      { text: 'this goes' },
      { text: 'this goes too', kind: 'file' },
    ]);
    expect(await run(person, 'timer', '--group', 'Secrets')).toEqual([{ ...group, timerSeconds: 2 }]);
  }
  for (const person of [ines, jan, kim]) {
    const texts = async () =>
      (await run(person, 'history', '--group', 'Secrets', '--limit', '3')).map(({ text }) => text);
    await expect.poll(texts, { timeout: 60_000 }).toEqual(['this stays']);
    // A timer that was set is no message: it takes none of the places.
    expect((await run(person, 'history', '--group', 'Secrets', '--limit', '1'))[0]?.text).toBe('this stays');
    expect(await run(person, 'search', 'goes', '--group', 'Secrets')).toEqual([]);
  }
  await run(kim, 'group', 'leave', 'Secrets');
  for (const [args, code, errorCode] of [
    [['timer', '--group', 'Secrets', '1d'], 3, 'group_not_member'],
    [['timer', '--group', 'Nothing', '1d'], 3, 'not_found'],
    [['timer', '1d'], 2, 'usage'],
    [['history', '--group', 'Nothing'], 3, 'not_found'],
    [['history', '--with', 'nobody@acme.test'], 3, 'not_found'],
    [['history', '--group', 'Secrets', '--with', jan.mail], 2, 'usage'],
  ] as const) {
    expect(await site.kuvert([...args, ...kim.asPerson])).toMatchObject({ code, errorCode });
  }
});

test('A1 a dissolved group is over for everybody, also for what was written before its author heard of it; all keep what was said', {
  timeout: 240_000,
}, async () => {
  const gina = await acme.person('Gina');
  const hugo = await acme.person('Hugo');
  const [made] = await run(gina, 'group', 'create', 'Fest', '--with', hugo.mail);
  await run(gina, 'send', '--group', 'Fest', '--text', 'Saturday');
  expect(await run(hugo, 'inbox')).toMatchObject([{ text: 'Saturday' }]);
  expect(await site.kuvert(['group', 'dissolve', 'Fest', ...hugo.asPerson])).toMatchObject({
    code: 3,
    errorCode: 'group_forbidden',
  });
  await server.stop();
  const late = await site.kuvert(['send', '--group', 'Fest', '--text', 'too late', ...hugo.asPerson]);
  expect([late.code, late.json[0]?.state]).toEqual([0, 'queued']);
  server = await site.startServer(server.again);
  expect(await run(gina, 'group', 'dissolve', 'Fest')).toMatchObject([
    { groupId: made?.groupId, dissolved: true },
  ]);
  await site.kuvert(['inbox', ...hugo.asPerson]);
  expect(await run(gina, 'inbox')).toEqual([]);
  for (const person of [gina, hugo]) {
    expect(
      await site.kuvert(['send', '--group', 'Fest', '--text', 'still there?', ...person.asPerson]),
    ).toMatchObject({ code: 3, errorCode: 'group_dissolved' });
  }
  const log = await run(hugo, 'group', 'log', 'Fest');
  expect(log.map(({ action }) => action)).toEqual(['create', 'dissolve']);
  expect((await run(hugo, 'history')).map(({ text }) => text)).toContain('Saturday');
});
