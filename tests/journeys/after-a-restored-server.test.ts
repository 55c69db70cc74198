/** After a restore of the server, people whose devices or keys have changed since the backup go on: their own devices lead the server out (P5 B6 A4). */
import { type ServerProcess, Site, type TestPerson } from '@kuvert/testkit';
import { expect, test } from 'vitest';

const FLUSH = { timeoutMs: 60_000 };

function write(from: TestPerson, to: TestPerson, text: string): Promise<{ waiting: number }> {
  return from.with(async (profile) => {
    await profile.send({ to: to.mail, text });
    return profile.flush(FLUSH);
  });
}

function read(person: TestPerson): Promise<string[]> {
  return person.with(async (profile) => {
    await profile.flush(FLUSH);
    const messages = profile.inbox();
    profile.markPrinted(messages);
    return messages.map(({ text }) => text);
  });
}

test('P5 B6 a server that was put back to before an account key was renewed is led on by a signer, and nobody has to be compared again', async () => {
  await using site = new Site();
  let server: ServerProcess = await site.startServer();
  const acme = await server.tenant('Acme');
  const anna = await acme.person('Anna');
  const phone = await acme.person('Ben');
  const laptop = await phone.addDevice();
  expect(await write(anna, phone, 'before')).toEqual({ waiting: 0 });
  for (const device of [phone, laptop]) expect(await read(device)).toEqual(['before']);
  await server.stop();
  const store = async (args: readonly string[], env: Readonly<Record<string, string>> = {}) => {
    const done = await site.kuvert(['store', ...args], { env: { ...site.environment(), ...env } });
    expect(done, done.stderr).toMatchObject({ code: 0 });
  };
  await store(['backup', '--to', site.at('backup')]);

  server = await site.startServer(server.again);
  await phone.with(async (profile) => {
    await profile.connect();
    await profile.devices.renewKey();
    await profile.flush(FLUSH);
  });
  expect(await write(phone, anna, 'under another key')).toEqual({ waiting: 0 });
  expect(await read(anna)).toEqual(['under another key']);
  const number = await anna.with(async ({ safety }) => (await safety.show(phone.mail)).number);
  await anna.with((profile) => profile.flush(FLUSH).then(() => profile.safety.verify(phone.mail, number)));
  expect(await read(laptop)).toEqual([]);
  await server.stop();

  await store(['restore', '--from', site.at('backup')], { KUVERT_DATA: site.at('restored') });
  server = await site.startServer({ ...server.again, dataDir: site.at('restored') });
  // Nothing goes out under a list that is older than what was seen.
  expect(await write(anna, phone, 'held')).toEqual({ waiting: 1 });
  await phone.with(async (profile) => {
    await profile.flush(FLUSH);
    expect(profile.devices.isSigner).toBe(true);
    expect(profile.devices.list().map(({ deviceId }) => deviceId)).toEqual([phone.deviceId, laptop.deviceId]);
  });
  expect(await write(anna, phone, 'and on')).toEqual({ waiting: 0 });
  for (const device of [phone, laptop]) expect(await read(device)).toEqual(['held', 'and on']);
  expect(await write(laptop, anna, 'from the laptop')).toEqual({ waiting: 0 });
  expect(await read(anna)).toEqual(['from the laptop']);
  await anna.with((profile) => {
    expect(profile.safety.verificationOf(phone.personId)).toBe('verified');
    expect(profile.notices().filter(({ kind }) => kind === 'identity_problem')).toEqual([]);
  });
  await server.stop();
});
