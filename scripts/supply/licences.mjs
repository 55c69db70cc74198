// Whether everything that is shipped may be shipped under AGPL-3.0-only. What is installed counts, by its own package.json;
// packages for other platforms, which are not installed, count by the lockfile.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Licences whose code may be part of a work under AGPL-3.0-only. */
const COMPATIBLE = new Set([
  ...[
    'AGPL-3.0-only',
    'AGPL-3.0-or-later',
    'GPL-3.0-only',
    'GPL-3.0-or-later',
    'LGPL-3.0-only',
    'LGPL-3.0-or-later',
  ],
  ...['MIT', 'MIT-0', 'ISC', '0BSD', 'BSD-2-Clause', 'BSD-3-Clause', 'Apache-2.0', 'BlueOak-1.0.0', 'Zlib'],
  ...['CC0-1.0', 'Unlicense', 'MPL-2.0', 'Python-2.0'],
]);

/**
 * True when an SPDX expression leaves a choice that is compatible: every part of an AND, one of an OR.
 * @param {unknown} expression
 * @returns {boolean}
 */
export function isCompatible(expression) {
  if (typeof expression !== 'string') return false;
  const tokens = expression.match(/\(|\)|[^\s()]+/g) ?? [];
  let at = 0;
  /** @returns {boolean} */
  const any = () => {
    let result = all();
    while (tokens[at] === 'OR') {
      at++;
      const right = all();
      result = result || right;
    }
    return result;
  };
  /** @returns {boolean} */
  const all = () => {
    let result = one();
    while (tokens[at] === 'AND') {
      at++;
      const right = one();
      result = result && right;
    }
    return result;
  };
  /** @returns {boolean} */
  const one = () => {
    const token = tokens[at++];
    if (token !== '(') return COMPATIBLE.has(token ?? '');
    const inner = any();
    return tokens[at++] === ')' && inner;
  };
  return any() && at === tokens.length;
}

/**
 * Every production dependency whose licence is not compatible, as `name@version: licence`.
 * @param {string} root
 */
export function findLicenceProblems(root) {
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
  const problems = [];
  let count = 0;
  for (const [path, entry] of Object.entries(packages)) {
    if (!path.includes('node_modules/') || entry.link || entry.dev || entry.devOptional) continue;
    count++;
    const manifest = join(root, path, 'package.json');
    const licence = existsSync(manifest)
      ? licenceOf(JSON.parse(readFileSync(manifest, 'utf8')))
      : entry.license;
    if (!isCompatible(licence)) {
      problems.push(
        `${path.slice(path.lastIndexOf('node_modules/') + 13)}@${entry.version}: ${licence ?? 'none'}`,
      );
    }
  }
  return { count, problems };
}

/**
 * Old packages have a list of objects; any of them may be chosen.
 * @param {{ license?: string | { type?: string }, licenses?: { type?: string }[] }} manifest
 */
function licenceOf({ license, licenses }) {
  if (typeof license === 'string') return license;
  if (license?.type !== undefined) return license.type;
  return licenses?.map(({ type }) => type).join(' OR ');
}
