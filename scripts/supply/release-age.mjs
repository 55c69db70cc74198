// A release is taken only once it has been public for a while: packages that were taken over are usually found out within days. npm can do that by
// itself (`min-release-age`), but then it also refuses to install what the lockfile names, and a fresh clone must always install; so it is
// looked at where a new version comes in: in the change of the lockfile.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { runNpm } from './npm.mjs';

/** How long a release must have been public, in days. */
export const RELEASE_AGE_DAYS_MIN = 7;

/**
 * Releases that were taken earlier, by name, with the reason beside each, such as a weakness that they mend. An entry may go once it is old enough.
 * @type {ReadonlyMap<string, string>}
 */
const TAKEN_EARLY = new Map();

/** More changed packages than this are not asked for one by one. */
const QUESTIONS_MAX = 40;
const DAY_MS = 86_400_000;

/**
 * @typedef {Record<string, { version?: string, link?: boolean }>} Packages
 * @typedef {{ state: 'done', young: string[], count: number } | { state: 'unavailable', reason: string }} ReleaseAges
 */

/**
 * Versions of a lockfile that another one does not have, as name and version.
 * @param {Packages} before
 * @param {Packages} now
 * @returns {[string, string][]}
 */
export function newReleases(before, now) {
  const versions = (/** @type {Packages} */ packages) =>
    Object.entries(packages)
      .filter(([path, entry]) => path.includes('node_modules/') && !entry.link && entry.version !== undefined)
      .map(([path, { version }]) => `${path.slice(path.lastIndexOf('node_modules/') + 13)}@${version}`);
  const known = new Set(versions(before));
  const found = [...new Set(versions(now))].filter((name) => !known.has(name)).sort();
  return found.map((name) => [name.slice(0, name.lastIndexOf('@')), name.slice(name.lastIndexOf('@') + 1)]);
}

/**
 * Which new releases are too young.
 * @param {[string, string][]} releases
 * @param {(name: string) => Promise<Record<string, string> | undefined>} timesOf when each version of a package was published, undefined
 *   where the registry does not say
 * @param {number} nowMs
 * @returns {Promise<ReleaseAges>}
 */
export async function judgeReleases(releases, timesOf, nowMs) {
  if (releases.length > QUESTIONS_MAX)
    return {
      state: 'unavailable',
      reason: `${releases.length} packages are new, which is no ordinary change`,
    };
  const young = [];
  for (const [name, version] of releases) {
    if (TAKEN_EARLY.get(name) === version) continue;
    const times = await timesOf(name);
    if (times === undefined)
      return { state: 'unavailable', reason: 'the registry does not say when releases were published' };
    const publishedMs = Date.parse(times[version] ?? '');
    // A version of which the registry knows nothing is not one that is old enough.
    const ageDays = Number.isNaN(publishedMs) ? 0 : (nowMs - publishedMs) / DAY_MS;
    if (ageDays < RELEASE_AGE_DAYS_MIN)
      young.push(
        `${name}@${version} has been public for ${Math.floor(ageDays)} days: wait until it is ${RELEASE_AGE_DAYS_MIN}`,
      );
  }
  return { state: 'done', young, count: releases.length };
}

/**
 * Looks at what the lockfile has and the one before its last change had not.
 * @param {string} root
 * @returns {Promise<ReleaseAges>}
 */
export async function findYoungReleases(root) {
  const now = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages;
  const before = lockfileBefore(root);
  if (before === undefined)
    return { state: 'unavailable', reason: 'there is no earlier lockfile to compare with' };
  return judgeReleases(newReleases(before, now), (name) => askTimes(root, name), Date.now());
}

/**
 * The packages of the lockfile before its last change.
 * @param {string} root
 * @returns {Packages | undefined}
 */
function lockfileBefore(root) {
  try {
    const git = (/** @type {string[]} */ args) =>
      execFileSync('git', args, {
        cwd: root,
        encoding: 'utf8',
        maxBuffer: 64 * 1_048_576,
        stdio: ['ignore', 'pipe', 'ignore'],
      });
    const changed = git(['log', '-1', '--format=%H', '--', 'package-lock.json']).trim();
    return JSON.parse(git(['show', `${changed}^:package-lock.json`])).packages;
  } catch {
    return undefined;
  }
}

/**
 * @param {string} root
 * @param {string} name
 * @returns {Promise<Record<string, string> | undefined>}
 */
async function askTimes(root, name) {
  const { stdout } = await runNpm(root, ['view', name, 'time', '--json', '--fetch-retries=0']);
  try {
    const times = JSON.parse(stdout);
    return typeof times === 'object' && times !== null && !('error' in times) ? times : undefined;
  } catch {
    return undefined;
  }
}
