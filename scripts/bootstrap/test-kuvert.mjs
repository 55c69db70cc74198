// What `npm test` does: install, the checks (types, lint, architecture, dead code) through turbo, then every test
// through vitest. Each part says how long it took.
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { installDebianPackages } from './debian-packages.mjs';
import { installedNode, installPackages, listMissingPackages } from './packages.mjs';
import { ProcessFamily } from './process-family.mjs';
import { CHECKS, conclude, readChecks, readVitest, sum } from './tally.mjs';

/** @typedef {import('./tally.mjs').Tally} Tally */

/** @param {string[]} filters what stands after `npm test --`: paths of test files, passed on to vitest */
export async function testKuvert(filters) {
  const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
  const family = new ProcessFamily({ underNpm: process.env.npm_lifecycle_event === 'test' });
  const startedMs = Date.now();
  /** @type {Tally[]} */
  const parts = [];

  /** @type {(() => Promise<Tally>)[]} */
  const steps = [
    () => checkInstallation(root, family),
    () => runChecks(root, family),
    () => runVitest(root, family, filters),
  ];
  for (const step of steps) {
    const part = await step();
    if (family.stoppedBy) break;
    parts.push(part);
    // Without packages, nothing after this could run.
    if (listMissingPackages(root).length > 0) break;
  }
  if (family.stoppedBy) parts.push({ passed: 0, failed: 1, skipped: 0 });

  const { line, exitCode } = conclude(sum(parts));
  say(`\nEverything took ${seconds(Date.now() - startedMs)}.`);
  say(line);
  process.exitCode = exitCode;
}

/**
 * Installs what the tests need, and sees that npm finds nothing to change in the committed lockfile.
 * @param {string} root
 * @param {ProcessFamily} family
 * @returns {Promise<Tally>}
 */
async function checkInstallation(root, family) {
  const startedMs = Date.now();
  const lockfile = join(root, 'package-lock.json');
  const before = readFileSync(lockfile);
  await installDebianPackages({ family, say });
  const installed = await installPackages({ root, family, say, always: true });
  const unchanged = readFileSync(lockfile).equals(before);
  if (!unchanged) {
    writeFileSync(lockfile, before);
    say(
      'npm install changed package-lock.json (it is put back): please run it yourself and commit the change.',
    );
  }
  return report('lockfile', installed && unchanged, Date.now() - startedMs);
}

/**
 * @param {string} root
 * @param {ProcessFamily} family
 * @returns {Promise<Tally>}
 */
async function runChecks(root, family) {
  const runs = join(root, '.turbo', 'runs');
  rmSync(runs, { recursive: true, force: true });
  // `--force`: a test run never answers from turbo's cache; `npm run check` may.
  const turboOptions = [
    '--force',
    '--continue=always',
    '--summarize',
    '--output-logs=errors-only',
    '--log-order=grouped',
    '--log-prefix=none',
    '--no-update-notifier',
  ];
  const { code, output } = await family.run(
    join(root, 'node_modules', '.bin', 'turbo'),
    ['run', ...CHECKS, ...turboOptions],
    { cwd: root, env: node26Environment(root), capture: true },
  );
  if (code !== 0) say(output);
  const summary = readdirOrNothing(runs)[0];
  const checks = readChecks(summary ? readJson(join(runs, summary)) : undefined);
  const tallies = checks.map(({ name, passed, tookMs }) => report(name, passed, tookMs));
  // Should turbo find a fault that no check shows, the run fails all the same.
  if (code !== 0 && checks.every(({ passed }) => passed)) tallies.push(report('turbo', false, 0));
  return sum(tallies);
}

/**
 * @param {string} root
 * @param {ProcessFamily} family
 * @param {string[]} filters
 * @returns {Promise<Tally>}
 */
async function runVitest(root, family, filters) {
  const startedMs = Date.now();
  const folder = mkdtempSync(join(tmpdir(), 'kuvert-test-'));
  const reportFile = join(folder, 'report.json');
  const { code } = await family.run(
    installedNode(root),
    [
      join(root, 'node_modules', 'vitest', 'vitest.mjs'),
      'run',
      ...filters,
      '--reporter=default',
      '--reporter=json',
      `--outputFile.json=${reportFile}`,
    ],
    {
      cwd: root,
      // The tests start the same programs hundreds of times, and half of what that costs is compiling them.
      env: { ...node26Environment(root), NODE_COMPILE_CACHE: join(folder, 'compiled') },
      stdio: ['ignore', 'inherit', 'inherit'],
    },
  );
  const tally = readVitest(existsSync(reportFile) ? readJson(reportFile) : undefined, code);
  rmSync(folder, { recursive: true, force: true });
  for (const name of tally.skippedNames) say(`skipped: ${name}`);
  report('tests', tally.failed === 0, Date.now() - startedMs);
  return tally;
}

/** @param {string} root */
function node26Environment(root) {
  return {
    ...process.env,
    PATH: join(root, 'node_modules', '.bin') + delimiter + process.env.PATH,
    TURBO_TELEMETRY_DISABLED: '1',
  };
}

/**
 * @param {string} name
 * @param {boolean} passed
 * @param {number} tookMs
 * @returns {Tally}
 */
function report(name, passed, tookMs) {
  say(`${name.padEnd(14)} ${passed ? 'passed' : 'FAILED'}  ${seconds(tookMs)}`);
  return { passed: passed ? 1 : 0, failed: passed ? 0 : 1, skipped: 0 };
}

/** @param {string} line */
function say(line) {
  console.log(line);
}

/** @param {number} ms */
function seconds(ms) {
  return `${(ms / 1000).toFixed(1)} s`;
}

/** @param {string} path */
function readJson(path) {
  return JSON.parse(readFileSync(path, 'utf8'));
}

/** @param {string} path */
function readdirOrNothing(path) {
  return existsSync(path) ? readdirSync(path) : [];
}
