/** Messages that wait until keys are compared, with the commands that people type (B6 A3). */
import { Site } from '@kuvert/testkit';
import { expect, test } from 'vitest';

test('B6 A3 settings, a held message, and a safety number that both see, from the command line', async () => {
  await using site = new Site();
  const server = await site.startServer();
  const acme = await server.tenant('Acme');
  const anna = await acme.person('Anna');
  const ben = await acme.person('Ben');
  const ask = ['settings', 'ask-before-sending'];
  const set = await site.kuvert([...ask, 'unverified', ...anna.asPerson]);
  expect(set.json).toEqual([{ name: 'ask-before-sending', value: 'unverified', setBy: 'person' }]);
  expect((await site.kuvert(['settings', 'ticks', 'off', ...anna.asPerson])).code).toBe(2);

  const held = await site.kuvert(['send', ...anna.asPerson, '--to', ben.mail, '--text', 'held']);
  expect(held).toMatchObject({ code: 6, json: [{ state: 'queued' }] });
  const belongs = ['safety', ben.mail, ...anna.asPerson];
  const [annas] = (await site.kuvert(belongs)).json;
  const [bens] = (await site.kuvert(['safety', anna.mail, ...ben.asPerson])).json;
  expect(annas).toMatchObject({ verification: 'unverified', held: true, number: bens?.number });
  const wrong = await site.kuvert([...belongs, '--verify', String(annas?.code)]);
  expect(wrong.code).toBe(6);
  expect((await site.kuvert([...belongs, '--verify', '12345'])).code).toBe(2);
  const verified = await site.kuvert([...belongs, '--verify', String(bens?.code)]);
  expect(verified.json).toMatchObject([{ verification: 'verified', held: false }]);
  expect((await site.kuvert(['inbox', ...ben.asPerson])).json).toMatchObject([{ text: 'held' }]);
});
