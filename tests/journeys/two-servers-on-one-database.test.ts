/** Two server processes on one MongoDB serve one tenant (H1, H2): each has its own data folder, they share keys and database. */
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { HandMadeDevice, type ServerProcess, Site, type TestPerson } from '@kuvert/testkit';
import { type MongoDouble, startMongoDouble } from '@kuvert/testkit/mongo-double';
import { afterAll, beforeAll, expect, test } from 'vitest';

let site: Site;
let double: MongoDouble;
let a: ServerProcess;
let b: ServerProcess;
let anna: TestPerson;
let ben: TestPerson;
/** At the first server, as Anna is; Ben is at the second. */
let cem: TestPerson;

beforeAll(async () => {
  site = new Site();
  double = await startMongoDouble();
  // Both at once, on an empty database: one makes what there is to make, the other finds it.
  const start = (name: string) =>
    site.startServer({ dataDir: site.at(name), env: { KUVERT_STORE: double.url } });
  [a, b] = await Promise.all([start('data-a'), start('data-b')]);
  const acme = await a.tenant('Acme');
  anna = await acme.person('Anna');
  cem = await acme.person('Cem');
  ben = await acme.personWithoutDevice('Ben');
  const token = await ben.token();
  const enrolled = await site.kuvert(['enrol', ...ben.asPerson, '--server', b.url, '--token', token]);
  expect(enrolled, enrolled.stderr).toMatchObject({ code: 0 });
});
afterAll(async () => {
  await site[Symbol.asyncDispose]();
  await double.stop();
});

const inBoth = { timeout: 600_000 };

test(
  'H1 what is submitted at one server reaches a device that is connected to the other',
  inBoth,
  async () => {
    const follow = site.startKuvert(['inbox', ...ben.asPerson, '--follow']);
    for (let n = 0; n < 3; n++) {
      const sent = await site.kuvert(['send', ...anna.asPerson, '--to', ben.mail, '--text', `line ${n}`]);
      expect(sent, sent.stderr).toMatchObject({ code: 0 });
      expect(JSON.parse(await follow.nextLine())).toMatchObject({ from: anna.mail, text: `line ${n}` });
    }
    follow.kill('SIGINT');
    await follow.ended;
    const answer = await site.kuvert(['send', ...ben.asPerson, '--to', anna.mail, '--text', 'the other way']);
    expect(answer.json).toMatchObject([{ state: 'accepted' }]);
    expect((await site.kuvert(['inbox', ...anna.asPerson])).json).toMatchObject([{ text: 'the other way' }]);
  },
);

test('P1 a server that is killed takes nothing with it, and the other one goes on', inBoth, async () => {
  const sent = await site.kuvert(['send', ...anna.asPerson, '--to', ben.mail, '--text', 'before the kill']);
  expect(sent.json).toMatchObject([{ state: 'accepted' }]);
  await a.stop('SIGKILL');
  expect((await site.kuvert(['inbox', ...ben.asPerson])).json).toMatchObject([{ text: 'before the kill' }]);
  a = await site.startServer(a.again);
  const again = await site.kuvert(['send', ...anna.asPerson, '--to', ben.mail, '--text', 'and after']);
  expect(again.json).toMatchObject([{ state: 'accepted' }]);
  expect((await site.kuvert(['inbox', ...ben.asPerson])).json).toMatchObject([{ text: 'and after' }]);
});

test('P1 a database that is away for a moment loses nothing', inBoth, async () => {
  double.stepDown(1_500);
  const sent = await site.kuvert([
    'send',
    ...anna.asPerson,
    '--to',
    ben.mail,
    '--text',
    'through the election',
  ]);
  expect(sent.json).toMatchObject([{ messageId: expect.any(String) }]);
  const follow = site.startKuvert(['inbox', ...ben.asPerson, '--follow']);
  if (sent.json[0]?.state !== 'accepted') await site.kuvert(['inbox', ...anna.asPerson]);
  expect(JSON.parse(await follow.nextLine())).toMatchObject({ text: 'through the election' });
  follow.kill('SIGINT');
  await follow.ended;
});

test(
  'A1 B8 H1 a group has members at both servers: what is written and changed at one holds at the other',
  inBoth,
  async () => {
    const run = async (person: TestPerson, ...args: string[]) => {
      const { code, json, alarms } = await site.kuvert([...args, ...person.asPerson]);
      expect({ args, code, alarms }).toEqual({ args, code: 0, alarms: '' });
      return json;
    };
    const write = (person: TestPerson, text: string) =>
      run(person, 'send', '--group', 'Both', '--text', text);
    await run(anna, 'group', 'create', 'Both', '--with', ben.mail, '--with', cem.mail);
    const follow = site.startKuvert(['inbox', ...ben.asPerson, '--follow']);
    expect(await write(anna, 'to both servers')).toMatchObject([{ state: 'accepted' }]);
    expect(JSON.parse(await follow.nextLine())).toMatchObject({ text: 'to both servers' });
    expect(await run(cem, 'inbox')).toMatchObject([{ text: 'to both servers' }]);
    // Ben's server has the old set in memory, and learns from the commit that it holds no more.
    await run(anna, 'group', 'remove', 'Both', cem.mail);
    follow.kill('SIGINT');
    await follow.ended;
    expect(await write(ben, 'from the other server')).toMatchObject([{ state: 'accepted' }]);
    expect(await run(anna, 'inbox')).toMatchObject([{ text: 'from the other server' }]);
    expect(await run(cem, 'inbox')).toEqual([]);
    // Whoever is connected when the server dies that took the message still gets it.
    expect(await write(anna, 'before the end')).toMatchObject([{ state: 'accepted' }]);
    await a.stop('SIGKILL');
    expect(await run(ben, 'inbox')).toMatchObject([{ text: 'before the end' }]);
    a = await site.startServer(a.again);
    expect(await write(ben, 'and after it')).toMatchObject([{ state: 'accepted' }]);
    expect(await run(anna, 'inbox')).toMatchObject([{ text: 'and after it' }]);
  },
);

test(
  'A1 H1 who is connected to the other server hears of a change of a group at once, with no message',
  inBoth,
  async () => {
    const run = async (...args: string[]) => {
      const { code, stderr } = await site.kuvert([...args, ...anna.asPerson]);
      expect({ args, code, stderr }).toEqual({ args, code: 0, stderr: '' });
    };
    await run('group', 'create', 'Before', '--with', ben.mail);
    await ben.with(async (profile) => {
      await profile.connect();
      const titles = () => profile.groups.list().map(({ title }) => title);
      await expect.poll(titles, { timeout: 30_000 }).toContain('Before');
      await run('group', 'title', 'Before', 'After');
      await expect.poll(titles, { timeout: 30_000 }).toContain('After');
      await run('group', 'remove', 'After', ben.mail);
      const role = () => profile.groups.list().find(({ title }) => title === 'After')?.role;
      await expect.poll(role, { timeout: 30_000 }).toBeUndefined();
    });
  },
);

test('B5 keys that one server has rotated are at once those of the other', inBoth, async () => {
  const rotated = await a.operator.call('keysRotate', {});
  expect(rotated.rewrapped).toBeGreaterThan(0);
  const cora = await (await b.tenant('Beta')).person('Cora');
  expect(cora.deviceId).toMatch(/^de_/);
  expect((await site.kuvert(['send', ...anna.asPerson, '--to', ben.mail, '--text', 'new keys'])).code).toBe(
    0,
  );
  expect((await site.kuvert(['inbox', ...ben.asPerson])).json).toMatchObject([{ text: 'new keys' }]);
});

test('E5 a device that is revoked at one server is out at the other', inBoth, async () => {
  const { deviceId } = (await site.kuvert(['whoami', ...ben.asPerson])).json[0] as { deviceId: never };
  const follow = site.startKuvert(['inbox', ...ben.asPerson, '--follow']);
  await site.kuvert(['send', ...anna.asPerson, '--to', ben.mail, '--text', 'still there?']);
  expect(JSON.parse(await follow.nextLine())).toMatchObject({ text: 'still there?' });
  await a.operator.call('deviceRevoke', { deviceId });
  expect((await follow.ended).code).toBe(3);
  expect(follow.stderr).toContain('"device_not_accepted"');
});

test('H2 a device that connects to the other server loses its connection to the first, and not the other way round', async () => {
  const acme = await a.tenant('Gamma');
  const dora = await acme.personWithoutDevice('Dora');
  const token = await dora.token();
  const device = await HandMadeDevice.enrol({
    url: a.url,
    token,
    personId: dora.personId,
    nowMs: Date.now(),
  });
  using first = await device.connect({ stateCounter: 1 });
  using second = await device.connect({ url: b.url, stateCounter: 2 });
  await first.ended;
  using third = await device.connect({ stateCounter: 3 });
  await second.ended;
  expect(await third.request('devices.list', {})).toBeDefined();
});

test('P8 neither a data folder nor a log holds the address of the database, and data folders hold no rows', async () => {
  for (const server of [a, b]) {
    expect(server.log).not.toContain('mongodb://');
    const files = readdirSync(server.dataDir, { recursive: true })
      .map((name) => join(server.dataDir, String(name)))
      .filter((path) => statSync(path).isFile());
    expect(files.filter((path) => path.endsWith('.db'))).toEqual([]);
    for (const path of files) expect(readFileSync(path).includes('mongodb://')).toBe(false);
  }
});

test(
  'H2 a database that is not safe, cannot be reached or holds a password in its address is refused in one sentence',
  inBoth,
  async () => {
    await using standalone = await startMongoDouble({ setName: null });
    await using leaking = await startMongoDouble({ version: '8.0.16' });
    await using old = await startMongoDouble({ version: '6.0.30', maxWireVersion: 21 });
    writeFileSync(site.at('password'), 'hunter2\n', { mode: 0o600 });
    const refused = async (address: string, env: Record<string, string> = {}) => {
      const result = await site.refusedServer({
        dataDir: site.at(`refused-${Math.random()}`),
        env: { KUVERT_STORE: address, ...env },
      });
      expect(result.code).toBe(1);
      expect(result.stderr.trimEnd().split('\n').at(-1)).toMatch(/^\p{Lu}.*\.$/u);
      expect(result.stderr).not.toContain('hunter2');
      return result.stderr;
    };
    expect(await refused(standalone.url)).toContain('--replSet');
    expect(await refused(leaking.url)).toContain('CVE-2025-14847');
    expect(await refused(old.url)).toContain('too old');
    expect(await refused(`mongodb://kuvert:${'hunter2'}@127.0.0.1:1/`)).toContain(
      'KUVERT_STORE_PASSWORD_FILE',
    );
    expect(
      await refused('mongodb://kuvert@127.0.0.1:1/', { KUVERT_STORE_PASSWORD_FILE: site.at('password') }),
    ).toContain('cannot be reached');
  },
);
