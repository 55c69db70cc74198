/** Two people exchange a sealed message, with nothing but the commands that the README shows. */
import { writeFileSync } from 'node:fs';
import { type ServerProcess, Site } from '@kuvert/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';

let site: Site;
let server: ServerProcess;
beforeAll(async () => {
  site = new Site();
  server = await site.startServer();
});
afterAll(() => site[Symbol.asyncDispose]());

/** Runs a command that succeeds and gives its one line. */
async function one(...args: string[]): Promise<Record<string, unknown>> {
  const { code, json, stderr } = await site.kuvert(args);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(json).toHaveLength(1);
  return json[0] ?? {};
}

async function enrolled(tenantId: string, name: string): Promise<string[]> {
  const mail = `${name.toLowerCase()}@acme.test`;
  const data = ['--data', server.dataDir];
  const person = ['--tenant', tenantId, '--name', name, '--mail', mail];
  const { personId } = await one('operator', 'person', 'add', ...data, ...person);
  const { token } = await one('operator', 'token', 'create', ...data, '--person', String(personId));
  const secretFile = site.at(`${name}.secret`);
  writeFileSync(secretFile, `the secret of ${name}\n`, { mode: 0o600 });
  const asPerson = ['--profile', site.at(name), '--secret-file', secretFile];
  const { deviceId } = await one('enrol', '--server', server.url, '--token', String(token), ...asPerson);
  expect(deviceId).toMatch(/^de_[0-9a-z]{29}$/);
  expect(await one('whoami', ...asPerson)).toMatchObject({ deviceId, personId, tenantId, name, mail });
  return asPerson;
}

test('A1 B1 from an empty server to a message that was read, answered and confirmed', async () => {
  const { tenantId } = await one('operator', 'tenant', 'create', '--data', server.dataDir, '--name', 'Acme');
  const anna = await enrolled(String(tenantId), 'Anna');
  const ben = await enrolled(String(tenantId), 'Ben');

  const people = await site.kuvert(['people', ...anna]);
  expect(people.json).toMatchObject([{ mail: 'anna@acme.test' }, { mail: 'ben@acme.test' }]);

  const before = Date.now();
  const sent = await one('send', ...anna, '--to', 'ben@acme.test', '--text', 'Hello Ben');
  expect(sent).toEqual({ messageId: expect.stringMatching(/^ms_/), state: 'accepted' });
  const messageId = String(sent.messageId);
  expect(await one('status', ...anna, messageId)).toMatchObject({ state: 'accepted' });

  const read = await one('inbox', ...ben);
  expect(read).toMatchObject({ messageId, from: 'anna@acme.test', text: 'Hello Ben' });
  const sentAt = String(read.sentAt);
  expect(sentAt).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  expect(Date.parse(sentAt)).toBeGreaterThanOrEqual(before);
  expect(Date.parse(sentAt)).toBeLessThanOrEqual(Date.now());

  const answer = await one('send', ...ben, '--to', 'Anna@ACME.test', '--text', 'Hello Anna');
  expect(await one('inbox', ...anna)).toMatchObject({
    messageId: answer.messageId,
    from: 'ben@acme.test',
    text: 'Hello Anna',
  });
  expect(await one('status', ...anna, messageId)).toEqual({ state: 'delivered', read: true });

  const history = await site.kuvert(['history', ...anna]);
  expect(history.json).toMatchObject([{ text: 'Hello Ben' }, { text: 'Hello Anna' }]);
  expect((await site.kuvert(['inbox', ...anna])).lines).toEqual([]);
});
