/** A server that cannot start says in one sentence what to do, damages nothing, and starts once that was done (H1). */
import { once } from 'node:events';
import { chmodSync, cpSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import {
  AS_NOBODY,
  canBeNobody,
  canMount,
  PROJECT_ROOT,
  type ServerOptions,
  Site,
  SmallDisk,
} from '@kuvert/testkit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const mounts = canMount();
const nobody = canBeNobody(join(PROJECT_ROOT, 'apps/server/src/main.ts'));

type Folders = Required<Pick<ServerOptions, 'dataDir' | 'keysDir'>>;

let site: Site;
/** Folders in which a server made a tenant before it was stopped; tests work on copies. */
let template: Folders;
beforeAll(async () => {
  site = new Site();
  template = freshFolders();
  const server = await site.startServer(template);
  await server.tenant('Acme');
  expect(await server.stop()).toEqual({ code: 0, signal: null });
});
afterAll(() => site[Symbol.asyncDispose]());

let folders = 0;
/** Options with folders of their own. */
function freshFolders(): Folders {
  folders += 1;
  return { dataDir: site.at(`data-${folders}`), keysDir: site.at(`keys-${folders}`) };
}

function usedFolders(): Folders {
  const copy = freshFolders();
  cpSync(template.dataDir, copy.dataDir, { recursive: true });
  cpSync(template.keysDir, copy.keysDir, { recursive: true });
  return copy;
}

/** The server refuses with one sentence that has `words` in it, and nothing else. */
async function expectRefusal(options: ServerOptions, words: RegExp): Promise<void> {
  const { code, stdout, stderr } = await site.refusedServer(options);
  expect(code).not.toBe(0);
  expect(stdout.toString()).toBe('');
  expect(stderr).toMatch(words);
  expect(stderr).toMatch(/^[A-Z][^\n]*\n$/);
  expect(stderr).not.toMatch(/\bat .*:\d+:\d+|Error:|node:/);
}

/** The same folders serve, with the tenants that were there before. */
async function expectStart(options: ServerOptions, tenants: number): Promise<void> {
  const server = await site.startServer(options);
  expect(await server.operator.call('installation', {})).toEqual({ tenants });
  expect((await fetch(new URL('/readyz', server.opsUrl))).status).toBe(200);
  expect(await server.stop()).toEqual({ code: 0, signal: null });
}

async function listenSomewhere(): Promise<{ other: Server; port: number }> {
  const port = await site.reservePort();
  const other = createServer().listen(port, '127.0.0.1');
  await once(other, 'listening');
  return { other, port };
}

describe('H1 a port in use', () => {
  test.each([
    ['KUVERT_PORT', 'port'],
    ['KUVERT_OPS_PORT', 'opsPort'],
  ] as const)('%s', async (variable, option) => {
    const used = usedFolders();
    const { other, port } = await listenSomewhere();
    await expectRefusal({ ...used, [option]: port }, new RegExp(`already uses this port.*${variable}`));
    await new Promise((resolve) => other.close(resolve));
    await expectStart({ ...used, [option]: port }, 1);
  });
});

test('H1 a data folder that another server holds, which goes on undisturbed', async () => {
  const used = usedFolders();
  const first = await site.startServer(used);
  await expectRefusal({ ...used }, /another process is using this (data )?folder/i);
  expect(await first.operator.call('installation', {})).toEqual({ tenants: 1 });
  await first.stop();
  await expectStart(used, 1);
});

test('H1 data that a newer version wrote', async () => {
  const used = usedFolders();
  const path = join(used.dataDir, 'keyring.json');
  const written = readFileSync(path);
  writeFileSync(path, JSON.stringify({ ...JSON.parse(written.toString()), format: 1_000 }));
  await expectRefusal(used, /newer version of Kuvert/);
  writeFileSync(path, written);
  await expectStart(used, 1);
});

describe('H1 keys', () => {
  test('that are missing', async () => {
    const used = usedFolders();
    renameSync(used.keysDir, `${used.keysDir}-away`);
    await expectRefusal(used, /keys .*are missing.*KUVERT_KEYS/);
    rmSync(used.keysDir, { recursive: true, force: true });
    renameSync(`${used.keysDir}-away`, used.keysDir);
    await expectStart(used, 1);
  });

  test('of another installation', async () => {
    const used = usedFolders();
    const others = freshFolders();
    await expectStart(others, 0);
    await expectRefusal({ ...used, keysDir: others.keysDir }, /keys do not fit.*KUVERT_KEYS/);
    await expectStart(used, 1);
  });

  test('that are no keys', async () => {
    const used = usedFolders();
    const path = join(used.keysDir, 'kek.json');
    const written = readFileSync(path);
    writeFileSync(path, '{"format":');
    await expectRefusal(used, /keys do not fit/);
    writeFileSync(path, written);
    await expectStart(used, 1);
  });

  test('inside the data folder', async () => {
    const { dataDir, keysDir } = freshFolders();
    await expectRefusal({ dataDir, keysDir: join(dataDir, 'keys') }, /must not lie inside the data folder/);
    await expectStart({ dataDir, keysDir }, 0);
  });
});

describe('H1 a disk', () => {
  test.skipIf(!mounts)('that is read-only', async () => {
    using disk = new SmallDisk(16 * 1024 * 1024);
    const options = { dataDir: disk.at('data'), keysDir: disk.at('keys') };
    await expectStart(options, 0);
    disk.setReadOnly(true);
    await expectRefusal(options, /cannot be written to/);
    disk.setReadOnly(false);
    await expectStart(options, 0);
  });

  test.skipIf(!mounts)('that is read-only from the first start on', async () => {
    using disk = new SmallDisk(16 * 1024 * 1024);
    const options = { dataDir: disk.at('data'), keysDir: site.at('keys-read-only') };
    disk.setReadOnly(true);
    await expectRefusal(options, /cannot be written to/);
    disk.setReadOnly(false);
    await expectStart(options, 0);
  });

  test.skipIf(!mounts)('that is full', async () => {
    using disk = new SmallDisk(16 * 1024 * 1024);
    const { keysDir } = freshFolders();
    const options = { dataDir: disk.at('data'), keysDir };
    disk.fill();
    await expectRefusal(options, /disk is full/);
    disk.clear();
    await expectStart(options, 0);
    disk.fill();
    await expectRefusal(options, /disk is full/);
    disk.clear();
    await expectStart(options, 0);
  });
});

describe('H1 folders of another user', () => {
  test.skipIf(!nobody)('which the server may not even look into', async () => {
    const used = usedFolders();
    chmodSync(site.folder.path, 0o755);
    await expectRefusal({ ...used, through: AS_NOBODY }, /belongs to another user|cannot be written to/);
    await expectStart(used, 1);
  });

  test.skipIf(!nobody)('which are open to everybody', async () => {
    const used = freshFolders();
    chmodSync(site.folder.path, 0o755);
    mkdirSync(used.dataDir, { mode: 0o777 });
    chmodSync(used.dataDir, 0o777);
    await expectRefusal({ ...used, through: AS_NOBODY }, /belongs to another user/);
    await expectStart(used, 0);
  });
});

test('H1 a copy of data and keys serves like the original', async () => {
  await expectStart(usedFolders(), 1);
});

test('H1 settings that are not valid are named', async () => {
  await expectRefusal({ ...freshFolders(), env: { KUVERT_PORT: 'eighty' } }, /KUVERT_PORT must be/);
  await expectRefusal(
    { ...freshFolders(), env: { KUVERT_HOST: '0.0.0.0' } },
    /TLS files or KUVERT_PUBLIC_URL/,
  );
});
