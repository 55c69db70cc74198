/** What somebody has written is not lost, whatever happens to server, network or computer, and goes out by itself (A8). */
import { type ServerProcess, Site, type TestPerson, type TestTenant } from '@kuvert/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';

let site: Site;
let server: ServerProcess;
let acme: TestTenant;
let anna: TestPerson;
let ben: TestPerson;
beforeAll(async () => {
  site = new Site();
  server = await site.startServer();
  acme = await server.tenant('Acme');
  anna = await acme.person('Anna');
  ben = await acme.person('Ben');
});
afterAll(() => site[Symbol.asyncDispose]());

async function texts(person: TestPerson): Promise<unknown[]> {
  const { code, json } = await site.kuvert(['inbox', ...person.asPerson]);
  expect(code).toBe(0);
  return json.map(({ text }) => text);
}

async function stateOf(person: TestPerson, messageId: unknown): Promise<unknown> {
  const { json } = await site.kuvert(['status', ...person.asPerson, String(messageId)]);
  return json[0]?.state;
}

test('A8 what was written down offline survives a killed client and goes out with the next command', async () => {
  await server.stop();

  const one = await site.kuvert(['send', ...anna.asPerson, '--to', ben.mail, '--text', 'one']);
  expect(one).toMatchObject({ code: 0, json: [{ state: 'queued' }] });
  expect(await stateOf(anna, one.json[0]?.messageId)).toBe('queued');

  const sending = site.startKuvert(['send', ...anna.asPerson, '--to', ben.mail, '--jsonl', '-'], {
    keepsInputOpen: true,
  });
  sending.write('{"text":"two"}\n{"text":"three"}\n');
  expect(JSON.parse(await sending.nextLine())).toMatchObject({ state: 'queued' });
  expect(JSON.parse(await sending.nextLine())).toMatchObject({ state: 'queued' });
  sending.kill('SIGKILL');
  expect(await sending.ended).toEqual({ code: null, signal: 'SIGKILL' });

  const offline = await site.kuvert(['inbox', ...ben.asPerson]);
  expect(offline).toMatchObject({ code: 5, errorCode: 'server_unreachable', lines: [] });

  server = await site.startServer(server.again);
  // Any command that speaks to the server will do; this one has nothing to do with sending.
  expect((await site.kuvert(['inbox', ...anna.asPerson])).code).toBe(0);
  expect(await stateOf(anna, one.json[0]?.messageId)).toBe('accepted');
  expect(await texts(ben)).toEqual(['one', 'two', 'three']);
  expect(await texts(ben)).toEqual([]);
  expect(await stateOf(anna, one.json[0]?.messageId)).toBe('delivered');
});

test('A8 a message to somebody without a device waits until there is one', async () => {
  const cem = await acme.personWithoutDevice('Cem');
  const sent = await site.kuvert(['send', ...anna.asPerson, '--to', cem.mail, '--text', 'welcome']);
  expect(sent).toMatchObject({ code: 0, json: [{ state: 'queued' }] });
  const messageId = sent.json[0]?.messageId;
  expect(await stateOf(anna, messageId)).toBe('queued');

  await cem.enrol();
  expect(await texts(cem)).toEqual([]);
  expect(await stateOf(anna, messageId)).toBe('accepted');
  expect(await texts(cem)).toEqual(['welcome']);
  expect(await stateOf(anna, messageId)).toBe('delivered');
});

test('A8 a mail address that nobody has is refused at once while the server is there', async () => {
  const sent = await site.kuvert(['send', ...anna.asPerson, '--to', 'nobody@acme.test', '--text', 'x']);
  expect(sent).toMatchObject({ code: 3, errorCode: 'recipient_unknown', lines: [] });
});
