/**
 * P8: a text that exists nowhere else goes into every field that somebody can fill (docs/fields.md, planting.ts), and the server is searched for
 * it: files, log, metrics, memory, a core file, a backup. What is end-to-end encrypted is nowhere; what is sealed is in the memory of the
 * running server only, which looks people up by it.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  type Hit,
  makeCanary,
  needlesFor,
  type ServerProcess,
  Site,
  scanFolders,
  scanMemory,
} from '@kuvert/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readFieldList } from './field-list.ts';
import { PLANTINGS, type Stage, settingsWith } from './planting.ts';

const IS_LINUX = process.platform === 'linux';
/** Whether the kernel writes a core file to the folder of a process, instead of piping it somewhere. */
const WRITES_CORES =
  IS_LINUX && /^[a-z]+$/.test(readFileSync('/proc/sys/kernel/core_pattern', 'utf8').trim());

const classes = new Map(readFieldList().map((row) => [row.name, row.fieldClass]));
const canaries = new Map<string, string>();

/** The canary of a field. */
function canary(field: string): string {
  const known = canaries.get(field) ?? makeCanary(field.slice(field.lastIndexOf(' ') + 1).toLowerCase());
  canaries.set(field, known);
  return known;
}

const needles = () => [...canaries.values()].flatMap(needlesFor);

/** Fields whose canary was found, each with where. Without settings, which are clear. */
function fieldsIn(hits: readonly Hit[]): string[] {
  const names = new Map([...canaries].map(([field, text]) => [text, field]));
  const fields = hits.map((hit) => ({ field: names.get(hit.canary) ?? '', where: hit.where }));
  return [...new Set(fields.map(({ field, where }) => `${field} in ${where}`))];
}

/** Of what was found, what must not be found even in memory. */
function endToEnd(hits: readonly Hit[]): string[] {
  const names = new Map([...canaries].map(([field, text]) => [text, field]));
  return fieldsIn(hits.filter((hit) => classes.get(names.get(hit.canary) ?? '') === 'end-to-end'));
}

let site: Site;
let server: ServerProcess;
let metrics: string;
beforeAll(async () => {
  site = new Site();
  server = await site.startServer({ env: { KUVERT_LOG_LEVEL: 'debug' } });
  const stage = { server, canary } as Stage;
  for (const { plant } of PLANTINGS) await plant(stage);
  expect([...canaries.keys()]).toEqual(PLANTINGS.flatMap(({ fields }) => fields));
  metrics = await (await fetch(`${server.opsUrl}/metrics`)).text();
});
afterAll(() => site[Symbol.asyncDispose]());

/** Everything that the server keeps, and the encrypted profiles of the people. */
function scanFiles(folders = [server.dataDir, server.keysDir, site.at('mongodb')].filter(existsSync)) {
  const scan = scanFolders(folders, needles());
  expect(scan.files).toBeGreaterThan(3);
  expect(scan.bytesRead).toBeGreaterThan(100_000);
  // The testkit calls folders of people by their names; a server has no such folders.
  return fieldsIn(scan.hits.filter(({ where }) => !where.startsWith(`the name of ${site.at('people')}`)));
}

function scanText(text: string): string[] {
  const bytes = Buffer.from(text);
  return needles()
    .filter((needle) => bytes.includes(needle.bytes))
    .map((needle) => needle.canary);
}

test('P8 B1 B5 nothing that somebody filled in stands in a file of the running server, nor in a profile of a client', () => {
  expect(scanFiles()).toEqual([]);
  expect(scanFiles([site.at('people')])).toEqual([]);
});

test.skipIf(!IS_LINUX)(
  'P8 B1 nothing that is end-to-end encrypted stands in the memory of the server',
  () => {
    const scan = scanMemory(server.pid, needles());
    expect(scan.bytesRead).toBeGreaterThan(50 * 1024 * 1024);
    expect(scan.bytesRefused).toBeLessThan(1024 * 1024);
    expect(endToEnd(scan.hits)).toEqual([]);
    // The scan sees what is there: the directory that the running server answers from.
    expect(scan.hits.map((hit) => hit.canary)).toContain(canary('operator personAdd: mail'));
  },
);

test('P8 B7 H6 nothing that somebody filled in stands in the log or in the metrics', () => {
  expect(server.log).toContain('"level":"debug"');
  expect(metrics).toMatch(/^kuvert_submits_accepted_total [1-9]/m);
  expect([...scanText(server.log), ...scanText(metrics)]).toEqual([]);
  // The log may name ids; metrics name nobody at all.
  expect(metrics).not.toMatch(/\b[a-z]{2}_[0-9a-z]{29}\b/);
});

test('P8 what stands in a file is found where it stands', () => {
  const planted = join(server.dataDir, 'planted');
  writeFileSync(planted, Buffer.from(canary('content text: text')).toString('base64'));
  expect(scanFiles()).toEqual([`content text: text in ${planted}`]);
  rmSync(planted);
});

test.skipIf(!WRITES_CORES)(
  'P8 B1 nothing that is end-to-end encrypted stands in a core file that root forces against our settings',
  async () => {
    // The server has turned core files off (packages/closed-process); only from outside can they be turned on again.
    spawnSync('prlimit', [`--pid=${server.pid}`, '--core=unlimited:unlimited']);
    writeFileSync(`/proc/${server.pid}/coredump_filter`, '0x33');
    await server.stop('SIGSEGV');
    const files = readdirSync(site.folder.path).filter((name) => /^core/.test(name));
    expect(files).toHaveLength(1);
    const folder = site.at('cores');
    mkdirSync(folder);
    // Of three gigabytes nearly all are holes, which an archive leaves out.
    const packed = spawnSync('tar', ['--sparse', '-cf', join(folder, 'cores.tar'), ...files], {
      cwd: site.folder.path,
    });
    expect(packed.status).toBe(0);
    for (const name of files) rmSync(site.at(name));
    const scan = scanFolders([folder], needles());
    expect(scan.bytesRead).toBeGreaterThan(50 * 1024 * 1024);
    expect(endToEnd(scan.hits)).toEqual([]);
    expect(scan.hits.map((hit) => hit.canary)).toContain(canary('operator personAdd: mail'));
    rmSync(folder, { recursive: true });
  },
);

test('P8 B5 nothing that somebody filled in stands in a file of the killed and of the stopped server, nor in a backup made as the README says', async () => {
  await server.stop('SIGKILL');
  expect(scanFiles()).toEqual([]);
  const before = server.log;
  server = await site.startServer(server.again);
  expect(await server.stop()).toEqual({ code: 0, signal: null });
  expect(scanFiles()).toEqual([]);
  expect(scanText(before + server.log)).toEqual([]);
  const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
  const commands = [...readme.matchAll(/^cp -a (data|keys) +(\/backup\/place-(?:one|two)\/)$/gm)];
  expect(commands).toHaveLength(2);
  for (const [, what, to = ''] of commands) {
    const place = site.at(`.${to}`);
    spawnSync('mkdir', ['-p', place]);
    spawnSync('cp', ['-a', what === 'data' ? server.dataDir : server.keysDir, place]);
  }
  // With KUVERT_TEST_STORE=mongodb the database is what has to be backed up as well.
  const isMongo = existsSync(site.at('mongodb'));
  if (isMongo) spawnSync('cp', ['-a', site.at('mongodb'), site.at('backup', 'place-one')]);
  const kept = isMongo ? ['mongodb', 'double.log'] : ['data', 'control.db'];
  expect(existsSync(site.at('backup', 'place-one', ...kept))).toBe(true);
  expect(scanFiles([site.at('backup')])).toEqual([]);
});

test('P8 H6 what stands in a setting is in no log, no metric and no file but the one for the command line', async () => {
  server = await site.startServer({
    ...server.again,
    env: { ...settingsWith(canary), KUVERT_LOG_LEVEL: 'debug' },
  });
  const restarted = await (await fetch(`${server.opsUrl}/metrics`)).text();
  expect([...scanText(server.log), ...scanText(restarted)]).toEqual([]);
  expect(scanFiles()).toEqual([`setting: KUVERT_PUBLIC_URL in ${join(server.dataDir, 'server.json')}`]);
});
