import { globSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { listMissingDebianPackages, PROGRAMS } from '../../scripts/bootstrap/debian-packages.mjs';
import { listMissingPackages } from '../../scripts/bootstrap/packages.mjs';
import { findRefusal, GLIBC_MIN, NODE_MAJOR_MIN, PLATFORMS } from '../../scripts/bootstrap/prerequisites.mjs';
import { CHECKS, conclude, readChecks, readVitest, sum } from '../../scripts/bootstrap/tally.mjs';
import {
  copyScripts,
  makeTemporaryFolder,
  plantTree,
  ROOT,
  runProgram,
  type TemporaryFolder,
} from './planted-tree.ts';

const MACHINE = { nodeVersion: '20.0.0', platform: 'linux-x64', glibcVersion: GLIBC_MIN };
/** A registry that is out of reach is given up before the test is. */
const HURRIED = ['--fetch-retries=1', '--fetch-timeout=60000'];
const OLD_NODE = `node-${process.platform}-${process.arch}@18.20.8`;

let folder: TemporaryFolder;
let oldNode: string | undefined;

beforeAll(async () => {
  folder = makeTemporaryFolder();
  const cwd = folder.path;
  const packed = await runProgram('npm', ['pack', '--silent', '--prefer-offline', ...HURRIED, OLD_NODE], {
    cwd,
  });
  if (packed.code !== 0) return;
  await runProgram('tar', ['-xzf', packed.stdout.trim(), 'package/bin/node'], { cwd });
  oldNode = join(cwd, globSync('package/bin/node', { cwd })[0] ?? 'missing');
});

afterAll(() => folder[Symbol.dispose]());

test.for(['start', 'test'])(
  'H1 Node 18 is told by npm %s in one sentence that it is too old',
  async (command, { skip }) => {
    if (!oldNode) return skip('the registry does not serve Node 18');
    const result = await runProgram(oldNode, [join(ROOT, 'scripts', `${command}.mjs`)], { cwd: folder.path });
    expect(result).toEqual({
      code: 1,
      stdout: '',
      stderr:
        'Kuvert needs Node 20 or newer to start and this is Node 18.20.8: please install a newer Node.\n',
    });
  },
);

test('H1 Node 20 on Debian 12 is let in, and so is everything newer', () => {
  expect(findRefusal(MACHINE)).toBeUndefined();
  expect(
    findRefusal({ nodeVersion: '26.10.0', platform: 'linux-arm64', glibcVersion: '2.100' }),
  ).toBeUndefined();
  expect(findRefusal({ ...MACHINE, platform: 'darwin-x64', glibcVersion: undefined })).toBeUndefined();
});

test.each([
  ['an old Node', { ...MACHINE, nodeVersion: '19.9.0' }, `Node ${NODE_MAJOR_MIN} or newer`],
  ['an old glibc', { ...MACHINE, glibcVersion: '2.31' }, 'this system has 2.31'],
  ['musl', { ...MACHINE, glibcVersion: undefined }, 'another C library'],
  ['an unknown platform', { ...MACHINE, platform: 'win32-x64' }, 'this machine is win32-x64'],
])('H1 %s is refused with one sentence', (_, machine, words) => {
  const refusal = findRefusal(machine);
  expect(refusal).toContain(words);
  expect(refusal).toMatch(/^[^\n]+\.$/);
});

test('H1 each platform that is let in has its Node 26 among the packages', async () => {
  const { default: manifest } = await import('../../package.json', { with: { type: 'json' } });
  expect(Object.keys(manifest.optionalDependencies).sort()).toEqual(
    PLATFORMS.map((name) => `node-${name}`).sort(),
  );
});

test('H1 a missing, an outdated and a deleted package are noticed; an optional one may be missing', () => {
  const wanted = {
    '': {},
    'packages/own': { version: '0.1.0' },
    'node_modules/own': { link: true },
    'node_modules/here': { version: '1.0.0' },
    'node_modules/missing': { version: '1.0.0' },
    'node_modules/outdated': { version: '2.0.0' },
    'node_modules/deleted': { version: '1.0.0' },
    'node_modules/other-platform': { version: '1.0.0', optional: true },
    'node_modules/outdated-optional': { version: '2.0.0', optional: true },
  };
  const installed = {
    'node_modules/own': { link: true },
    'node_modules/here': { version: '1.0.0' },
    'node_modules/outdated': { version: '1.0.0' },
    'node_modules/deleted': { version: '1.0.0' },
    'node_modules/outdated-optional': { version: '1.0.0', optional: true },
  };
  using tree = plantTree({
    'package-lock.json': JSON.stringify({ packages: wanted }),
    'node_modules/.package-lock.json': JSON.stringify({ packages: installed }),
    'node_modules/own/x': '',
    'node_modules/here/x': '',
    'node_modules/outdated/x': '',
    'node_modules/outdated-optional/x': '',
  });
  expect(listMissingPackages(tree.path)).toEqual([
    'node_modules/missing',
    'node_modules/outdated',
    'node_modules/deleted',
    'node_modules/outdated-optional',
  ]);
});

test('H1 nothing is missing here, so a second start installs nothing', () => {
  expect(listMissingPackages(ROOT)).toEqual([]);
});

test('H1 without a registry the installation ends with one sentence of ours', async () => {
  const lock = {
    name: 'kuvert',
    lockfileVersion: 3,
    packages: {
      '': { dependencies: { 'planted-package': '1.0.0' } },
      'node_modules/planted-package': { version: '1.0.0', integrity: 'sha512-AAAA' },
    },
  };
  using tree = plantTree({
    'package.json': JSON.stringify({ name: 'kuvert', dependencies: { 'planted-package': '1.0.0' } }),
    'package-lock.json': JSON.stringify(lock),
  });
  copyScripts(tree);
  const { code, stdout, stderr } = await runProgram(process.execPath, ['scripts/start.mjs'], {
    cwd: tree.path,
    env: { ...process.env, npm_config_registry: 'http://127.0.0.1:9', npm_config_fetch_retries: '0' },
  });
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(stderr).toContain('Installing 1 npm packages into node_modules');
  expect(stderr).not.toMatch(/npm warn|^ +at /m);
  expect(stderr.trimEnd().split('\n').at(-1)).toBe(
    'npm could not install the packages (its own words stand above): please check the network and the disk, and run this again.',
  );
});

test('house npm test fails, counts and puts the lockfile back where nothing works and npm changes the lockfile', async () => {
  const lockfile = JSON.stringify({ name: 'kuvert', lockfileVersion: 3, packages: {} });
  using tree = plantTree({
    'package.json': JSON.stringify({ name: 'kuvert', version: '0.1.0' }),
    'package-lock.json': lockfile,
  });
  copyScripts(tree);
  mkdirSync(join(tree.path, 'node_modules', '.bin'), { recursive: true });
  symlinkSync(process.execPath, join(tree.path, 'node_modules', '.bin', 'node'));
  const { code, stdout } = await runProgram(process.execPath, ['scripts/test.mjs'], { cwd: tree.path });
  expect(code).toBe(1);
  expect(stdout).toContain('npm install changed package-lock.json (it is put back)');
  expect(stdout).toMatch(/\n0 passed, 6 failed, 0 skipped\n$/);
  expect(readFileSync(join(tree.path, 'package-lock.json'), 'utf8')).toBe(lockfile);
});

test('house every program that the tests call is there now, and a missing one names its package', () => {
  expect(listMissingDebianPackages()).toEqual([]);
  expect(listMissingDebianPackages('/planted/bin')).toEqual(
    PROGRAMS.map(({ debianPackage }) => debianPackage),
  );
});

test('house a check that did not report counts as failed', () => {
  const execution = { startTime: 1000, endTime: 3500, exitCode: 0 };
  expect(readChecks(undefined).map(({ passed }) => passed)).toEqual(CHECKS.map(() => false));
  expect(
    readChecks({
      tasks: [
        { task: 'types', execution },
        { task: 'lint', execution: { ...execution, exitCode: 1 } },
      ],
    }),
  ).toEqual([
    { name: 'types', passed: true, tookMs: 2500 },
    { name: 'lint', passed: false, tookMs: 2500 },
    { name: 'architecture', passed: false, tookMs: 0 },
    { name: 'dead-code', passed: false, tookMs: 0 },
  ]);
});

test('house broken files, errors outside of tests and a missing report count as failures', () => {
  const report = {
    numPassedTests: 2,
    numFailedTests: 0,
    numPendingTests: 1,
    numTodoTests: 0,
    testResults: [],
  };
  const skipped = { status: 'skipped', fullName: 'a promise for later' };
  const broken = { status: 'failed', assertionResults: [] };
  expect(readVitest(undefined, 0).failed).toBe(1);
  expect(readVitest(report, 1).failed).toBe(1);
  expect(readVitest({ ...report, testResults: [broken, broken] }, 1).failed).toBe(2);
  expect(
    readVitest({ ...report, testResults: [{ status: 'passed', assertionResults: [skipped] }] }, 0),
  ).toEqual({
    passed: 2,
    failed: 0,
    skipped: 1,
    skippedNames: ['a promise for later'],
  });
});

test('house the last line counts everything, and a run that tested nothing fails', () => {
  const total = sum([
    { passed: 4, failed: 0, skipped: 0 },
    { passed: 10, failed: 0, skipped: 2 },
  ]);
  expect(conclude(total)).toEqual({ line: '14 passed, 0 failed, 2 skipped', exitCode: 0 });
  expect(conclude({ passed: 14, failed: 1, skipped: 0 }).exitCode).toBe(1);
  expect(conclude({ passed: 0, failed: 0, skipped: 3 }).exitCode).toBe(1);
});
