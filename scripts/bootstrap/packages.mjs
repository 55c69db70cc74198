// Installs the npm packages when they are missing or differ from the lockfile. Nothing is remembered between
// runs: npm leaves `node_modules/.package-lock.json` as the list of what it installed, and that is compared with
// the committed lockfile. `npm install` and not `npm ci`: a lockfile written on one platform may lack optional
// packages of another, and `npm ci` refuses then.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** How often the installation says how far it is. */
const PROGRESS_MS = 3000;

/**
 * The Node 26 that npm installed.
 * @param {string} root
 */
export function installedNode(root) {
  return join(root, 'node_modules', '.bin', 'node');
}

/**
 * Lists the folders that the lockfile asks for and that are not installed as it says.
 * @param {string} root
 * @returns {string[]} paths such as `node_modules/ws`
 */
export function listMissingPackages(root) {
  const wanted = readLock(join(root, 'package-lock.json'));
  const installed = readLock(join(root, 'node_modules', '.package-lock.json'));
  return Object.entries(wanted)
    .filter(([path, entry]) => {
      if (!path.startsWith('node_modules/')) return false;
      const found = installed[path];
      // An optional package may be missing, because it is for another platform; it may not be another version.
      if (entry.optional && !found) return false;
      return found?.version !== entry.version || !existsSync(join(root, path));
    })
    .map(([path]) => path);
}

/**
 * Installs what is missing and says so in plain words.
 * @param {object} task
 * @param {string} task.root
 * @param {import('./process-family.mjs').ProcessFamily} task.family
 * @param {(line: string) => void} task.say
 * @param {boolean} [task.always] runs npm also when nothing is missing
 * @returns {Promise<boolean>} whether everything is there now
 */
export async function installPackages({ root, family, say, always = false }) {
  const missing = listMissingPackages(root);
  if (missing.length === 0 && existsSync(installedNode(root)) && !always) return true;
  const startedMs = Date.now();
  if (missing.length > 0) {
    say(
      `Installing ${missing.length} npm packages into node_modules; this happens once and takes about a minute.`,
    );
  }
  const timer = setInterval(() => {
    if (missing.length === 0) return;
    const there = missing.filter((path) => existsSync(join(root, path, 'package.json'))).length;
    say(`  … ${there} of ${missing.length} packages are there after ${seconds(startedMs)}`);
  }, PROGRESS_MS);
  const { code } = await runNpmInstall({ root, family });
  clearInterval(timer);
  if (family.stoppedBy) return false;
  if (code !== 0) {
    say(
      'npm could not install the packages (its own words stand above): please check the network and the disk, and run this again.',
    );
    return false;
  }
  if (!existsSync(installedNode(root))) {
    say('npm left out the package with Node 26: please delete the folder node_modules and run this again.');
    return false;
  }
  if (missing.length > 0) say(`Installed in ${seconds(startedMs)}.`);
  return true;
}

/**
 * Only errors reach the screen: some packages ask for a newer Node than the one that runs npm, and npm warns
 * about each, but they run on the Node 26 that is installed beside them.
 * @param {{ root: string, family: import('./process-family.mjs').ProcessFamily }} task
 */
function runNpmInstall({ root, family }) {
  const args = ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  const npmCli = process.env.npm_execpath;
  // Under `npm start` this very npm is used again, also where another one comes first on the path.
  const [command, first] = npmCli?.endsWith('npm-cli.js') ? [process.execPath, [npmCli]] : ['npm', []];
  return family.run(command, [...first, ...args], { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] });
}

/**
 * @param {string} path
 * @returns {Record<string, { version?: string, optional?: boolean }>}
 */
function readLock(path) {
  if (!existsSync(path)) return {};
  return JSON.parse(readFileSync(path, 'utf8')).packages;
}

/** @param {number} sinceMs */
function seconds(sinceMs) {
  return `${Math.round((Date.now() - sinceMs) / 1000)} s`;
}
