/** A device that is away until its mailbox is full (A4, P1, P7): nobody waits for it, and when it comes back it gets what it lacks from another one. */
import { type ServerProcess, Site, type TestTenant } from '@kuvert/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';

/** Padded to 327,680 bytes each, so that 205 of them are more than the 64 MiB of a mailbox. */
const LONG = '📦'.repeat(57_000);
const MESSAGES = 206;

let site: Site;
let server: ServerProcess;
let acme: TestTenant;
beforeAll(async () => {
  site = new Site();
  server = await site.startServer({ env: { KUVERT_TRAFFIC_FACTOR: '4' } });
  acme = await server.tenant('Acme');
});
afterAll(() => site[Symbol.asyncDispose]());

test('A4 P1 P7 a laptop left in a drawer until its mailbox is full holds nobody up, is named to the sender, and gets everything from the phone', {
  timeout: 240_000,
}, async () => {
  const anna = await acme.person('Anna');
  const phone = await acme.person('Ben');
  const laptop = await phone.addDevice();
  const follow = site.startKuvert(['inbox', ...phone.asPerson, '--follow']);
  const texts = Array.from({ length: MESSAGES }, (_, i) => `${i} ${LONG}`);
  const stdin = texts.map((text) => `${JSON.stringify({ to: phone.mail, text })}\n`).join('');
  const sent = await site.kuvert(['send', ...anna.asPerson, '--jsonl', '-'], { stdin });
  expect(sent.code, sent.stderr).toBe(0);
  expect(sent.json.every(({ state }) => state === 'accepted')).toBe(true);
  for (const text of texts) expect(JSON.parse(await follow.nextLine()).text).toBe(text);

  const last = String(sent.json.at(-1)?.messageId);
  const status = await site.kuvert(['status', last, ...anna.asPerson]);
  expect(status.json[0]).toMatchObject({ state: 'delivered', dormant: [laptop.deviceId] });

  // It comes back, asks the phone, and has everything, each once.
  const fetch = () => site.kuvert(['inbox', ...laptop.asPerson]);
  const back = await fetch();
  expect(back.stderr).toContain('"was_dormant"');
  const had = async () => {
    await fetch();
    const history = await site.kuvert(['history', ...laptop.asPerson, '--limit', '1000']);
    return history.json.map(({ text }) => String(text).split(' ')[0]);
  };
  await expect.poll(had, { timeout: 120_000 }).toEqual(texts.map((_, i) => String(i)));
  const again = await site.kuvert(['send', ...anna.asPerson, '--to', phone.mail, '--text', 'welcome back']);
  await fetch();
  const after = await site.kuvert(['status', String(again.json[0]?.messageId), ...anna.asPerson]);
  expect(after.json[0]).toEqual({ state: 'delivered' });
  follow.kill('SIGINT');
  await follow.ended;
});
