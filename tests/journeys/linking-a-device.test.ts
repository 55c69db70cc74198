/** A further device: shown as a code, compared, approved on a device that may sign, and refused when something is not right (A4 N9). */
import { mkdirSync, writeFileSync } from 'node:fs';
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

let folders = 0;
/** Options of `kuvert` for a profile that is not there yet. */
function freshProfile(): string[] {
  folders += 1;
  const folder = site.at('fresh', String(folders));
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const secretFile = `${folder}/secret`;
  writeFileSync(secretFile, 'a secret for a new device\n', { mode: 0o600 });
  return ['--profile', `${folder}/profile`, '--secret-file', secretFile];
}

/** Starts a new device and waits for its code. */
async function startLink(args: readonly string[] = []) {
  const asDevice = freshProfile();
  const child = site.startKuvert(['link', '--server', server.url, ...asDevice, ...args]);
  const shown = JSON.parse(await child.nextLine()) as { code: string; numbers: string };
  return { child, asDevice, ...shown };
}

/** Links a new device by the commands. */
async function link(person: TestPerson, args: readonly string[] = []) {
  const device = await startLink(args);
  const { code, numbers } = device;
  const approved = await site.kuvert(['devices', 'link', code, '--numbers', numbers, ...person.asPerson]);
  expect(approved).toMatchObject({ code: 0 });
  const linked = JSON.parse(await device.child.nextLine()) as { deviceId: string };
  expect((await device.child.ended).code).toBe(0);
  return { ...device, deviceId: linked.deviceId, approved };
}

test('A4 a new device shows a code and numbers, a signer approves it, and both know each other by name', async () => {
  const anna = await acme.person('Anna');
  const ben = await acme.person('Ben');
  const laptop = await link(anna, ['--name', 'Laptop']);
  expect(laptop.approved.json).toEqual([{ deviceId: laptop.deviceId, role: 'linked' }]);
  expect(laptop.numbers).toMatch(/^\d{4} \d{4} \d{4}$/);

  const phoneName = await site.kuvert(['devices', 'label', anna.deviceId, 'Phone', ...anna.asPerson]);
  expect(phoneName.json).toEqual([{ deviceId: anna.deviceId, name: 'Phone' }]);
  for (const [asDevice, isPhone] of [
    [anna.asPerson, true],
    [laptop.asDevice, false],
  ] as const) {
    const { json } = await site.kuvert(['devices', 'list', ...asDevice]);
    expect(json).toMatchObject([
      { deviceId: anna.deviceId, name: 'Phone', role: 'signer', isThis: isPhone, isActive: true },
      { deviceId: laptop.deviceId, name: 'Laptop', role: 'linked', isThis: !isPhone, isActive: true },
    ]);
  }
  await site.kuvert(['send', ...ben.asPerson, '--to', anna.mail, '--text', 'for both']);
  for (const asDevice of [anna.asPerson, laptop.asDevice]) {
    const { json } = await site.kuvert(['inbox', ...asDevice]);
    expect(json.map(({ text }) => text)).toEqual(['for both']);
  }
});

test('A4 P4 a code that is cut, used before, in another tenant too, or confirmed with other numbers is refused, and nothing is linked', async () => {
  const anna = await acme.person('Carla');
  const device = await startLink();
  const { code, numbers } = device;
  const approve = (text: string, shown: string) =>
    site.kuvert(['devices', 'link', text, '--numbers', shown, ...anna.asPerson]);
  expect(await approve(code.slice(0, -1), numbers)).toMatchObject({ code: 2, errorCode: 'link_malformed' });
  expect(await approve('kuvert1_abc', numbers)).toMatchObject({ code: 2, errorCode: 'link_malformed' });
  expect(await approve(code, '1234 5678 9012')).toMatchObject({ code: 6, errorCode: 'link_not_confirmed' });
  expect((await site.kuvert(['devices', 'list', ...anna.asPerson])).json).toHaveLength(1);

  // Asked for the numbers, whoever only presses Enter links nothing.
  const asked = await site.kuvert(['devices', 'link', code, ...anna.asPerson], { stdin: '\n' });
  expect(asked).toMatchObject({ code: 6, errorCode: 'link_not_confirmed' });
  // Nor are they shown here, so that whoever types them has looked at the new device.
  expect(asked.stderr).not.toContain(numbers);
  const typed = await site.kuvert(['devices', 'link', code, ...anna.asPerson], { stdin: `${numbers}\n` });
  expect(typed).toMatchObject({ code: 0 });
  expect((await device.child.ended).code).toBe(0);

  expect(await approve(code, numbers)).toMatchObject({ code: 3, errorCode: 'link_used' });
  const elsewhere = await server.tenant('Elsewhere');
  for (const other of [await acme.person('Dora'), await elsewhere.person('Eva')]) {
    const byAnother = await site.kuvert(['devices', 'link', code, '--numbers', numbers, ...other.asPerson]);
    expect(byAnother).toMatchObject({ code: 3, errorCode: 'link_used' });
    expect((await site.kuvert(['devices', 'list', ...other.asPerson])).json).toHaveLength(1);
  }
});

test('A4 E5 a device that is no signer links none and asks for a revocation; a signer revokes', async () => {
  const anna = await acme.person('Emma');
  const laptop = await link(anna, ['--name', 'Laptop']);
  const tablet = await link(anna, ['--name', 'Tablet']);

  const another = await startLink();
  const refused = await site.kuvert([
    ...['devices', 'link', another.code, '--numbers', another.numbers],
    ...laptop.asDevice,
  ]);
  expect(refused).toMatchObject({ code: 3, errorCode: 'not_a_signer' });
  another.child.kill('SIGINT');
  await another.child.ended;

  const asked = await site.kuvert(['devices', 'revoke', tablet.deviceId, ...laptop.asDevice]);
  expect(asked.json).toEqual([{ deviceId: tablet.deviceId, state: 'asked' }]);
  const told = await site.kuvert(['inbox', ...anna.asPerson]);
  expect(told.stderr).toContain('"revoke_asked"');
  expect(told.stderr).toContain(tablet.deviceId);

  const revoked = await site.kuvert(['devices', 'revoke', tablet.deviceId, ...anna.asPerson]);
  expect(revoked.json).toEqual([{ deviceId: tablet.deviceId, state: 'revoked' }]);
  const out = await site.kuvert(['inbox', ...tablet.asDevice]);
  expect(out).toMatchObject({ code: 3, errorCode: 'device_not_accepted' });
  const left = await site.kuvert(['devices', 'list', ...laptop.asDevice]);
  expect(left.json.map(({ name }) => name)).toEqual([undefined, 'Laptop']);
  expect(left.stderr).toContain('"device_revoked"');

  const last = await site.kuvert(['devices', 'revoke', anna.deviceId, ...anna.asPerson]);
  expect(last).toMatchObject({ code: 3, errorCode: 'last_signer' });
  const none = await site.kuvert(['devices', 'revoke', tablet.deviceId, ...anna.asPerson]);
  expect(none).toMatchObject({ code: 3, errorCode: 'device_unknown' });
});

test('A4 E1 an enrolment token for somebody who has a device leads to linking', async () => {
  const anna = await acme.person('Fay');
  const asDevice = freshProfile();
  const enrolling = site.startKuvert([
    ...['enrol', '--server', server.url, '--token', await anna.token()],
    ...asDevice,
  ]);
  const { code, numbers } = JSON.parse(await enrolling.nextLine()) as { code: string; numbers: string };
  expect(enrolling.stderr).toContain('"link_needed"');
  const approved = await site.kuvert([
    ...['devices', 'link', code, '--numbers', numbers, '--signer'],
    ...anna.asPerson,
  ]);
  expect(approved.json).toMatchObject([{ role: 'signer' }]);
  expect((await enrolling.ended).code).toBe(0);
  // A second signer can do all that the first one can.
  const third = await startLink();
  const byNew = await site.kuvert([
    ...['devices', 'link', third.code, '--numbers', third.numbers],
    ...asDevice,
  ]);
  expect(byNew).toMatchObject({ code: 0 });
  expect((await third.child.ended).code).toBe(0);
  const { json } = await site.kuvert(['devices', 'list', ...anna.asPerson]);
  expect(json).toHaveLength(3);

  // What an administrator has taken out cannot take over from the last signer that is left.
  const second = json.find(({ role, isThis }) => role === 'signer' && isThis === false);
  await site.kuvert(['operator', 'device', 'revoke', '--device', String(second?.deviceId)], {
    env: { ...site.environment(), KUVERT_DATA: server.dataDir },
  });
  const last = await site.kuvert(['devices', 'revoke', anna.deviceId, ...anna.asPerson]);
  expect(last).toMatchObject({ code: 3, errorCode: 'last_signer' });
});
