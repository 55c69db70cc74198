/** Everything that is stored moves between the two engines, is backed up, and comes back without undoing what must stay (P5, H1). */
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Child, PROJECT_ROOT, type ServerProcess, Site, type TestPerson } from '@kuvert/testkit';
import { type MongoDouble, startMongoDouble } from '@kuvert/testkit/mongo-double';
import { afterAll, beforeAll, expect, test } from 'vitest';

let site: Site;
let double: MongoDouble;
let server: ServerProcess;
let anna: TestPerson;
let ben: TestPerson;
let cora: TestPerson;
let dora: TestPerson;

beforeAll(async () => {
  site = new Site();
  double = await startMongoDouble();
  server = await site.startServer();
  const acme = await server.tenant('Acme');
  anna = await acme.person('Anna');
  ben = await acme.person('Ben');
  cora = await acme.person('Cora');
  dora = await acme.person('Dora');
  expect((await send(anna, ben, 'in files')).json).toMatchObject([{ state: 'accepted' }]);
  await server.stop();
});
afterAll(async () => {
  await site[Symbol.asyncDispose]();
  await double.stop();
});

const long = { timeout: 600_000 };
const send = (from: TestPerson, to: TestPerson, text: string) =>
  site.kuvert(['send', ...from.asPerson, '--to', to.mail, '--text', text]);
const database = (name: string) => double.url.replace('/?', `/${name}?`);
const store = (args: readonly string[], env: Readonly<Record<string, string>> = {}) =>
  site.kuvert(['store', ...args], { env: { ...site.environment(), ...env } });
/** The same ports, so that people find it. */
const startOn = (env: Readonly<Record<string, string>>, dataDir = server.dataDir) =>
  site.startServer({ ...server.again, dataDir, env });

test('H1 an installation moves from files to MongoDB and back, and nobody notices', long, async () => {
  const there = await store(['copy', '--from', server.dataDir, '--to', database('moved')]);
  expect(there, there.stderr).toMatchObject({ code: 0 });
  const collections = (there.json[0] as { collections: { rows: number; sha256: string }[] }).collections;
  expect(collections.reduce((sum, { rows }) => sum + rows, 0)).toBeGreaterThan(20);
  const twice = await store(['copy', '--from', server.dataDir, '--to', database('moved')]);
  expect(twice).toMatchObject({ code: 3, errorCode: 'store_not_empty' });
  const checked = await store(['check'], { KUVERT_STORE: database('moved') });
  expect(checked, checked.stderr).toMatchObject({ code: 0, json: [{ differences: [] }] });

  server = await startOn({ KUVERT_STORE: database('moved') });
  expect((await site.kuvert(['inbox', ...ben.asPerson])).json).toMatchObject([{ text: 'in files' }]);
  expect((await send(anna, ben, 'in the database')).json).toMatchObject([{ state: 'accepted' }]);
  const busy = await store(['copy', '--from', database('moved'), '--to', site.at('back')]);
  expect(busy.code).not.toBe(0);
  expect(['store_in_use', 'data_in_use']).toContain(busy.errorCode);
  await server.stop();

  const back = await store(['copy', '--from', database('moved'), '--to', site.at('back')]);
  expect(back, back.stderr).toMatchObject({ code: 0 });
  server = await startOn({ KUVERT_STORE: 'files' }, site.at('back'));
  expect((await site.kuvert(['inbox', ...ben.asPerson])).json).toMatchObject([{ text: 'in the database' }]);
  expect((await send(ben, anna, 'back in files')).json).toMatchObject([{ state: 'accepted' }]);
  await server.stop();
});

test('H1 a folder with data beside an empty database is a mistake that is named', long, async () => {
  const refused = await site.refusedServer({ ...server.again, env: { KUVERT_STORE: database('empty') } });
  expect(refused.stderr).toContain('kuvert store copy');
});

for (const kind of ['files', 'database'] as const) {
  test(
    `P5 a backup of ${kind} comes back without undoing a revocation, and devices see a new epoch`,
    long,
    async () => {
      const data = server.dataDir;
      const source = kind === 'files' ? 'files' : database('backed-up');
      const target = kind === 'files' ? database('restored') : 'files';
      const victim = kind === 'files' ? ben : cora;
      if (kind === 'database') {
        // What the first round restored is in its database; it is where this one begins.
        const copied = await store(['copy', '--from', database('restored'), '--to', source]);
        expect(copied, copied.stderr).toMatchObject({ code: 0 });
      }
      const backup = site.at(`backup-${kind}`);
      const made = await store(['backup', '--to', backup], { KUVERT_DATA: data, KUVERT_STORE: source });
      expect(made, made.stderr).toMatchObject({ code: 0, json: [{ tenants: 1 }] });
      expect(readdirSync(join(backup, 'tenants'))).toHaveLength(1);

      server = await startOn({ KUVERT_STORE: source });
      expect((await send(anna, dora, 'after the backup')).code).toBe(0);
      const revoked = await site.kuvert(['operator', 'device', 'revoke', '--device', victim.deviceId], {
        env: { ...site.environment(), KUVERT_DATA: data },
      });
      expect(revoked, revoked.stderr).toMatchObject({ code: 0 });
      await server.stop();

      const newData = site.at(`data-after-${kind}`);
      const place = { KUVERT_DATA: newData, KUVERT_STORE: target };
      const restored = await store(['restore', '--from', backup], place);
      expect(restored, restored.stderr).toMatchObject({ code: 0 });
      const [facts] = restored.json as { epoch: number; replayed: number }[];
      expect(facts?.epoch).toBe(kind === 'files' ? 2 : 3);
      const again = await store(['restore', '--from', backup], place);
      expect(again).toMatchObject({ code: 3, errorCode: 'store_not_empty' });

      server = await startOn({ KUVERT_STORE: target }, newData);
      const out = await site.kuvert(['inbox', ...victim.asPerson]);
      expect(out).toMatchObject({ code: 3, errorCode: 'device_not_accepted' });
      const well = await send(anna, dora, 'hello again');
      expect(well.code).toBe(0);
      await server.stop();
    },
  );
}

test('P5 a restore that is killed is begun again, and no server opens what is half there', long, async () => {
  const order = JSON.stringify({ command: 'restore', from: site.at('backup-files'), ledgers: [] });
  const main = join(PROJECT_ROOT, 'apps', 'server', 'src', 'store-command.ts');
  let place: { readonly KUVERT_DATA: string; readonly KUVERT_STORE: string };
  let child: Child;
  let tries = 0;
  do {
    const name = `killed-${++tries}`;
    place = { KUVERT_DATA: site.at(name), KUVERT_STORE: database(name) };
    const options = { cwd: site.folder.path, env: { ...site.environment(), ...place } };
    child = site.children.start(process.execPath, [main, order], options);
    for (let lines = 0; lines < 9; lines++)
      expect(JSON.parse(await child.nextLine())).toHaveProperty('progress');
    child.kill('SIGKILL');
    await child.ended;
    // On a busy machine it may come to its end before the kill comes to it.
  } while (child.stdout.includes('"result"'));
  // Whoever was killed counts as being at work for a while, so the first answers may be that.
  const env = { KUVERT_STORE: place.KUVERT_STORE };
  let refused = await site.refusedServer({ dataDir: place.KUVERT_DATA, env });
  while (refused.stderr.includes('at work'))
    refused = await site.refusedServer({ dataDir: place.KUVERT_DATA, env });
  expect(refused.stderr).toMatch(/damaged|not come to its end/);
  const again = () => store(['restore', '--from', site.at('backup-files')], place);
  let restored = await again();
  while (restored.errorCode === 'store_in_use') restored = await again();
  expect(restored, restored.stderr).toMatchObject({ code: 0 });
  server = await startOn(env, place.KUVERT_DATA);
  expect(await site.kuvert(['inbox', ...ben.asPerson])).toMatchObject({ errorCode: 'device_not_accepted' });
  await server.stop();
});

test(
  'P5 a backup that was altered, or is not whole, is refused before anything is written',
  long,
  async () => {
    const backup = site.at('backup-files');
    const file = join(backup, 'control.db');
    const bytes = readFileSync(file);
    bytes[5_000] = (bytes[5_000] ?? 0) ^ 1;
    writeFileSync(file, bytes);
    const place = { KUVERT_DATA: site.at('never'), KUVERT_STORE: 'files' };
    expect(await store(['restore', '--from', backup], place)).toMatchObject({ errorCode: 'backup_damaged' });
    bytes[5_000] = (bytes[5_000] ?? 0) ^ 1;
    writeFileSync(file, bytes);
    const [tenant = ''] = readdirSync(join(backup, 'tenants'));
    rmSync(join(backup, 'tenants', tenant));
    expect(await store(['restore', '--from', backup], place)).toMatchObject({ errorCode: 'backup_damaged' });
    expect(existsSync(site.at('never', 'keyring.json'))).toBe(false);
  },
);
