/** A revoked device is out: at once, for good, and for those who write to it (E5). */
import { type ServerProcess, Site, type TestPerson } from '@kuvert/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';

let site: Site;
let server: ServerProcess;
let anna: TestPerson;
let ben: TestPerson;
beforeAll(async () => {
  site = new Site();
  server = await site.startServer();
  const acme = await server.tenant('Acme');
  anna = await acme.person('Anna');
  ben = await acme.person('Ben');
});
afterAll(() => site[Symbol.asyncDispose]());

test('E5 revocation ends an open connection, refuses the next one and holds after a restart', async () => {
  const hello = await site.kuvert(['send', ...anna.asPerson, '--to', ben.mail, '--text', 'hello']);
  expect(hello.code).toBe(0);
  const follow = site.startKuvert(['inbox', ...ben.asPerson, '--follow']);
  expect(JSON.parse(await follow.nextLine()).text).toBe('hello');

  const revoked = await site.kuvert(['operator', 'device', 'revoke', '--device', ben.deviceId], {
    env: { ...site.environment(), KUVERT_DATA: server.dataDir },
  });
  expect(revoked).toMatchObject({ code: 0 });
  expect((await follow.ended).code).toBe(3);
  expect(follow.stderr).toContain('"device_not_accepted"');

  const refused = await site.kuvert(['inbox', ...ben.asPerson]);
  expect(refused).toMatchObject({ code: 3, errorCode: 'device_not_accepted', lines: [] });

  const waiting = await site.kuvert(['send', ...anna.asPerson, '--to', ben.mail, '--text', 'are you there?']);
  expect(waiting.json).toMatchObject([{ state: 'queued' }]);

  await server.stop();
  server = await site.startServer(server.again);
  const again = await site.kuvert(['send', ...ben.asPerson, '--to', anna.mail, '--text', 'let me in']);
  expect(again).toMatchObject({ code: 3, errorCode: 'device_not_accepted' });
  expect((await site.kuvert(['inbox', ...anna.asPerson])).lines).toEqual([]);
});

test('A4 E5 a device that may sign takes itself out, and the other one that may sign goes on with the new key', async () => {
  const phone = await (await server.tenant('Globex')).person('Carla');
  const tablet = await phone.addDevice({ isSigner: true });
  const revoked = await site.kuvert(['devices', 'revoke', phone.deviceId, ...phone.asPerson]);
  expect(revoked).toMatchObject({ code: 0, json: [{ deviceId: phone.deviceId, state: 'revoked' }] });
  const out = await site.kuvert(['inbox', ...phone.asPerson]);
  expect(out).toMatchObject({ code: 3, errorCode: 'device_not_accepted' });
  // The new key lies in the mailbox.
  await tablet.with((profile) => profile.flush({ timeoutMs: 60_000 }));
  const laptop = await tablet.addDevice();
  const { json } = await site.kuvert(['devices', 'list', ...tablet.asPerson]);
  expect(json).toMatchObject([
    { deviceId: tablet.deviceId, role: 'signer', isThis: true },
    { deviceId: laptop.deviceId, role: 'linked', isThis: false },
  ]);
});
